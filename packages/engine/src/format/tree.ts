/**
 * Trees: the JSON of a folder's nodes in the order of their names (restic: doc/design.rst, "Trees and Data"). A tree
 * of a folder with a million entries is hundreds of megabytes, so there is a way through it that never holds more
 * than one node.
 */
import { engineError } from "../errors.ts";
import { decodeNode, parseNode, parseNodeJson } from "./node-decoding.ts";
import type { TreeNode } from "./node.ts";
import { textOf, treeSlices } from "./tree-scanner.ts";

export { TreeEncoder } from "./tree-encoder.ts";
export { type TreeSlice, treeSlices } from "./tree-scanner.ts";

/** Above this a tree is read node by node, since one string of all of it could fail. */
const WHOLE_TREE_BYTES = 32 * 1024 * 1024;

/**
 * All nodes of a tree. Order and names are not judged here: see `nodeNameProblem`.
 *
 * @throws ENGINE_MALFORMED
 */
export function decodeTree(bytes: Uint8Array, what = "a tree"): TreeNode[] {
  if (bytes.length > WHOLE_TREE_BYTES) return [...iterateTree(bytes, what)];
  const tree = parseNodeJson(textOf(bytes, 0, bytes.length), what);
  const nodes = typeof tree === "object" && tree !== null ? (tree as { nodes?: unknown }).nodes : undefined;
  if (!Array.isArray(nodes)) throw engineError("ENGINE_MALFORMED", { what, reason: `it has no list "nodes"` });
  return nodes.map((node) => decodeNode(node, what));
}

/**
 * The nodes of a tree one after the other, in little memory beside the bytes.
 *
 * @throws ENGINE_MALFORMED during iteration, after the nodes that stand before the damage
 */
export function* iterateTree(bytes: Uint8Array, what = "a tree"): Iterable<TreeNode> {
  for (const { start, end } of treeSlices(bytes, what)) yield parseNode(textOf(bytes, start, end), what);
}
