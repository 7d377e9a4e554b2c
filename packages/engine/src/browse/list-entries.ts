/** What `ls` shows of a snapshot. */
import { engineError } from "../errors.ts";
import { displayPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import type { TreeReader } from "../repository/tree-reader.ts";
import { walkSnapshot, type WalkedNode, type WalkProblem } from "./walk.ts";

export interface ListOptions {
  /** Also list what lies deeper than the given folders. Without folders everything is listed in any case. */
  readonly recursive: boolean;
  readonly signal: AbortSignal;
  /** Called for damage; the listing then goes on without that part. Without it, damage is thrown. */
  readonly onProblem?: (problem: WalkProblem) => void;
}

/**
 * The entries that restic's `ls` lists: without paths all; else each path that exists, what a folder among them holds, and
 * with `recursive` all below. Trees that lead to none of the paths are not read.
 * @param paths absolute inside the snapshot, surrogate-escaped
 * @throws ENGINE_PATH_NOT_ABSOLUTE, and what `walkSnapshot` throws
 */
export async function* listEntries(
  trees: TreeReader,
  root: Id,
  paths: readonly string[],
  { recursive, signal, onProblem }: ListOptions,
): AsyncGenerator<WalkedNode> {
  const wanted = paths.map(clean);
  const isWithin = (path: string): boolean => wanted.length === 0 || wanted.some((folder) => isAtOrBelow(path, folder));
  const leadsTo = (path: string): boolean => wanted.length === 0 || wanted.some((folder) => isAtOrBelow(folder, path));
  const enter = (path: string): boolean => (recursive && isWithin(path)) || leadsTo(path);
  const walk = walkSnapshot(trees, root, { signal, enter, ...(onProblem === undefined ? {} : { onProblem }) });
  for await (const entry of walk) if (isWithin(entry.path)) yield entry;
}

/** Without doubled slashes, `.`, and a slash at the end; the root is empty. */
function clean(path: string): string {
  if (!path.startsWith("/")) throw engineError("ENGINE_PATH_NOT_ABSOLUTE", { path: displayPath(path) });
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.map((part) => `/${part}`).join("");
}

function isAtOrBelow(path: string, folder: string): boolean {
  return path.startsWith(folder) && (path.length === folder.length || path[folder.length] === "/");
}
