/**
 * Whether a tree can be written anew without losing anything. Entries keep their bytes when a tree is rewritten, but a field that
 * this version does not know may speak of what is taken out; so such trees are refused, as restic does.
 */
import { isUtf8 } from "node:buffer";
import { isDeepStrictEqual } from "node:util";
import { encodeNode, parseNode } from "../format/node.ts";
import type { TreeSlice } from "../format/tree.ts";

const BEGIN = '{"nodes":[';
const END = "]}\n";

/** True when there is nothing in the tree but its entries, in the one layout that restic and Holdfast write. */
export function isPlainTree(bytes: Buffer, slices: Iterable<TreeSlice>): boolean {
  let at = BEGIN.length;
  let isFirst = true;
  for (const { start, end } of slices) {
    if (start !== (isFirst ? at : at + 1)) return false;
    isFirst = false;
    at = end;
  }
  return (
    bytes.length === at + END.length &&
    bytes.toString("latin1", 0, BEGIN.length) === BEGIN &&
    bytes.toString("latin1", at) === END &&
    isUtf8(bytes)
  );
}

/**
 * True when the JSON of an entry holds nothing that would not come out again. The form of texts and the zones of times do not
 * matter: programs differ in the one and machines in the other.
 * @throws ENGINE_MALFORMED
 */
export function isKnownEntry(json: string, what: string): boolean {
  const again = encodeNode(parseNode(json, what));
  if (again === json || withoutTimes(again) === withoutTimes(json)) return true;
  return isDeepStrictEqual(valuesOf(again), valuesOf(json));
}

/** Keys are not escaped inside texts, so that the first match is the entry's own. */
const TIMES = /"mtime":"[^"]*","atime":"[^"]*","ctime":"[^"]*"/;

function withoutTimes(json: string): string {
  return json.replace(TIMES, "");
}

function valuesOf(json: string): Record<string, unknown> {
  const values = JSON.parse(json) as Record<string, unknown>;
  // Times were read: `parseNode` refuses what is none.
  delete values["mtime"];
  delete values["atime"];
  delete values["ctime"];
  return values;
}
