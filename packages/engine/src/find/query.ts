/** What is searched for. */
import type { Id } from "../format/id.ts";

/** Bounds of what is recorded of an entry; each that is given must hold. */
export interface EntryBounds {
  /** Modified at this time or later, nanoseconds since 1970. */
  readonly oldestNs?: bigint;
  /** Modified at this time or earlier. */
  readonly newestNs?: bigint;
  /** Files of more bytes than this; nothing but files has a size. */
  readonly largerThanBytes?: number;
  /** Files of fewer bytes than this. */
  readonly smallerThanBytes?: number;
}

/** Search by names: all entries whose path is matched by one of the patterns, and that are within the bounds. */
export interface NameQuery {
  readonly kind: "names";
  /** As for excludes: a match of a folder counts for all in it. A `!` before a pattern has no meaning, as in restic. */
  readonly patterns: readonly string[];
  readonly ignoreCase: boolean;
  readonly bounds: EntryBounds;
}

/** Search by blobs: all files that consist of one of the data blobs, and all folders that one of the trees describes. */
export interface BlobQuery {
  readonly kind: "blobs";
  readonly data: readonly Id[];
  readonly trees: readonly Id[];
}

/** What to search snapshots for. */
export type FindQuery = NameQuery | BlobQuery;
