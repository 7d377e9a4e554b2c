/** Compares entries of two snapshots as restic does: everything that is stored of them, times as instants. */
import { isDeepStrictEqual } from "node:util";
import type { ExtendedAttribute, TreeNode } from "../format/node.ts";

/** True when both have the same blobs in the same order. */
export function isSameContent({ content: a }: TreeNode, { content: b }: TreeNode): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((id, n) => id === b[n]);
}

/** True when all but the content of files is the same; what is in a folder counts. */
export function isSameButContent(a: TreeNode, b: TreeNode): boolean {
  return (
    FIELDS.every((field) => a[field] === b[field]) &&
    areSameAttributes(a.extendedAttributes, b.extendedAttributes) &&
    isDeepStrictEqual(a.genericAttributes, b.genericAttributes)
  );
}

const FIELDS = [
  "name",
  "type",
  "mode",
  "mtimeNs",
  "atimeNs",
  "ctimeNs",
  "uid",
  "gid",
  "user",
  "group",
  "inode",
  "deviceId",
  "size",
  "links",
  "linkTarget",
  "device",
  "subtree",
  "error",
] as const satisfies readonly (keyof TreeNode)[];

/** In any order. */
function areSameAttributes(a: readonly ExtendedAttribute[], b: readonly ExtendedAttribute[]): boolean {
  if (a.length !== b.length) return false;
  const values = new Map(a.map(({ name, value }) => [name, value]));
  return b.every(({ name, value }) => {
    const other = values.get(name);
    return other !== undefined && Buffer.compare(value, other) === 0;
  });
}
