/** Verifies one pack completely: its hash, its header against the index, and every blob in it. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { Sealer } from "../crypto/sealing.ts";
import { displayPath, compareNames } from "../filesystem/path-bytes.ts";
import { idOf, idToBytes, type Id } from "../format/id.ts";
import { nodeNameProblem, type TreeNode } from "../format/node.ts";
import { decodePackHeader, sealedHeaderBytes } from "../format/pack-header.ts";
import { decodeTree } from "../format/tree.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import type { Decompressor } from "../platform/zstd.ts";
import type { Finding, FindingCode } from "./findings.ts";
import type { PackResult, TreeEdges } from "./messages.ts";
import { namesThereTwice, plainBytes } from "./tree-facts.ts";
import type { UsualEdges } from "./usual-edges.ts";

export interface Verifier {
  readonly sealer: Sealer;
  readonly index: BlobIndex;
  readonly decompressor: Decompressor;
  readonly usualEdges: UsualEdges;
  readonly maxBlobBytes: number;
}

export function verifyPack(verifier: Verifier, id: Id, bytes: Uint8Array, entries: Uint32Array): PackResult {
  const findings: Finding[] = [];
  const find = (code: FindingCode, what: string, reason: string): void => void findings.push({ code, what, reason });
  const what = `pack ${id}`;
  if (idOf(bytes) !== id) find("pack-hash", what, "its content does not have the hash that names it");
  const headerProblem = checkHeader(verifier, bytes, entries, what);
  if (headerProblem !== undefined) find("pack-header", what, headerProblem);
  const damaged: number[] = [];
  const trees: TreeEdges[] = [];
  for (const entry of entries) {
    const type = verifier.index.typeAt(entry);
    const blob = `${type} blob ${verifier.index.idAt(entry)}`;
    let plain: Uint8Array;
    try {
      plain = openBlob(verifier, bytes, entry);
    } catch (error) {
      damaged.push(entry);
      find("blob-damaged", `${blob} in ${what}`, messageOf(error));
      continue;
    }
    if (type === "tree") trees.push(verifier.usualEdges.read(entry, plain) ?? checkTree(verifier, entry, plain));
  }
  return { kind: "verified", id, findings, damaged, trees };
}

function openBlob(verifier: Verifier, pack: Uint8Array, entry: number): Uint8Array {
  const place = verifier.index.locationAt(entry) as BlobLocation;
  const end = place.offset + place.lengthBytes;
  if (end > pack.length)
    throw new Error(`the index puts it at bytes ${place.offset} to ${end}, past the end of the pack`);
  if (Math.max(place.lengthBytes, place.uncompressedBytes) > verifier.maxBlobBytes) {
    throw new Error(`it claims ${place.uncompressedBytes} bytes, more than a blob may have`);
  }
  const stored = verifier.sealer.openTransient(pack.subarray(place.offset, end));
  const plain =
    place.uncompressedBytes > 0 ? verifier.decompressor.decompress(stored, place.uncompressedBytes) : stored;
  if (idOf(plain) !== verifier.index.idAt(entry)) throw new Error("its content does not have the hash that names it");
  return plain;
}

/** Says how the pack's own list of blobs differs from the index. */
function checkHeader(verifier: Verifier, bytes: Uint8Array, entries: Uint32Array, what: string): string | undefined {
  try {
    const sealedBytes = sealedHeaderBytes(bytes.subarray(Math.max(0, bytes.length - 4)), bytes.length, what);
    const sealed = bytes.subarray(bytes.length - 4 - sealedBytes, bytes.length - 4);
    const listed = decodePackHeader(verifier.sealer.open(sealed), what);
    // Blobs of a header follow one another, so that the offset names them.
    const own = new Map(listed.map((blob) => [blob.offset, blob]));
    for (const entry of entries) {
      const { offset, lengthBytes } = verifier.index.locationAt(entry) as BlobLocation;
      const id = verifier.index.idAt(entry);
      const blob = own.get(offset);
      if (blob?.id !== id || blob.type !== verifier.index.typeAt(entry) || blob.lengthBytes !== lengthBytes) {
        return `its header does not list the blob ${id} where the index puts it`;
      }
    }
    if (own.size > entries.length) return `its header lists ${own.size} blobs, the index only ${entries.length}`;
    return undefined;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return error.message;
  }
}

