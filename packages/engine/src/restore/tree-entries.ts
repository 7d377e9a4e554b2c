/** The entries of a stored tree, made fit for use: names that are unsafe or stand twice are left out, large trees are cut. */
import { isHoldfastError } from "@holdfast/base";
import { compareNames } from "../filesystem/path-bytes.ts";
import { nodeNameProblem, parseNode, type TreeNode } from "../format/node.ts";
import { decodeTree, treeSlices, type TreeSlice } from "../format/tree.ts";
import { textOf } from "../format/tree-scanner.ts";

/** A tree larger than this is cut into parts, so that several workers share it and none holds all of it decoded. */
const WHOLE_BYTES = 64 * 1024;
const PART_ENTRIES = 128;

const HEAD = Buffer.from('{"nodes":[');
const TAIL = Buffer.from("]}");
const COMMA = Buffer.from(",");

/** An entry that cannot be used. */
export interface UnusableEntry {
  /** Its name, or "" when that is not known. */
  readonly name: string;
  readonly code: "unsafe-name" | "damaged";
  readonly reason: string;
}

export interface TreeEntries {
  readonly nodes: readonly TreeNode[];
  /** The rest, each a tree of its own. */
  readonly parts: readonly ArrayBuffer[];
  readonly unusable: readonly UnusableEntry[];
}

/** Reads a whole tree. */
export function treeEntries(bytes: Uint8Array): TreeEntries {
  if (bytes.length <= WHOLE_BYTES) {
    const nodes = decodeOrNone(bytes);
    if (nodes !== undefined && isOrderly(nodes)) return { nodes, parts: [], unusable: [] };
  }
  const unusable: UnusableEntry[] = [];
  const slices = usableSlices(bytes, unusable);
  const first = partEntries(bytesOfSlices(bytes, slices.slice(0, PART_ENTRIES)), unusable);
  const parts: ArrayBuffer[] = [];
  for (let at = PART_ENTRIES; at < slices.length; at += PART_ENTRIES) {
    parts.push(bytesOfSlices(bytes, slices.slice(at, at + PART_ENTRIES)).buffer);
  }
  return { nodes: first, parts, unusable };
}

/** The entries of a part; what cannot be decoded goes to `unusable`. */
export function partEntries(bytes: Uint8Array, unusable: UnusableEntry[]): readonly TreeNode[] {
  const nodes = decodeOrNone(bytes);
  if (nodes !== undefined) return nodes;
  const good: TreeNode[] = [];
  for (const { name, start, end } of treeSlices(bytes)) {
    try {
      good.push(parseNode(textOf(bytes, start, end)));
    } catch (error) {
      unusable.push({ name, code: "damaged", reason: malformed(error) });
    }
  }
  return good;
}

function decodeOrNone(bytes: Uint8Array): TreeNode[] | undefined {
  try {
    return decodeTree(bytes);
  } catch (error) {
    malformed(error);
    return undefined;
  }
}

/** The reason of an error of decoding; any other error is thrown again. */
function malformed(error: unknown): string {
  if (!isHoldfastError(error, "ENGINE_MALFORMED")) throw error;
  return error.message;
}

function isOrderly(nodes: readonly TreeNode[]): boolean {
  let before: string | undefined;
  for (const { name } of nodes) {
    if (nodeNameProblem(name) !== undefined || (before !== undefined && compareNames(before, name) >= 0)) return false;
    before = name;
  }
  return true;
}

function usableSlices(bytes: Uint8Array, unusable: UnusableEntry[]): TreeSlice[] {
  const slices: TreeSlice[] = [];
  const names = new Set<string>();
  try {
    for (const slice of treeSlices(bytes)) {
      const unsafe =
        nodeNameProblem(slice.name) ?? (names.has(slice.name) ? "it stands twice in its folder" : undefined);
      if (unsafe !== undefined) unusable.push({ name: slice.name, code: "unsafe-name", reason: unsafe });
      else slices.push(slice);
      names.add(slice.name);
    }
  } catch (error) {
    // What stood before the damage is good: the tree has the hash that names it.
    unusable.push({ name: "", code: "damaged", reason: malformed(error) });
  }
  return slices;
}

function bytesOfSlices(bytes: Uint8Array, slices: readonly TreeSlice[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const { start, end } of slices) parts.push(parts.length === 0 ? HEAD : COMMA, bytes.subarray(start, end));
  if (parts.length === 0) parts.push(HEAD);
  parts.push(TAIL);
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
