/** Makes links, devices and pipes. Nothing that exists is ever replaced or followed: the caller removes it first. */
import { symlinkSync } from "node:fs";
import { constants } from "node:os";
import type { TreeNode } from "../format/node.ts";
import { SystemCallError } from "../platform/libc.ts";
import { mknod } from "../platform/special-files.ts";
import { fsPath } from "./path-bytes.ts";

const TYPE_BITS = { dev: 0o060000, chardev: 0o020000, fifo: 0o010000 } as const;
const OWNER_ONLY = 0o600;

/**
 * True for the types that `createNode` makes; files and folders have content, and sockets are made by their programs.
 */
export function isCreatable(node: TreeNode): boolean {
  return node.type === "symlink" || node.type in TYPE_BITS;
}

/**
 * Makes a symlink, device or pipe, for its owner only until `applyMetadata` sets the mode.
 *
 * @throws what the system says: EEXIST when anything is there, also a link that leads nowhere; EPERM for a device
 * without the privilege; EINVAL for a link whose target no link can have; RangeError for a type that `isCreatable` excludes
 */
export function createNode(path: string, node: TreeNode): void {
  if (node.type === "symlink") {
    if (node.linkTarget.includes("\0")) throw new SystemCallError("symlink", constants.errno.EINVAL, path);
    return symlinkSync(fsPath(node.linkTarget), fsPath(path));
  }
  if (node.type !== "dev" && node.type !== "chardev" && node.type !== "fifo") {
    throw new RangeError(`a ${node.type} is not made by createNode`);
  }
  mknod(path, TYPE_BITS[node.type] | OWNER_ONLY, node.type === "fifo" ? 0n : node.device);
}
