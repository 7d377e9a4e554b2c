/** What a prune can be told, and what it says of its progress. */
import type { Id } from "../format/id.ts";
import type { CompressionMode } from "../platform/zstd.ts";

/** How much of the repository may be data that nothing needs: a share of what remains, so many bytes, or anything. */
export type UnusedLimit =
  | { readonly kind: "percent"; readonly percent: number }
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "unlimited" };

/** Five percent, as restic has it: repacking costs more than the space is worth. */
export const DEFAULT_MAX_UNUSED: UnusedLimit = { kind: "percent", percent: 5 };

/** Packs that no index lists are left alone for this long: they could be those of a run whose lock was broken. */
export const DEFAULT_UNLISTED_GRACE_MS = 60 * 60_000;

const USUAL_PACK_BYTES = 16 * 1024 * 1024;

/** All that a prune may remove, where a place removes only what people have approved. */
export interface RemovableFiles {
  readonly packs: ReadonlySet<Id>;
  readonly indexFiles: ReadonlySet<Id>;
  readonly forgotten: ReadonlySet<Id>;
}

/** All but `signal` may be left out. */
export interface PruneOptions {
  readonly signal: AbortSignal;
  /** How long the data of forgotten snapshots is kept; `DEFAULT_GRACE_MS` if absent. */
  readonly graceMs?: number;
  readonly maxUnused?: UnusedLimit;
  /** Packs of this many bytes altogether are packed anew at most. */
  readonly maxRepackBytes?: number;
  /** Packs below this size are put together, if that saves one. Absent: those below 4 % of the pack size, from ten on. */
  readonly smallPackBytes?: number | undefined;
  /** Packs with blobs that are not compressed are packed anew. Needs version 2 of the format. */
  readonly repackUncompressed?: boolean;
  /** Packs that hold only data stay as they are, unless nothing in them is needed. */
  readonly repackCacheableOnly?: boolean;
  /** Of new packs; 16 MiB if absent. */
  readonly packSizeBytes?: number;
  /** Of blobs that are compressed now. */
  readonly compression?: CompressionMode;
  /** Threads, 0 for none where there is little to move; as many as are worth it if absent. */
  readonly workers?: number;
  readonly unlistedGraceMs?: number;
  /** Nothing else is removed; forgotten snapshots that are not in it keep their data. Absent: whatever is not needed may go. */
  readonly only?: RemovableFiles | undefined;
  /** Milliseconds since 1970; now if absent. */
  readonly nowMs?: number;
  readonly onProgress?: (progress: PruneProgress) => void;
}

/** How far a prune is. `done` and `total` count what the phase is about; the total is 0 while nobody knows it. */
export interface PruneProgress {
  readonly phase: "index" | "packs" | "trees" | "repack" | "write-index" | "remove-index" | "remove-packs";
  readonly done: number;
  readonly total: number;
}

/** The pack size that is meant. */
export function packSizeOf({ packSizeBytes = USUAL_PACK_BYTES }: PruneOptions): number {
  return packSizeBytes;
}

/** The bytes that may stay unused when `usedBytes` are needed. */
export function unusedBytesAllowed(limit: UnusedLimit, usedBytes: number): number {
  switch (limit.kind) {
    case "unlimited":
      return Number.POSITIVE_INFINITY;
    case "bytes":
      return limit.bytes;
    case "percent":
      // Of the whole repository after the prune, which is the used and the unused bytes together.
      return limit.percent >= 100
        ? Number.POSITIVE_INFINITY
        : Math.floor((limit.percent / (100 - limit.percent)) * usedBytes);
  }
}