type Find = (code: FindingCode, what: string, reason: string) => void;

/** Says all that is wrong with a tree. */
function checkTree(verifier: Verifier, entry: number, plain: Uint8Array): TreeEdges {
  const what = `tree ${verifier.index.idAt(entry)}`;
  const findings: Finding[] = [];
  const find: Find = (code, where, reason) => void findings.push({ code, what: where, reason });
  let nodes: TreeNode[];
  try {
    nodes = decodeTree(plain, what);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    find("tree-malformed", what, error.message);
    return { entry, subtrees: new Uint32Array(), data: new Uint32Array(), incomplete: true, findings };
  }
  const edges = new Edges(verifier.index, what, find);
  let previous: string | undefined;
  let isOrdered = true;
  for (const node of nodes) {
    const shown = displayPath(node.name);
    const nameProblem = nodeNameProblem(node.name);
    if (nameProblem !== undefined) find("tree-name", what, `entry '${shown}': ${nameProblem}`);
    const order = previous === undefined ? -1 : compareNames(previous, node.name);
    if (order > 0) find("tree-order", what, `entry '${shown}' is not in the order of names`);
    isOrdered &&= order < 0;
    previous = node.name;
    edges.add(node, shown);
  }
  // Names in their order are all different, so that only few trees need the memory.
  if (!isOrdered)
    for (const name of namesThereTwice(nodes))
      edges.contradicts("tree-duplicate", `entry '${displayPath(name)}' is there twice`);
  return { ...edges.result(), entry, findings };
}

/** Collects what the nodes of a tree refer to. */
class Edges {
  readonly #index: BlobIndex;
  readonly #what: string;
  readonly #find: Find;
  readonly #subtrees: number[] = [];
  readonly #data: number[] = [];
  #incomplete = false;

  constructor(index: BlobIndex, what: string, find: Find) {
    this.#index = index;
    this.#what = what;
    this.#find = find;
  }

  add(node: TreeNode, shown: string): void {
    if (node.type === "dir") {
      if (node.subtree === undefined) this.contradicts("tree-malformed", `folder '${shown}' names no tree`);
      else this.#refer("tree", node.subtree, this.#subtrees, shown);
      return;
    }
    if (node.type !== "file") return;
    if (node.content === null) this.contradicts("tree-malformed", `file '${shown}' has no list of content`);
    let isKnown = node.content !== null;
    let bytes = 0;
    for (const id of node.content ?? []) {
      const entry = this.#refer("data", id, this.#data, shown);
      if (entry < 0) isKnown = false;
      else bytes += plainBytes(this.#index, entry);
    }
    if (isKnown && bytes !== node.size) {
      this.#find("file-size", this.#what, `file '${shown}' has ${node.size} bytes, its content ${bytes}`);
    }
  }

  result(): Pick<TreeEdges, "subtrees" | "data" | "incomplete"> {
    return {
      subtrees: Uint32Array.from(this.#subtrees),
      data: Uint32Array.from(this.#data),
      incomplete: this.#incomplete,
    };
  }

  /** The tree does not say what is to be restored. */
  contradicts(code: FindingCode, reason: string): void {
    this.#incomplete = true;
    this.#find(code, this.#what, reason);
  }

  /** @returns the entry of the blob in the index, or a negative number */
  #refer(type: "tree" | "data", id: Id, into: number[], shown: string): number {
    const entry = this.#index.entryOf(type, idToBytes(id), 0);
    if (entry < 0)
      this.contradicts(
        type === "tree" ? "tree-missing" : "data-missing",
        `'${shown}' needs ${type} blob ${id}, which no index lists`,
      );
    else into.push(entry);
    return entry;
  }
}
