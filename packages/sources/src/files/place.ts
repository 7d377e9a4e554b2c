/** Puts restored files back where they were. */
import { lstat, readdir, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "@holdfast/base";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";

/**
 * Where a path is, without links on the way to it: what is restored must not depend on where they lead by then.
 * @throws what `node:fs` throws
 */
export async function placeOf(path: string): Promise<string> {
  return path === "/" ? path : join(await realpath(dirname(path)), basename(path));
}

/** @throws SOURCES_TARGET_NOT_EMPTY for the first of the paths at which something is */
export async function refuseOccupied(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (await isOccupied(path)) throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target: path });
  }
}

/**
 * Restores a path to its place. Folders above are made where they are not there, as they were; those that are there stay as they
 * are. What is there already is corrected where it differs, and nothing is deleted.
 * @param root the folder of the capture in which paths begin
 */
export async function putBack(captured: CapturedTree, root: string, path: string, options: CallOptions): Promise<void> {
  let above = dirname(path);
  while (above !== "/" && !(await isFolder(above))) above = dirname(above);
  const inside = above === "/" ? path : path.slice(above.length);
  await captured.extract(above === "/" ? root : `${root}${above}`, above, {
    ...options,
    ...(path === "/" ? {} : { only: [inside] }),
  });
}

async function isOccupied(path: string): Promise<boolean> {
  try {
    if (!(await lstat(path)).isDirectory()) return true;
    return (await readdir(path)).length > 0;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return false;
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
