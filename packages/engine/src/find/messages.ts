/** What the main thread and the workers of a search say to each other. */
import type { SerializedError } from "@holdfast/base";
import type { MasterKey } from "../crypto/sealing.ts";
import type { SharedBlobIndex } from "../index/blob-index.ts";
import type { FindQuery } from "./query.ts";
import type { SearchedTree } from "./tree-search.ts";
import type { WantedTree } from "./wanted-tree.ts";

export interface FindWorkerData {
  readonly key: MasterKey;
  readonly index: SharedBlobIndex;
  readonly query: FindQuery;
  readonly withNodes: boolean;
}

/** Search trees whose pack is at hand. */
export interface UnitTask {
  readonly kind: "unit";
  /** A part of a pack, in shared memory that nobody changes. */
  readonly bytes: Uint8Array;
  /** Where that part begins in the pack. */
  readonly offset: number;
  readonly wanted: readonly WantedTree[];
}

/** Search one tree whose plain bytes are at hand. */
export interface PlainTask {
  readonly kind: "plain";
  readonly bytes: Uint8Array;
  readonly wanted: WantedTree;
}

export type FindTask = UnitTask | PlainTask;

/** What came of one tree. Trees in which nothing was kept have no `tree`. */
export type TreeResult = WantedTree & ({ readonly tree?: SearchedTree } | { readonly error: SerializedError });

export interface FindAnswer {
  readonly kind: "searched";
  /** As many as were wanted, in that order. */
  readonly results: readonly TreeResult[];
}
