/** What the main thread and the workers of a check say to each other. */
import type { MasterKey } from "../crypto/sealing.ts";
import type { Id } from "../format/id.ts";
import type { SharedBlobIndex } from "../index/blob-index.ts";
import type { Finding } from "./findings.ts";

export interface CheckWorkerData {
  readonly key: MasterKey;
  readonly index: SharedBlobIndex;
  /** Blobs whose plain form is larger are refused, not decompressed. */
  readonly maxBlobBytes: number;
}

/** Verify one pack whose bytes are at hand. */
export interface PackTask {
  readonly kind: "pack";
  readonly id: Id;
  /** The whole pack, in shared memory that belongs to the worker until it answers. */
  readonly bytes: Uint8Array;
  /** Entries of the blob index that lie in this pack. */
  readonly entries: Uint32Array;
}

/** What the nodes of one tree refer to, as entries of the blob index. */
export interface TreeEdges {
  readonly entry: number;
  readonly subtrees: Uint32Array;
  readonly data: Uint32Array;
  /** It names something that the index does not have, or contradicts itself. */
  readonly incomplete: boolean;
  /**
   * What is wrong with the tree. Only for trees that a snapshot needs: an interrupted run leaves trees whose data was still
   * on its way, which nothing refers to.
   */
  readonly findings: readonly Finding[];
}

export interface PackResult {
  readonly kind: "verified";
  readonly id: Id;
  readonly findings: readonly Finding[];
  /** Entries of blobs that cannot be used. */
  readonly damaged: readonly number[];
  readonly trees: readonly TreeEdges[];
}
