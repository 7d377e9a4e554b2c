/** What is worth protecting on a machine that nobody has described: the user's files and the system's configuration. */
import { accessSync, constants } from "node:fs";
import type { SelectionRules } from "@holdfast/engine";

export interface CriticalFiles {
  readonly targets: readonly string[];
  readonly rules: SelectionRules;
  /** The exclude patterns among the rules, for the snapshot's record. */
  readonly excludes: readonly string[];
}

/** Below a home folder: what programs can make again, and what would only fill the repository. */
const REPRODUCIBLE = [
  ".cache",
  ".local/share/Trash",
  ".npm/_cacache",
  ".npm/_npx",
  ".cargo/registry",
  ".cargo/git",
  ".rustup/toolchains",
  ".m2/repository",
  ".gradle/caches",
  ".nuget/packages",
  "go/pkg/mod",
  ".pyenv/versions",
  ".nvm/versions",
  ".mozilla/firefox/*/cache2",
  ".config/*/Cache",
  ".config/*/Code Cache",
  ".config/*/GPUCache",
  ".var/app/*/cache",
  "snap/*/*/.cache",
] as const;

/** Anywhere. */
const REPRODUCIBLE_NAMES = ["node_modules", "__pycache__", ".venv"] as const;

/**
 * The home folder without caches, and `/etc` when it can be read.
 * @param repository is always left out: a backup must not contain itself
 */
export function criticalFiles(home: string, repository: string): CriticalFiles {
  const targets = [home, ...(isReadable("/etc") ? ["/etc"] : [])];
  return protectedFiles(targets, repository, [
    ...REPRODUCIBLE.map((path) => `${escapePattern(home)}/${path}`),
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
      ifPresent: [{ name: "CACHEDIR.TAG", header: "Signature: 8a477f597d28d172789f06886806bc55" }],
      largerThanBytes: undefined,
      oneFileSystem: true,
    },
  };
}

/** A path as a pattern that matches only itself. */
function escapePattern(path: string): string {
  return path.replaceAll(/[\\*?[\]]/g, (character) => `\\${character}`);
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
