/**
 * New files, which are most of a restore: made through their folder's descriptor and given their metadata through their own,
 * in a quarter of the time that this takes by path.
 */
import { closeSync, constants, fchmodSync, fchownSync, openSync } from "node:fs";
import { fsPath } from "../filesystem/path-bytes.ts";
import type { TreeNode } from "../format/node.ts";
import { closeDescriptor, mayHaveAttributes, openAt, setTimes } from "../platform/descriptor-calls.ts";
import type { AnchoredFolder } from "./anchored-folder.ts";

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const OWNER_ONLY = 0o600;

/**
 * Creates a file, for its owner only. Close it with `closeNewFile`.
 * @throws EEXIST when anything is there, also a link
 */
export function createFile(folder: AnchoredFolder, name: string): number {
  if (folder.descriptor < 0) return openSync(fsPath(folder.at(name)), NEW_FILE, OWNER_ONLY);
  return openAt(folder.descriptor, name, NEW_FILE, OWNER_ONLY);
}

/** Closes what `createFile` opened. @throws what the system says, for example EIO or EDQUOT of a network file system */
export function closeNewFile(folder: AnchoredFolder, file: number): void {
  if (folder.descriptor < 0) closeSync(file);
  else closeDescriptor(file);
}

/**
 * Applies all metadata to a new file and returns true, or returns false: then something is unusual or was refused, and
 * `applyMetadata` does it again and tells what.
 */
export function completeNewFile(file: number, node: TreeNode, options: { owner?: boolean }): boolean {
  return applyByDescriptor(file, node, options);
}

/** The same for a folder that is complete. */
export function completeFolder(above: AnchoredFolder, node: TreeNode, options: { owner?: boolean }): boolean {
  const readable = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  let file: number;
  try {
    file = openSync(fsPath(above.at(node.name)), readable);
  } catch {
    return false;
  }
  try {
    return applyByDescriptor(file, node, options);
  } finally {
    closeSync(file);
  }
}

function applyByDescriptor(file: number, node: TreeNode, { owner }: { owner?: boolean }): boolean {
  if (owner === false || node.extendedAttributes.length > 0) return false;
  try {
    fchownSync(file, node.uid, node.gid);
    // Also what is new can have some: an ACL that its folder hands down, a label of the security system.
    if (mayHaveAttributes(file)) return false;
    fchmodSync(file, node.mode);
  } catch {
    return false;
  }
  return setTimes(file, node.atimeNs, node.mtimeNs);
}
