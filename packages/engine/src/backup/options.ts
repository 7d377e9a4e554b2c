/** What a backup is told, what it says while it runs, and what it returns. */
import type { Id } from "../format/id.ts";
import type { CompressionMode } from "../platform/zstd.ts";
import type { SnapshotGrouping, StoredSnapshot } from "../repository/snapshots.ts";
import type { GivenEntries } from "./given-entries.ts";
import type { BackupCounts, BackupItem, Problem } from "./messages.ts";
import type { SelectionRules } from "./selection.ts";
import type { PresentResult } from "./verify-present.ts";

export interface BackupOptions {
  /** Paths as the user gave them (surrogate-escaped); relative ones start at `cwd`. */
  readonly targets: readonly string[];
  readonly cwd: string;
  /** Entries that are handed over, instead of targets. */
  readonly given?: GivenEntries;
  readonly hostname: string;
  readonly username: string;
  readonly uid: number;
  readonly gid: number;
  readonly tags: readonly string[];
  /** Time of the snapshot, nanoseconds since 1970; now if absent. */
  readonly timeNs?: bigint;
  /** Exclude options as given, recorded in the snapshot. */
  readonly excludes: readonly string[];
  readonly parent: ParentChoice;
  readonly rules: SelectionRules;
  readonly reading: { readonly withAtime: boolean; readonly ignoreInode: boolean; readonly ignoreCtime: boolean };
  readonly compression: CompressionMode;
  readonly packSizeBytes: number;
  /** Threads that read, hash and compress; by default one a core, at least two. */
  readonly workers?: number;
  /** Count files and bytes ahead, so that progress knows the totals. */
  readonly scan: boolean;
  readonly skipIfUnchanged: boolean;
  readonly dryRun: boolean;
  /**
   * For a repository that held no snapshot, index or pack when it was opened: nothing is looked for, and every blob counts as new.
   * Such a run relies on nothing that is there, so it may begin while the lock is still being taken; it writes nothing before
   * `locked` has resolved. What others have stored since is stored once more. Not together with a parent by its id.
   */
  readonly asFirst?: { readonly locked: Promise<void> } | undefined;
  readonly programVersion: string;
  /**
   * Reads so many bytes, in packs, of blobs that this run met and that others have stored, drawn at random, and compares them with
   * their names; 0 or absent for none. Files that are unchanged against the parent are not met.
   */
  readonly verifyPresentBytes?: number;
  /** Send an `item` event for every entry. Costs time. */
  readonly itemEvents?: boolean;
  readonly signal: AbortSignal;
  onEvent(event: BackupEvent): void;
}

/** Which snapshot unchanged files are compared with. */
export type ParentChoice =
  | { readonly kind: "none" }
  | { readonly kind: "id"; readonly text: string }
  /** The newest snapshot that agrees in these fields. */
  | { readonly kind: "auto"; readonly groupBy: SnapshotGrouping };

export type BackupPhase = "index" | "saving" | "finishing" | "verifying" | "done";

export type BackupEvent =
  | { readonly kind: "phase"; readonly phase: BackupPhase }
  | { readonly kind: "parent"; readonly id: Id | undefined }
  /** The snapshots that were there when the run began, oldest first. */
  | { readonly kind: "snapshots"; readonly snapshots: readonly StoredSnapshot[] }
  /** The targets were counted ahead. */
  | { readonly kind: "counted"; readonly files: number; readonly bytes: number; readonly elapsedMs: number }
  | { readonly kind: "item"; readonly item: BackupItem }
  | { readonly kind: "problem"; readonly problem: Problem }
  /** Files could not be read, and the record that says so of the snapshot could not be stored: it will pass for complete. */
  | { readonly kind: "unrecorded"; readonly error: unknown }
  /** The folder of the repository (`rules.repository`) was met at this path, and left out. */
  | { readonly kind: "repository"; readonly path: string };

export interface BackupProgress {
  readonly phase: BackupPhase;
  readonly counts: BackupCounts;
  readonly filesDone: number;
  readonly bytesDone: number;
  /** Known once counting ahead has finished. */
  readonly totalFiles: number | undefined;
  readonly totalBytes: number | undefined;
  readonly currentPaths: readonly string[];
  readonly problems: number;
  readonly elapsedMs: number;
}

export interface BackupResult {
  /** `undefined` for a dry run, and when nothing changed and that was to be skipped. */
  readonly snapshotId: Id | undefined;
  readonly treeId: Id;
  readonly parentId: Id | undefined;
  /** What tells its source from others: the `groupKey` of host and paths. */
  readonly source: string;
  /** The snapshot to compare the size with (`EarlierSnapshots`). */
  readonly comparable: StoredSnapshot | undefined;
  /** What reading blobs of others has shown; `undefined` when that was not asked for. */
  readonly present: PresentResult | undefined;
  /** Packs of a killed run that no index listed, and whose blobs this run did not store again. */
  readonly adoptedPacks: number;
  /** Packs that the index lists and the store does not have. What the targets have of their blobs was stored again. */
  readonly missingPacks: number;
  readonly counts: BackupCounts;
  readonly filesDone: number;
  readonly bytesDone: number;
  /** How many problems of each code there were. */
  readonly problems: Readonly<Record<Problem["code"], number>>;
  /** When the run began and ended, nanoseconds since 1970. */
  readonly startedAtNs: bigint;
  readonly endedAtNs: bigint;
  readonly elapsedMs: number;
}
