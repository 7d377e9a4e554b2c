/** What is worth protecting on a machine that nobody has described: the user's files and the system's configuration. */
import { accessSync, constants } from "node:fs";
import {
  CACHE_TAG,
  REPRODUCIBLE_IN_HOMES,
  REPRODUCIBLE_NAMES,
  type SelectionRules,
  escapePattern,
} from "@holdfast/engine";

export interface CriticalFiles {
  readonly targets: readonly string[];
  readonly rules: SelectionRules;
  /** The exclude patterns among the rules, for the snapshot's record. */
  readonly excludes: readonly string[];
}

/**
 * The home folder without caches, and `/etc` when it can be read.
 * @param repository is always left out: a backup must not contain itself
 */
export function criticalFiles(home: string, repository: string): CriticalFiles {
  const targets = [home, ...(isReadable("/etc") ? ["/etc"] : [])];
  return protectedFiles(targets, repository, [
    ...REPRODUCIBLE_IN_HOMES.map((path) => `${escapePattern(home)}/${path}`),
    ...REPRODUCIBLE_NAMES,
  ]);
}

/** Paths that the user named: nothing is left out but folders marked as caches and the repository itself. */
export function namedFiles(targets: readonly string[], repository: string): CriticalFiles {
  return protectedFiles(targets, repository, []);
}

function protectedFiles(targets: readonly string[], repository: string, patterns: readonly string[]): CriticalFiles {
  const excludes = [...patterns, escapePattern(repository)];
  return {
    targets,
    excludes,
    rules: {
      excludes: [{ lines: excludes, ignoreCase: false }],
      ifPresent: [CACHE_TAG],
      largerThanBytes: undefined,
      oneFileSystem: true,
    },
  };
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
