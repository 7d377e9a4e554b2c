/** An entry of a snapshot as JSON output shows it; the fields are restic's. */
import { type TreeNode, formatGoTime, goFileMode } from "@holdfast/engine";
import { formatMode } from "../output/units.ts";

export function nodeJson(path: string, node: TreeNode): Record<string, unknown> {
  return {
    name: node.name,
    type: node.type,
    path,
    uid: node.uid,
    gid: node.gid,
    size: node.type === "file" ? node.size : undefined,
    mode: goFileMode(node.type, node.mode),
    permissions: formatMode(node.type, node.mode),
    mtime: formatGoTime(node.mtimeNs),
    atime: formatGoTime(node.atimeNs),
    ctime: formatGoTime(node.ctimeNs),
    inode: node.inode,
    link_target: node.linkTarget === "" ? undefined : node.linkTarget,
    message_type: "node",
    struct_type: "node",
  };
}
