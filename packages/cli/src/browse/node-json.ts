/** An entry of a snapshot as JSON output shows it; the fields are those of restic's `ls` and `find`. */
import { type TreeNode, formatGoTime, goFileMode } from "@holdfast/engine";
import { goPermissions } from "./go-permissions.ts";

export function nodeJson(path: string, node: TreeNode): Record<string, unknown> {
  const mode = goFileMode(node.type, node.mode);
  return {
    name: node.name,
    type: node.type,
    path,
    uid: node.uid,
    gid: node.gid,
    size: node.type === "file" ? node.size : undefined,
    mode,
    permissions: goPermissions(mode),
    mtime: formatGoTime(node.mtimeNs),
    atime: formatGoTime(node.atimeNs),
    ctime: formatGoTime(node.ctimeNs),
    inode: node.inode,
    user: ifAny(node.user),
    group: ifAny(node.group),
    links: node.links === 0 ? undefined : node.links,
    linktarget: ifAny(node.linkTarget),
    message_type: "node",
    struct_type: "node",
  };
}

function ifAny(text: string): string | undefined {
  return text === "" ? undefined : text;
}
