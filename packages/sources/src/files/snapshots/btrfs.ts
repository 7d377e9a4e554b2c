/** A read-only snapshot of a Btrfs subvolume, beside what it holds. */
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FreezeParts, Frozen } from "./frozen.ts";
import { undoing } from "./leftover.ts";

const HOW = "Install the package btrfs-progs.";
/** The inode of the root of each subvolume (btrfs: BTRFS_FIRST_FREE_OBJECTID). */
const SUBVOLUME_INODE = 256;

/** @param path in it @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED */
export async function freezeBtrfs(path: string, parts: FreezeParts): Promise<Frozen> {
  const { programs, name, signal } = parts;
  const folder = await subvolumeOf(path);
  const seenIn = join(folder, `.holdfast-snapshot-${name}`);
  const btrfs = (...args: string[]) => ({ tool: "btrfs", args, how: HOW });
  const remove = btrfs("subvolume", "delete", seenIn);
  // One that a killed run has left: nobody else gives such names.
  if (await isThere(seenIn)) await programs.text(remove, { signal });
  const program = await programs.require("btrfs", HOW);
  const watchdog = programs.watch([program, ...remove.args]);
  try {
    await programs.text(btrfs("subvolume", "snapshot", "-r", folder, seenIn), { signal });
    await warnOfNested(folder, path, parts);
  } catch (error) {
    if (await isThere(seenIn)) await programs.text(remove, undoing());
    await watchdog.dismiss();
    throw error;
  }
  return {
    folder,
    seenIn,
    verify: async () => {},
    close: async () => {
      await programs.text(remove, undoing());
      await watchdog.dismiss();
    },
  };
}

async function subvolumeOf(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await stat(folder);
    if (found.isDirectory() && found.ino === SUBVOLUME_INODE) return folder;
    if (folder === "/") return folder;
  }
}

/** A snapshot holds nothing of the subvolumes below. */
async function warnOfNested(folder: string, path: string, { programs, signal, onWarning }: FreezeParts): Promise<void> {
  const list = await programs.text({ tool: "btrfs", args: ["subvolume", "list", "-o", folder], how: HOW }, { signal });
  const names = list.split("\n").flatMap((line) => /^ID \d+ gen \d+ top level \d+ path (.+)$/.exec(line)?.[1] ?? []);
  for (const name of names) {
    if (name.includes(".holdfast-snapshot-")) continue;
    const message = `${name} is a subvolume of its own inside of ${folder}, and not part of its snapshot: name it among the paths if it is meant`;
    onWarning({
      code: "nested-subvolume",
      message: path === folder ? message : `${message} (it may lie outside of ${path})`,
    });
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
