/** What the coordinator and the workers of a backup say to each other, and the memory they share. */
import type { MasterKey } from "../crypto/sealing.ts";
import type { Id } from "../format/id.ts";
import type { NodeType } from "../format/node.ts";
import type { SharedBlobIndex } from "../index/blob-index.ts";
import type { FinishedPack, SharedPackPool } from "../packs/pack-pool.ts";
import type { CompressionMode } from "../platform/zstd.ts";
import type { AddedBytes } from "./blob-store.ts";
import type { SharedPresentSample } from "./present-sample.ts";
import type { SelectionRules } from "./selection.ts";

/** Counted by the workers as they go. */
export const BACKUP_COUNTERS = [
  "filesNew",
  "filesChanged",
  "filesUnmodified",
  "dirsNew",
  "dirsChanged",
  "dirsUnmodified",
  "othersDone",
  "bytesDone",
  "dataBlobs",
  "treeBlobs",
  "dataAdded",
  "dataAddedPacked",
  "socketsSkipped",
  "excluded",
] as const;
export type BackupCounts = Record<(typeof BACKUP_COUNTERS)[number], number>;

/** Start data of a backup worker. */
export interface BackupWorkerData {
  readonly key: MasterKey;
  readonly polynomial: bigint;
  readonly repositoryVersion: 1 | 2;
  readonly compression: CompressionMode;
  readonly index: SharedBlobIndex;
  readonly pool: SharedPackPool;
  readonly counters: SharedArrayBuffer;
  /** Word 0: idle workers that nobody has promised work to yet. */
  readonly idle: SharedArrayBuffer;
  /** The path that this worker handles now, UTF-8, first 4 bytes its length. */
  readonly currentPath: SharedArrayBuffer;
  readonly rules: SelectionRules;
  readonly reading: ReadingOptions;
  /** How much of the parent's tree packs this worker keeps. */
  readonly parentCacheBytes: number;
  readonly dryRun: boolean;
  /** Send `items`. */
  readonly itemEvents: boolean;
  /** Where blobs that the repository has already are drawn from; absent when none are going to be read. */
  readonly present: SharedPresentSample | undefined;
}

/** How files are read and compared with the parent snapshot. */
export interface ReadingOptions {
  readonly withAtime: boolean;
  readonly ignoreInode: boolean;
  readonly ignoreCtime: boolean;
  /** Files of at least this size are read in pieces by several workers. */
  readonly largeFileBytes: number;
}

/** Some entries of one folder: the unit of work that moves between workers. */
export interface EntriesTask {
  readonly kind: "entries";
  readonly task: number;
  /** Absolute or relative path of the folder, without a slash at the end unless it is the root. */
  readonly dir: string;
  /** Names in it, in order. */
  readonly names: readonly string[];
  /** Path of the folder in the snapshot, without a slash at the end: empty for its root. */
  readonly storedDir: string;
  /** Names under which they are stored, when these differ from `names` (targets of a backup). */
  readonly storedNames?: readonly string[];
  /** The parent snapshot's tree of this folder. */
  readonly parentTree: Id | undefined;
  /** The names are targets that the user gave: no exclusion applies to them. */
  readonly explicit: boolean;
  /** The device that must not be left, with --one-file-system. */
  readonly device: bigint | undefined;
  /** These are all entries of a folder in the snapshot: its tree is the answer, not their nodes. */
  readonly asTree?: boolean;
}

export type ToWorker =
  | EntriesTask
  | { readonly kind: "scan"; readonly task: number; readonly path: string; readonly from: number; readonly to: number }
  | {
      readonly kind: "chunks";
      readonly task: number;
      readonly path: string;
      /** Start of the segment that this worker scanned last and still keeps. */
      readonly segment: number;
      /** Where the first chunk begins, and where each ends. */
      readonly from: number;
      readonly ends: readonly number[];
    }
  | { readonly kind: "blob"; readonly task: number; readonly bytes: ArrayBuffer }
  | { readonly kind: "tree"; readonly task: number; readonly nodes: readonly string[] }
  | { readonly kind: "flush"; readonly task: number }
  /** End now; nothing more is wanted. */
  | { readonly kind: "stop" }
  /** Answers `given`: the encoded nodes of entries that this worker gave away. */
  | { readonly kind: "returned"; readonly ticket: number; readonly nodes: readonly (string | null)[] }
  /** Answers `large`. */
  | {
      readonly kind: "largeDone";
      readonly ticket: number;
      readonly content: readonly Id[];
      readonly sizeBytes: number;
      readonly added: AddedBytes;
      /** That the file changed has been said. */
      readonly isReported: boolean;
    }
  | { readonly kind: "largeFailed"; readonly ticket: number; readonly problem: Problem }
  /** Answers `needPack`: the pack's bytes, or nothing when it could not be read. */
  | { readonly kind: "pack"; readonly pack: number; readonly bytes: SharedArrayBuffer | undefined };

/** Something about one path that the user must know. Only `unreadable` makes the backup incomplete. */
export interface Problem {
  readonly code: "unreadable" | "changed" | "vanished" | "metadata" | "parent-tree";
  readonly path: string;
  readonly reason: string;
}

/** What became of one entry. */
export type BackupItem =
  | { readonly action: "excluded"; readonly path: string }
  | {
      /** Against the parent snapshot: its whole node, metadata included. */
      readonly action: "new" | "modified" | "unchanged";
      /** Absolute path in the snapshot, surrogate-escaped. */
      readonly path: string;
      readonly type: NodeType;
      /** Of a file; otherwise 0. */
      readonly sizeBytes: number;
      /** What the repository did not have yet: content of a file, the tree of a folder. Plain, and as it is stored. */
      readonly addedBytes: number;
      readonly storedBytes: number;
      /** From the first look at it; for a folder with everything in it. */
      readonly elapsedMs: number;
    };

export type FromWorker =
  | { readonly kind: "idle" }
  | { readonly kind: "done"; readonly task: number; readonly result: TaskResult }
  /** Entries for another worker; `ticket` comes back with their nodes. */
  | { readonly kind: "given"; readonly ticket: number; readonly work: Omit<EntriesTask, "task"> }
  | { readonly kind: "large"; readonly ticket: number; readonly path: string; readonly sizeBytes: number }
  | { readonly kind: "needPack"; readonly pack: number }
  | { readonly kind: "problem"; readonly problem: Problem }
  /** The repository itself was met at this path, and left out. */
  | { readonly kind: "repository"; readonly path: string }
  | { readonly kind: "items"; readonly items: readonly BackupItem[] }
  | { readonly kind: "packed"; readonly pack: FinishedPack };

/** A tree, and what the repository did not have of it. */
export interface StoredTree {
  readonly id: Id;
  readonly added: AddedBytes;
}

export type TaskResult =
  | { readonly kind: "entries"; readonly nodes: readonly (string | null)[] }
  /** `undefined`: nothing of the entries is stored. */
  | { readonly kind: "wholeTree"; readonly tree: StoredTree | undefined }
  | { readonly kind: "scan"; readonly runs: readonly number[]; readonly scannedTo: number }
  | { readonly kind: "chunks"; readonly ids: readonly Id[]; readonly bytes: number; readonly added: AddedBytes }
  | { readonly kind: "failed"; readonly problem: Problem }
  | { readonly kind: "blob"; readonly id: Id }
  | { readonly kind: "tree"; readonly tree: StoredTree }
  | { readonly kind: "flush" };
