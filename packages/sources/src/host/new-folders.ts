/** Folders that a restore fills anew, in the place of what is there. */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "@holdfast/base";
import { sourcesError } from "../errors.ts";
import { isPresent, setAside } from "./set-aside.ts";

/**
 * Calls `fill` when each of the folders is there and empty. What lay in them is beside them then, under a name that bears the time.
 * When `fill` throws, what it has written is removed, and what was there goes back to its place.
 *
 * @param overwrite whether anything may be there
 * @param fill gets the names under which it lies beside them
 * @returns what `fill` returns
 * @throws SOURCES_TARGET_NOT_EMPTY, before anything has changed
 */
export async function fillNewFolders<T>(
  folders: readonly string[],
  overwrite: boolean,
  fill: (former: readonly string[]) => Promise<T>,
): Promise<T> {
  const states = await Promise.all(folders.map(stateOf));
  const occupied = folders.find((_, index) => states[index] === "occupied");
  if (occupied !== undefined && !overwrite) throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target: occupied });
  const undo: (() => Promise<void>)[] = [];
  const former: string[] = [];
  try {
    for (const [index, folder] of folders.entries()) {
      if (states[index] === "occupied") {
        const [aside] = (await setAside([folder])) as [string];
        former.push(aside);
        undo.push(() => rename(aside, folder));
      }
      const first = await mkdir(folder, { recursive: true, mode: 0o700 });
      undo.push(() => (first === undefined ? emptied(folder) : rm(first, { recursive: true, force: true })));
    }
    return await fill(former);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

type State = "absent" | "empty" | "occupied";

/** What is no folder occupies its place as well, also a link that leads nowhere. */
async function stateOf(path: string): Promise<State> {
  if (!(await isPresent(path))) return "absent";
  const names = await readdir(path).catch((error: unknown) => {
    if (["ENOTDIR", "ENOENT", "ELOOP"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  });
  return names?.length === 0 ? "empty" : "occupied";
}

/** It was there before, and may be where a file system is mounted. */
async function emptied(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}
