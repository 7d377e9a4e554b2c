/** What the coordinator and the workers of a restore say to each other, and the memory they share. */
import type { MasterKey } from "../crypto/sealing.ts";
import type { BlobType, Id } from "../format/id.ts";
import type { SharedBlobIndex } from "../index/blob-index.ts";
import type { RestoreProblem } from "./problems.ts";
import type { SelectionRules } from "./selection.ts";

/** Counted by the workers as they go. Files are regular files; a hard link to one that is restored counts as `links`. */
export const RESTORE_COUNTERS = [
  "filesTotal",
  "bytesTotal",
  "filesRestored",
  "filesUpdated",
  "filesUnchanged",
  "filesSkipped",
  "filesFailed",
  "bytesRestored",
  "bytesUnchanged",
  "bytesSkipped",
  "bytesFailed",
  "folders",
  "links",
  "others",
  "othersSkipped",
  "socketsSkipped",
  "deleted",
  "filesVerified",
  "bytesVerified",
] as const;
export type RestoreCounts = Record<(typeof RESTORE_COUNTERS)[number], number>;

/** What to do with what stands in the target already (restic's meanings). */
export type Overwrite = "always" | "if-changed" | "if-newer" | "never";

/** How to restore; plain data for workers. */
export interface RestoreRules {
  readonly selection: SelectionRules;
  readonly overwrite: Overwrite;
  readonly delete: boolean;
  readonly sparse: boolean;
  readonly dryRun: boolean;
  /** Restore owner and group; `undefined`: as far as this process may. */
  readonly owner: boolean | undefined;
  /** Send an entry event for everything that is handled. */
  readonly reportEntries: boolean;
}

/** Start data of a restore worker. */
export interface RestoreWorkerData {
  readonly key: MasterKey;
  readonly index: SharedBlobIndex;
  readonly counters: SharedArrayBuffer;
  /** Word 0 is 1 when workers must stop. */
  readonly stop: SharedArrayBuffer;
  /** Room for loaded ranges of packs, one for each window that may be under way. */
  readonly slots: readonly SharedArrayBuffer[];
  /** The target folder: an absolute path without symbolic links, without a slash at the end; "" for the root. */
  readonly target: string;
  readonly rules: RestoreRules;
  /** Tell which paths were not restored. */
  readonly noteUntouched: boolean;
}

/** A folder of the snapshot, as workers know it. */
export interface FolderRef {
  readonly id: number;
  /** Inside what is restored: "" is its root, else it begins with "/". */
  readonly path: string;
  /** This run made it, so that nothing can stand in the way of what is created in it. */
  readonly fresh: boolean;
}

/** Entries of one folder to handle. Where they are: a part of the bytes of the message. */
export interface EntriesWork {
  readonly folder: FolderRef;
  /**
   * - `sealed`: the sealed tree blob `tree`
   * - `plain`: its plain bytes, checked already
   * - `part`: some of its entries, as the bytes of a tree; names are checked already
   * - `claimed`: as `part`; its files are the first of their hard links
   */
  readonly form: "sealed" | "plain" | "part" | "claimed";
  readonly tree: Id | undefined;
  readonly offset: number;
  readonly lengthBytes: number;
  /** Of a sealed tree that is compressed; else 0. */
  readonly uncompressedBytes: number;
}

/** A folder found in a tree. */
export interface ChildFolder {
  readonly path: string;
  readonly fresh: boolean;
  /** Its JSON, for its metadata. */
  readonly node: string;
  /** `undefined` when nothing in it is to be restored. */
  readonly tree: Id | undefined;
  readonly selected: boolean;
}

/** A file with several hard links. */
export interface LinkedFile {
  readonly name: string;
  /** Inode and device. */
  readonly key: string;
  readonly node: string;
}

/** A file that several workers restore together. */
export interface LargeFile {
  readonly name: string;
  /** Its JSON, without content. */
  readonly node: string;
  readonly fresh: boolean;
  readonly sizeBytes: number;
  readonly linkKey: string | undefined;
  /** Raw ids of its blobs. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** Of each piece: its first blob, and where in the file that goes. */
  readonly pieces: readonly { readonly firstBlob: number; readonly offset: number }[];
}

/** Part of a large file. */
export interface PieceWork {
  readonly file: number;
  readonly folder: FolderRef;
  readonly name: string;
  readonly fresh: boolean;
  readonly ids: Uint8Array<ArrayBuffer>;
  readonly offset: number;
}

