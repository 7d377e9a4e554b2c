/** What a check can find. A finding is damage, unless its code is listed as harmless. */
import type { Id } from "../format/id.ts";

export type FindingCode =
  | "index-damaged"
  | "index-range"
  | "pack-missing"
  | "pack-size"
  | "pack-unreadable"
  | "pack-hash"
  | "pack-header"
  | "pack-unindexed"
  | "blob-damaged"
  | "snapshot-damaged"
  | "tree-missing"
  | "tree-malformed"
  | "tree-name"
  | "tree-order"
  | "tree-duplicate"
  | "file-size"
  | "data-missing"
  | "key-damaged";

/**
 * Findings that cost nothing but space or a line in the report. A size that is not that of the content is one: older versions of
 * restic wrote it for files that changed while they were read, and the content is all there (restic's issue 1887).
 */
const HARMLESS: ReadonlySet<FindingCode> = new Set(["pack-unindexed", "tree-order", "file-size"]);

export interface Finding {
  readonly code: FindingCode;
  /** The file, blob or tree that it is about, as `pack 1234…`. */
  readonly what: string;
  readonly reason: string;
  /** The pack whose bytes are damaged, if it is one. */
  readonly pack?: Id;
}

export function isDamage(finding: Finding): boolean {
  return !HARMLESS.has(finding.code);
}

/** A file or folder of a snapshot that cannot be restored whole. */
export interface AffectedPath {
  readonly snapshots: readonly string[];
  readonly path: string;
  readonly reason: string;
}
