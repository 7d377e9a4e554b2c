/**
 * Expands a pattern to the paths that exist, with the results of Go's `filepath.Glob`. The file system is the caller's.
 */
import { posix } from "node:path";
import { engineError } from "../errors.ts";
import { compareNames } from "../filesystem/path-bytes.ts";
import { toByteText } from "./byte-text.ts";
import { compileNameGlob, type NameTest } from "./name-glob.ts";

/** What the expansion asks of the file system. */
export interface GlobFileSystem {
  /** Whether there is anything at a path, without following a link there. */
  exists(path: string): boolean;
  /** The names in a folder, or in the folder that a link leads to; none if it is not one or cannot be read. */
  names(folder: string): readonly string[];
}

const HAS_META = /[*?[\\]/;

/**
 * The existing paths that match, ordered by folder, then name. A pattern without special characters is itself, if it
 * exists. There is no `**` here, and `*` also matches names that start with a dot.
 *
 * @throws ENGINE_PATTERN_INVALID
 */
export function expandGlob(pattern: string, fileSystem: GlobFileSystem): string[] {
  if (!HAS_META.test(pattern)) return fileSystem.exists(pattern) ? [pattern] : [];
  const slash = pattern.lastIndexOf("/");
  const test = compileNameGlob(toByteText(pattern.slice(slash + 1)));
  if (test === undefined) throw engineError("ENGINE_PATTERN_INVALID", { patterns: [pattern] });
  const folder = slash < 0 ? "." : pattern.slice(0, Math.max(slash, 1));
  const folders = HAS_META.test(folder) ? expandGlob(folder, fileSystem) : [folder];
  return folders.flatMap((path) => matchingIn(path, test, fileSystem));
}

function matchingIn(folder: string, test: NameTest, fileSystem: GlobFileSystem): string[] {
  return [...fileSystem.names(folder)]
    .filter((name) => test(toByteText(name)))
    .sort(compareNames)
    .map((name) => posix.join(folder, name));
}
