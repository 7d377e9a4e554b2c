/** Saves the targets of a backup. */
import { statSync } from "node:fs";
import { posix } from "node:path";
import { engineError } from "../errors.ts";
import { fsPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import { listFolder } from "./list-folder.ts";
import type { BackupOptions } from "./options.ts";
import { saveFolder, type SaveParts } from "./save-folders.ts";
import { expandTargets, targetTree } from "./targets.ts";

/** @returns the snapshot's tree. @throws ENGINE_NOTHING_TO_BACK_UP */
export async function saveTargets(parts: SaveParts): Promise<Id> {
  const { targets, cwd } = parts.options;
  const outside = targets.filter((target) => !isLeftOut(parts, posix.resolve(cwd, target)));
  const expanded = expandTargets(outside, (path) => listFolder(posix.resolve(cwd, path)));
  const tree = await saveFolder(parts, { folder: targetTree(expanded, cwd), path: "", parentTree: parts.parentTree });
  if (tree === undefined) {
    throw engineError("ENGINE_NOTHING_TO_BACK_UP", { reason: "no target could be read, or all are excluded" });
  }
  return tree.id;
}

/** Whether a target lies in the repository, which is then told. */
function isLeftOut({ options }: SaveParts, target: string): boolean {
  const { repository } = options.rules;
  if (repository === undefined) return false;
  for (let folder = target; ; folder = posix.dirname(folder)) {
    if (isFolder(folder, repository)) {
      options.onEvent({ kind: "repository", path: folder });
      return true;
    }
    if (folder === "/") return false;
  }
}

/** Links are followed: what lies behind one is in the folder that it leads to. */
function isFolder(path: string, { deviceId, inode }: { deviceId: bigint; inode: bigint }): boolean {
  try {
    const stat = statSync(fsPath(path), { bigint: true });
    return stat.isDirectory() && stat.dev === deviceId && stat.ino === inode;
  } catch {
    // Whether it is there and can be read is said when it is saved.
    return false;
  }
}

/** The absolute paths that the snapshot names, sorted as restic does not: in the order given. */
export function snapshotPaths({ targets, cwd, given }: Pick<BackupOptions, "targets" | "cwd" | "given">): string[] {
  return given === undefined ? targets.map((target) => posix.resolve(cwd, target)) : [...given.paths];
}
