/** What a search gives. */
import type { HoldfastError } from "@holdfast/base";
import type { BlobType, Id } from "../format/id.ts";
import { parseNode, type TreeNode } from "../format/node.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import type { Kept } from "./tree-search.ts";

/** A blob that was searched for, where it is used. */
export interface FoundObject {
  readonly type: BlobType;
  readonly id: Id;
  /** The tree that names it; `undefined` for the root of a snapshot. */
  readonly parentTree: Id | undefined;
}

/** An entry of a snapshot that was found. */
export class FoundEntry {
  /** Surrogate-escaped, with a leading slash. */
  readonly path: string;
  /** The blobs that were searched for, each once; empty in a search by names. */
  readonly objects: readonly FoundObject[];
  readonly #kept: Kept | undefined;
  readonly #isShared: boolean;

  /** @param isShared keep what is parsed of the entry as long as what is found in its folder is kept */
  constructor(path: string, objects: readonly FoundObject[], kept: Kept | undefined, { isShared = false } = {}) {
    this.path = path;
    this.objects = objects;
    this.#kept = kept;
    this.#isShared = isShared;
  }

  /**
   * What is recorded of it, without the content; `undefined` unless the search was to keep that. An entry that several snapshots
   * share mostly gives the same object.
   */
  get node(): TreeNode | undefined {
    if (this.#kept === undefined || this.#kept.json === "") return undefined;
    const known = NODES.get(this.#kept);
    if (known !== undefined) return known;
    const node = parseNode(this.#kept.json);
    if (this.#isShared) NODES.set(this.#kept, node);
    return node;
  }
}

const NODES = new WeakMap<Kept, TreeNode>();

/** Some of the entries that were found in a snapshot. */
export interface FoundBatch {
  readonly stored: StoredSnapshot;
  readonly entries: readonly FoundEntry[];
}

/** A part of a snapshot that could not be searched. */
export interface FindProblem {
  readonly snapshot: Id;
  /** Surrogate-escaped path of the folder, or of the entry that was left out. */
  readonly path: string;
  readonly error: HoldfastError;
}
