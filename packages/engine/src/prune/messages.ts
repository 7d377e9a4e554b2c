/** What the main thread and the workers that mark used blobs say to each other. */
import type { MasterKey } from "../crypto/sealing.ts";
import type { BlobType, Id } from "../format/id.ts";
import type { SharedBlobIndex } from "../index/blob-index.ts";

export interface MarkWorkerData {
  readonly key: MasterKey;
  readonly index: SharedBlobIndex;
  /** The bitmap of used entries. */
  readonly used: SharedArrayBuffer;
}

/** Numbers that tell where a tree is: entry, offset in the pack, sealed length, plain length or 0. */
export const PLACE_WORDS = 4;

/** Follow trees of one pack whose bytes are at hand. */
export interface MarkTask {
  readonly kind: "mark";
  readonly pack: number;
  /** The whole pack; of a worker in shared memory that belongs to it until it answers. */
  readonly bytes: Uint8Array;
  /** The trees to begin with, `PLACE_WORDS` each. They are marked already. */
  readonly places: Uint32Array;
}

/** A tree that cannot be read from this pack. */
export interface UnreadableTree {
  readonly entry: number;
  readonly reason: string;
}

/** A blob that a tree needs and that no index lists. */
export interface MissingBlob {
  readonly type: BlobType;
  readonly id: Id;
}

export interface MarkResult {
  readonly kind: "marked";
  /** How many trees were read. */
  readonly trees: number;
  /** Trees that were marked now and lie in other packs: their entries. */
  readonly elsewhere: Uint32Array;
  readonly unreadable: readonly UnreadableTree[];
  readonly missing: readonly MissingBlob[];
}
