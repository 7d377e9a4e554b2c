/**
 * Entries that are handed over instead of being found in folders: the dump of a database, the disk of a machine, what a program
 * prints.
 */
import { posix } from "node:path";
import type { Id } from "../format/id.ts";
import type { ExtendedAttribute, TreeNode } from "../format/node.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";

export interface GivenEntries {
  /** What the snapshot says that it holds: absolute, in the order given. */
  readonly paths: readonly string[];
  /**
   * The content of each entry is taken to its end before the next entry is asked for. When this throws, there is no snapshot. A
   * function is told what is stored already, so that entries can be taken over from it.
   */
  readonly entries: AsyncIterable<GivenEntry> | ((stored: AlreadyStored) => AsyncIterable<GivenEntry>);
}

/** What a backup has found in the repository when it began. */
export interface AlreadyStored {
  readonly repository: Repository;
  /** Every snapshot that can be read, oldest first. */
  readonly snapshots: readonly StoredSnapshot[];
  /** Covers these snapshots; grows with what the backup stores. */
  readonly index: BlobIndex;
}

/** What is absent is that of an ordinary file or folder of whoever makes the backup, changed at the time of the snapshot. */
export interface GivenMetadata {
  /** Permissions: `st_mode & 07777`. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly user?: string;
  readonly group?: string;
  /** Nanoseconds since 1970. */
  readonly mtimeNs?: bigint;
  readonly extendedAttributes?: readonly ExtendedAttribute[];
}

/** So many zeros, without the bytes: a hole of a disk costs neither reading nor hashing. */
export interface Zeros {
  readonly zeros: number;
}

export type GivenPiece = Uint8Array | Zeros;

/** From `start` until before `end`, in bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What of a file is not as it was in the snapshot before. */
export interface ChangedRanges {
  /** The snapshot that has the same path as it was then. */
  readonly since: Id;
  /** In any order; a byte that is in none, and within the file of that snapshot, is the same in both. */
  readonly changed: readonly ByteRange[];
}

/** A file that is read where it must be. */
export interface RangedFile extends GivenMetadata {
  readonly kind: "ranged";
  readonly path: string;
  readonly sizeBytes: number;
  /** The bytes of a range, in order and all of them. Called for one range after the other. */
  read(range: ByteRange): AsyncIterable<GivenPiece>;
  /** Absent: all of it is read. */
  readonly changes?: ChangedRanges;
  /** All of it is read although changes were given, as the snapshot before cannot be built upon. */
  onReadWhole?(reason: string): void;
}

/** `path` is where it lies in the snapshot; `..` does not lead out of that. Folders above need not be given. */
export type GivenEntry =
  | ({ readonly kind: "file"; readonly path: string; readonly content: AsyncIterable<Uint8Array> } & GivenMetadata)
  | RangedFile
  | ({ readonly kind: "folder"; readonly path: string } & GivenMetadata)
  | ({ readonly kind: "symlink"; readonly path: string; readonly linkTarget: string } & GivenMetadata)
  /**
   * A real file or folder of this machine, with everything below it; `from` is absolute. What was found, rather than named by
   * somebody, is subject to the rules of the backup itself, and may be gone by now; what is below always is.
   */
  | { readonly kind: "real"; readonly path: string; readonly from: string; readonly found?: boolean }
  /** A real folder of this machine with its metadata, of whose content only what is given is taken. */
  | { readonly kind: "real-folder"; readonly path: string; readonly from: string }
  /**
   * A node of another snapshot, taken over as it is under the name of `path`; nothing of it is read. A folder is taken over whole: of what
   * lies below it, only its own tree is looked for in the index, and nothing is counted.
   */
  | { readonly kind: "stored"; readonly path: string; readonly node: TreeNode };

/** One file whose content comes from a stream. */
export function givenStream(name: string, input: AsyncIterable<Uint8Array>): GivenEntries {
  const path = posix.resolve("/", name);
  async function* entries(): AsyncGenerator<GivenEntry> {
    yield { kind: "file", path, content: input };
  }
  return { paths: [path], entries: entries() };
}
