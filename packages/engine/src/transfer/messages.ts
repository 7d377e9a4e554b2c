/** What the main thread and the workers of a transfer say to each other. */
import type { MasterKey } from "../crypto/sealing.ts";
import type { SharedBlobIndex } from "../index/blob-index.ts";
import type { FinishedPack, SharedPackPool } from "../packs/pack-pool.ts";
import type { CompressionMode } from "../platform/zstd.ts";

/** No restic or Holdfast blob is larger; a larger claim is a lie that must not cost memory. */
export const MAX_BLOB_BYTES = 1024 * 1024 * 1024;

/** Which blobs are compressed anew. */
export type Recompression = "never" | "uncompressed" | "always";

export interface TransferWorkerData {
  readonly fromKey: MasterKey;
  readonly fromIndex: SharedBlobIndex;
  readonly toKey: MasterKey;
  readonly toVersion: 1 | 2;
  readonly pool: SharedPackPool;
  readonly compression: CompressionMode;
  readonly recompress: Recompression;
}

/** Move blobs whose stored bytes are at hand. */
export interface MoveTask {
  readonly kind: "move";
  /** A part of a pack, in shared memory that belongs to the worker until it answers. */
  readonly bytes: Uint8Array;
  /** Where that part begins in its pack. */
  readonly offset: number;
  /** Entries of the source's index, all within that part. */
  readonly entries: Uint32Array;
}

export type ToTransferWorker = MoveTask | { readonly kind: "stop" };

/** A blob that could not be moved. */
export interface LostEntry {
  readonly entry: number;
  readonly reason: string;
}

export interface Moved {
  readonly kind: "moved";
  readonly blobs: number;
  /** As they were stored. */
  readonly bytes: number;
  /** As they are stored now. */
  readonly storedBytes: number;
  readonly lost: readonly LostEntry[];
}

export type FromTransferWorker = Moved | { readonly kind: "packed"; readonly pack: FinishedPack };
