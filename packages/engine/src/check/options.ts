/** What a check is told, what it says while it runs, and what it returns. */
import type { SnapshotFilter, StoredSnapshot } from "../repository/snapshots.ts";
import type { AffectedPath, Finding } from "./findings.ts";

/** Which data packs are read in full. Packs that hold trees always are. */
export type DataSubset =
  | { readonly kind: "none" }
  | { readonly kind: "all" }
  /** The n-th of t equal parts, by the packs' ids: t checks cover everything. */
  | { readonly kind: "part"; readonly n: number; readonly of: number }
  | { readonly kind: "percent"; readonly percent: number }
  | { readonly kind: "bytes"; readonly bytes: number };

export interface CheckOptions {
  readonly readData: DataSubset;
  /** Only these snapshots' trees are followed; all when absent. */
  readonly filter?: SnapshotFilter;
  readonly workers?: number;
  readonly signal: AbortSignal;
  /** Called for each finding as it is made. */
  onFinding(finding: Finding): void;
  /** Random numbers in [0, 1) for the choice of packs; for tests. */
  readonly random?: () => number;
}

export interface CheckProgress {
  readonly phase: "index" | "packs" | "verify" | "trees" | "done";
  readonly packsDone: number;
  readonly packsTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly findings: number;
  readonly elapsedMs: number;
}

export interface CheckResult {
  /** No damage was found. Unused space is no damage. */
  readonly healthy: boolean;
  /** The snapshots that were checked, if all data was read and no damage was found. */
  readonly proven: readonly StoredSnapshot[];
  /** All snapshots that cannot be restored whole, also those that the filter leaves out. */
  readonly damaged: readonly StoredSnapshot[];
  readonly findings: readonly Finding[];
  /** Findings beyond those that are listed. */
  readonly findingsOmitted: number;
  /** Files and folders that cannot be restored whole. */
  readonly affected: readonly AffectedPath[];
  readonly affectedOmitted: number;
  readonly snapshots: number;
  readonly packs: number;
  readonly packsRead: number;
  readonly bytesRead: number;
  readonly blobs: number;
  readonly unusedBlobs: number;
  readonly unusedBytes: number;
  readonly elapsedMs: number;
}
