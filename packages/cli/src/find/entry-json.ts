/** An entry that was found, as JSON: the fields of restic's `find`, in their order. */
import { type TreeNode, formatGoTime, goFileMode } from "@holdfast/engine";
import { goPermissions } from "../browse/go-permissions.ts";

/** Part of ECMAScript that TypeScript's library does not declare yet: a number of any length. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** All but the path, without the brackets. Most entries are printed for many snapshots, so it is kept. */
const TEXTS = new WeakMap<TreeNode, string>();

/** The JSON of an entry at a path. */
export function entryJson(path: string, node: TreeNode): string {
  let text = TEXTS.get(node);
  if (text === undefined) TEXTS.set(node, (text = JSON.stringify(fieldsOf(node)).slice(1)));
  return `{"path":${JSON.stringify(path)},${text}`;
}

function fieldsOf(node: TreeNode): Record<string, unknown> {
  const mode = goFileMode(node.type, node.mode);
  return {
    permissions: goPermissions(mode),
    type: node.type,
    mode: ifAny(mode),
    mtime: formatGoTime(node.mtimeNs),
    atime: formatGoTime(node.atimeNs),
    ctime: formatGoTime(node.ctimeNs),
    uid: node.uid,
    gid: node.gid,
    user: ifAny(node.user),
    group: ifAny(node.group),
    inode: node.inode === 0n ? undefined : rawJSON(String(node.inode)),
    device_id: node.deviceId === 0n ? undefined : rawJSON(String(node.deviceId)),
    size: ifAny(node.size),
    links: ifAny(node.links),
    linktarget: ifAny(node.linkTarget),
    error: ifAny(node.error),
  };
}

/** restic leaves out what is empty or zero. */
function ifAny<T extends string | number>(value: T): T | undefined {
  return value === "" || value === 0 ? undefined : value;
}
