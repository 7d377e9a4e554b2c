/** Which blobs the entries of a tree refer to, found without decoding anything else of them. */
import { engineError } from "../errors.ts";
import { isId, type BlobType, type Id } from "../format/id.ts";
import { treeSlices } from "../format/tree.ts";
import { textOf } from "../format/tree-scanner.ts";

type Visit = (type: BlobType, id: Id) => void;

/** Above this a tree is read entry by entry, since one value of all of it could be too much. */
const WHOLE_TREE_BYTES = 4 * 1024 * 1024;

/** Visits every blob that a tree refers to, in stored order. @throws ENGINE_MALFORMED, perhaps after some visits */
export function forEachReference(bytes: Uint8Array, what: string, visit: Visit): void {
  if (bytes.length > WHOLE_TREE_BYTES) {
    for (const { start, end } of treeSlices(bytes, what)) nodeReferences(textOf(bytes, start, end), what, visit);
    return;
  }
  const tree = parse(textOf(bytes, 0, bytes.length), what) as { readonly nodes?: unknown } | null;
  const nodes = tree?.nodes;
  if (!Array.isArray(nodes)) throw engineError("ENGINE_MALFORMED", { what, reason: `it has no list "nodes"` });
  for (const node of nodes) referencesOf(node, what, visit);
}

/** Visits every blob that the JSON of one entry refers to. @throws ENGINE_MALFORMED */
export function nodeReferences(json: string, what: string, visit: Visit): void {
  referencesOf(parse(json, what), what, visit);
}

function referencesOf(value: unknown, what: string, visit: Visit): void {
  const node = value as { readonly type?: unknown; readonly content?: unknown; readonly subtree?: unknown } | null;
  if (node?.type === "dir") {
    if (node.subtree != null) visit("tree", idIn(node.subtree, what));
  } else if (node?.type === "file" && node.content != null) {
    if (!Array.isArray(node.content)) {
      throw engineError("ENGINE_MALFORMED", { what, reason: `"content" of an entry is not a list` });
    }
    for (const id of node.content) visit("data", idIn(id, what));
  }
}

function idIn(value: unknown, what: string): Id {
  if (typeof value === "string" && isId(value)) return value;
  throw engineError("ENGINE_MALFORMED", { what, reason: "an entry refers to something that is not an id" });
}

function parse(json: string, what: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw engineError("ENGINE_MALFORMED", { what, reason: "it is not JSON" });
  }
}