export interface LinkWork {
  readonly folder: FolderRef;
  readonly name: string;
  readonly node: string;
  /** The file to link to. */
  readonly toFolder: string;
  readonly toName: string;
}

export type ToWorker =
  | { readonly kind: "entries"; readonly bytes: ArrayBuffer; readonly works: readonly EntriesWork[] }
  | { readonly kind: "piece"; readonly piece: PieceWork }
  /** There is nothing to hand out now: do not wait for more before using what is collected. */
  | { readonly kind: "noWork" }
  /** From now on another copy is read, with a key and an index of its own. */
  | { readonly kind: "source"; readonly number: number; readonly key: MasterKey; readonly index: SharedBlobIndex }
  /** The ranges of a window were those of a copy that was left: plan them again. */
  | { readonly kind: "planAgain"; readonly slot: number }
  /** The ranges of a window are in its slot, or in `room` if they did not fit; `missing` are those that are not. */
  | {
      readonly kind: "loaded";
      readonly slot: number;
      readonly room: SharedArrayBuffer | undefined;
      readonly missing: readonly number[];
    }
  | { readonly kind: "finishFolders"; readonly folders: readonly { readonly path: string; readonly node: string }[] }
  | {
      readonly kind: "finishFile";
      readonly file: number;
      readonly folder: FolderRef;
      readonly name: string;
      readonly node: string;
      readonly fresh: boolean;
      readonly sizeBytes: number;
      readonly outcome: PieceDone["outcome"];
    }
  | { readonly kind: "clean"; readonly bytes: ArrayBuffer; readonly work: EntriesWork }
  | { readonly kind: "links"; readonly links: readonly LinkWork[] }
  | { readonly kind: "verify"; readonly bytes: ArrayBuffer; readonly works: readonly EntriesWork[] }
  /** Sorted hashes of paths that are not to be verified. */
  | { readonly kind: "unverified"; readonly hashes: Float64Array }
  /** Answers `needBlob`. */
  | { readonly kind: "blob"; readonly bytes: Uint8Array | undefined; readonly reason: string }
  | { readonly kind: "stop" };

/** What became of one entry, for listings. */
export interface RestoreEntry {
  readonly action: "restored" | "updated" | "unchanged" | "skipped" | "deleted";
  readonly type: string;
  /** Inside what is restored; begins with "/". */
  readonly path: string;
  readonly sizeBytes: number;
}

/** What was found among entries that a worker was given. */
export interface EnteredSegment {
  readonly folder: number;
  /** Something in the folder was selected, so the folder exists now. */
  readonly used: boolean;
  /** Not all entries are known or safe, so nothing may be deleted for being unknown. */
  readonly incomplete: boolean;
  /** Files of it that this worker will report as written later. */
  readonly files: number;
  readonly children: readonly ChildFolder[];
  /** Further entries of it for anybody to handle. */
  readonly parts: readonly ArrayBuffer[];
  readonly linked: readonly LinkedFile[];
  readonly large: readonly LargeFile[];
}

export type FromWorker =
  /** This worker has handled all entries that it was given. */
  | { readonly kind: "hungry" }
  | { readonly kind: "entered"; readonly segments: readonly EnteredSegment[] }
  /** Ranges of packs to load: number of the pack, offset, length, place in the slot. */
  | {
      readonly kind: "load";
      readonly slot: number;
      /** The number of the copy whose packs these are. */
      readonly source: number;
      readonly ranges: Float64Array;
      readonly totalBytes: number;
    }
  /** Files are done: of each folder its id and their number. */
  | { readonly kind: "written"; readonly folders: readonly number[]; readonly pieces: readonly PieceDone[] }
  | { readonly kind: "linkReady"; readonly key: string; readonly ok: boolean }
  | { readonly kind: "fileFinished"; readonly file: number; readonly ok: boolean }
  | { readonly kind: "foldersFinished"; readonly count: number }
  | { readonly kind: "cleaned"; readonly folder: number }
  | { readonly kind: "linked"; readonly folders: readonly number[] }
  | { readonly kind: "needBlob"; readonly type: BlobType; readonly id: Id }
  | { readonly kind: "notes"; readonly problems: readonly RestoreProblem[]; readonly entries: readonly RestoreEntry[] }
  /** Hashes of paths that were not restored. */
  | { readonly kind: "untouched"; readonly hashes: readonly number[] }
  | { readonly kind: "stopped" };

export interface PieceDone {
  readonly file: number;
  readonly outcome: "written" | "unchanged" | "failed";
}
