/** Searches the bytes of one tree: what matches in it by itself, and which folders lie in it. Runs in worker threads. */
import { idToBytes, type Id } from "../format/id.ts";
import { nodeNameProblem, parseNode, type TreeNode } from "../format/node.ts";
import { type TreeSlice, treeSlices } from "../format/tree-scanner.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { NameTest } from "../patterns/name-glob.ts";
import { jsonWithoutContent, type SliceType, subtreeOfSlice, typeOfSlice, wantedInSlice } from "./node-slice.ts";
import { nameFilter } from "./path-match.ts";
import type { EntryBounds, FindQuery } from "./query.ts";
import { WantedIds } from "./wanted-ids.ts";
import type { SearchMode } from "./wanted-tree.ts";

/** An entry of a tree that a search needs to know of. */
export interface Kept {
  readonly name: string;
  readonly isFolder: boolean;
  /** Entry of the folder's tree in the blob index; -1 when it has none there, or is no folder. */
  readonly tree: number;
  /** The folder's tree when no index lists it. */
  readonly missing: Id | undefined;
  /** It matches, as far as the tree alone can tell. */
  readonly isMatch: boolean;
  /** Its JSON without the content; empty when it is no match, or when nobody wants to see it. */
  readonly json: string;
  /** The wanted blobs that it consists of, or the wanted tree. */
  readonly ids: readonly Id[];
}

/** What a search found in a tree. */
export interface SearchedTree {
  readonly kept: readonly Kept[];
  /** Names that stand for no entry of a folder. */
  readonly unsafeNames: readonly string[];
}

export class TreeSearcher {
  readonly #judge: Judge;
  readonly #withNodes: boolean;
  readonly #index: BlobIndex;

  /** @param withNodes keep what is recorded of matches */
  constructor(query: FindQuery, { index, withNodes }: { index: BlobIndex; withNodes: boolean }) {
    this.#judge = query.kind === "names" ? nameJudge(query) : blobJudge(query);
    this.#withNodes = withNodes;
    this.#index = index;
  }

  /**
   * @param what names the tree in errors
   * @throws ENGINE_MALFORMED
   */
  search(bytes: Uint8Array, mode: SearchMode, what: string): SearchedTree {
    const kept: Kept[] = [];
    const unsafeNames: string[] = [];
    for (const slice of treeSlices(bytes, what)) {
      const entry = this.#keep({ bytes, slice, what, mode });
      if (entry === undefined) continue;
      if (nodeNameProblem(entry.name) === undefined) kept.push(entry);
      else unsafeNames.push(entry.name);
    }
    return { kept, unsafeNames };
  }

  #keep(place: Place): Kept | undefined {
    const { bytes, slice, what } = place;
    const type = typeOfSlice(bytes, slice, what);
    const isFolder = type === "folder";
    const subtree = isFolder ? subtreeOfSlice(bytes, slice, what) : undefined;
    const { isMatch, ids } = this.#judge(place, type, subtree);
    if (!isFolder && !isMatch) return undefined;
    const tree = subtree === undefined ? -1 : this.#index.entryOf("tree", idToBytes(subtree), 0);
    const json = isMatch && this.#withNodes ? checkedJson(place) : "";
    return { name: slice.name, isFolder, tree, missing: tree < 0 ? subtree : undefined, isMatch, json, ids };
  }
}

interface Place {
  readonly bytes: Uint8Array;
  readonly slice: TreeSlice;
  readonly what: string;
  readonly mode: SearchMode;
}

/** Says whether an entry matches, and by which ids. */
type Judge = (
  place: Place,
  type: SliceType,
  subtree: Id | undefined,
) => { readonly isMatch: boolean; readonly ids: readonly Id[] };

const NO_MATCH = { isMatch: false, ids: [] } as const;
const MATCH = { isMatch: true, ids: [] } as const;

function nameJudge(query: Extract<FindQuery, { kind: "names" }>): Judge {
  const matchesName: NameTest = nameFilter(query);
  const isWithin = boundsTest(query.bounds);
  return (place, type) => {
    if (place.mode === "by-name" && !matchesName(place.slice.name)) return NO_MATCH;
    return isWithin(place, type) ? MATCH : NO_MATCH;
  };
}

function blobJudge({ data, trees }: Extract<FindQuery, { kind: "blobs" }>): Judge {
  const wantedData = new WantedIds(data);
  const wantedTrees = new WantedIds(trees);
  return ({ bytes, slice, what }, type, subtree) => {
    if (type === "folder") {
      return subtree !== undefined && wantedTrees.has(subtree) ? { isMatch: true, ids: [subtree] } : NO_MATCH;
    }
    if (type === "other" || wantedData.isEmpty) return NO_MATCH;
    const ids = wantedInSlice(bytes, slice, wantedData, what);
    return ids.length > 0 ? { isMatch: true, ids } : NO_MATCH;
  };
}

function boundsTest(bounds: EntryBounds): (place: Place, type: SliceType) => boolean {
  const { oldestNs, newestNs, largerThanBytes, smallerThanBytes } = bounds;
  const hasSize = largerThanBytes !== undefined || smallerThanBytes !== undefined;
  if (!hasSize && oldestNs === undefined && newestNs === undefined) return () => true;
  return (place, type) => {
    if (hasSize && type !== "file") return false;
    const { mtimeNs, size } = nodeAt(place);
    if (oldestNs !== undefined && mtimeNs < oldestNs) return false;
    if (newestNs !== undefined && mtimeNs > newestNs) return false;
    if (largerThanBytes !== undefined && size <= largerThanBytes) return false;
    return smallerThanBytes === undefined || size < smallerThanBytes;
  };
}

function nodeAt({ bytes, slice, what }: Place): TreeNode {
  return parseNode(jsonWithoutContent(bytes, slice, what), what);
}

/** The JSON of a node that can be parsed, so that whoever parses it later need not expect damage. */
function checkedJson({ bytes, slice, what }: Place): string {
  const json = jsonWithoutContent(bytes, slice, what);
  parseNode(json, what);
  return json;
}
