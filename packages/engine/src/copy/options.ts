/** What a copy of snapshots is told, what it tells, and what comes out of it. */
import type { Id } from "../format/id.ts";
import type { SnapshotLosses } from "../forget/losses.ts";
import type { CompressionMode } from "../platform/zstd.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import type { LostTransfer } from "../transfer/transfer.ts";

export interface CopyOptions {
  readonly from: Repository;
  readonly to: Repository;
  /** Of the source, listed before this run reads its index; copied in this order. */
  readonly snapshots: readonly StoredSnapshot[];
  readonly packSizeBytes: number;
  /** For blobs that the source has uncompressed. The others are stored as they are. */
  readonly compression: CompressionMode;
  /** Worker threads; as many as the machine has processors, but at least 2, if absent. */
  readonly workers?: number;
  /** Write nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  onEvent(event: CopyEvent): void;
}

/** Something that happened in a copy. */
export type CopyEvent =
  /** What the target has, before anything is copied; oldest first. */
  | { readonly kind: "target"; readonly snapshots: readonly StoredSnapshot[] }
  /** There is something to copy, and so many snapshots need it. */
  | { readonly kind: "begun"; readonly snapshots: number }
  /** The target has it already. */
  | { readonly kind: "skipped"; readonly source: StoredSnapshot; readonly target: StoredSnapshot }
  | { readonly kind: "copied"; readonly source: StoredSnapshot; readonly id: Id }
  /** Parts of it cannot be read in the source, so that it was not copied. */
  | { readonly kind: "incomplete"; readonly source: StoredSnapshot; readonly losses: SnapshotLosses }
  /** A blob that the source cannot give. */
  | { readonly kind: "lost"; readonly blob: LostTransfer }
  /** An index file of the source, or a snapshot file of the target, that cannot be used. */
  | { readonly kind: "damaged"; readonly what: string; readonly reason: string };

export type CopyPhase = "index" | "trees" | "copying" | "done";

export interface CopyProgress {
  readonly phase: CopyPhase;
  readonly snapshotsDone: number;
  readonly snapshotsTotal: number;
  readonly trees: number;
  readonly blobsDone: number;
  /** As stored in the source. */
  readonly bytesDone: number;
  /** Of the lots whose trees were read. */
  readonly blobsTotal: number;
  readonly bytesTotal: number;
  readonly elapsedMs: number;
}

export interface CopyResult {
  /** `id` is that of the new snapshot; `undefined` in a dry run. */
  readonly copied: readonly { readonly source: StoredSnapshot; readonly id: Id | undefined }[];
  readonly skipped: readonly { readonly source: StoredSnapshot; readonly target: StoredSnapshot }[];
  readonly incomplete: readonly { readonly source: StoredSnapshot; readonly losses: SnapshotLosses }[];
  /** What was copied; in a dry run what would be. */
  readonly blobs: number;
  /** As stored in the source. */
  readonly bytes: number;
  /** As stored in the target. 0 in a dry run. */
  readonly storedBytes: number;
  readonly newPacks: number;
  /** Packs that an earlier run had stored in the target and that were used. */
  readonly adoptedPacks: number;
  readonly lostBlobs: number;
  readonly elapsedMs: number;
}
