/** What the main thread and the workers of a search say to each other. */
import type { SerializedError } from "@holdfast/base";
import type { MasterKey } from "../crypto/sealing.ts";
import type { SharedBlobIndex } from "../index/blob-index.ts";
import type { PackedTree } from "./packed-tree.ts";
import type { FindQuery } from "./query.ts";

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
  /** The trees, by their keys. */
  readonly wanted: Uint32Array;
}

/** Search one tree whose plain bytes are at hand. */
export interface PlainTask {
  readonly kind: "plain";
  readonly bytes: Uint8Array;
  readonly wanted: Uint32Array;
}

export type FindTask = UnitTask | PlainTask;

/** What came of one tree: what was found in it, `undefined` when that is nothing, or what is wrong with it. */
export type TreeResult = PackedTree | undefined | { readonly error: SerializedError };

export interface FindAnswer {
  readonly kind: "searched";
  /** As many as were wanted, in that order. */
  readonly results: readonly TreeResult[];
}
