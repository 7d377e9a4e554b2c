/** What the index and the store say of each pack, in flat arrays: a million packs cost some 40 MB. */
import type { FileInfo } from "@holdfast/storage";
import type { Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";

/** Kinds of blobs in a pack, added up. */
export const HOLDS_DATA = 1;
export const HOLDS_TREES = 2;
/** Some data blob is not compressed. */
export const RAW_DATA = 4;
/** Some tree is not compressed although that would make it smaller. */
export const RAW_TREES = 8;

/** Tiny trees, such as that of an empty folder, do not get smaller. */
const WORTH_COMPRESSING_BYTES = 512;
const ENTRY_BYTES = { plain: 37, compressed: 41 } as const;
/** The seal of a pack's header, and its length field. */
const HEADER_OVERHEAD_BYTES = 36;

/** A pack in the store that no index file lists. */
export interface UnlistedPack {
  readonly id: Id;
  readonly sizeBytes: number;
  readonly receivedAtMs: number | undefined;
}

export class PackFacts {
  /** Sizes of the files; -1 for a pack that is not in the store. */
  readonly fileBytes: Float64Array;
  /** Sizes that the files must have by the index. */
  readonly expectedBytes: Float64Array;
  /** Headers of the packs, as far as they are not part of a blob. */
  readonly headerBytes: Float64Array;
  readonly kinds: Uint8Array;
  readonly unlisted: UnlistedPack[] = [];
  /** Where the last blob ends, by the index. */
  readonly #endBytes: Float64Array;

  /** Takes down what the index says; one pass over it. */
  constructor(index: BlobIndex) {
    const packs = index.packCount;
    this.fileBytes = new Float64Array(packs).fill(-1);
    this.expectedBytes = new Float64Array(packs).fill(HEADER_OVERHEAD_BYTES);
    this.headerBytes = new Float64Array(packs).fill(HEADER_OVERHEAD_BYTES);
    this.kinds = new Uint8Array(packs);
    this.#endBytes = new Float64Array(packs);
    for (let entry = 0; entry < index.count; entry++) {
      const place = index.locationAt(entry);
      if (place === undefined) continue;
      const { pack, offset, lengthBytes, uncompressedBytes } = place;
      const isRaw = uncompressedBytes === 0;
      const ownBytes = isRaw ? ENTRY_BYTES.plain : ENTRY_BYTES.compressed;
      add(this.expectedBytes, pack, lengthBytes + ownBytes);
      add(this.headerBytes, pack, ownBytes);
      this.#endBytes[pack] = Math.max(this.#endBytes[pack] as number, offset + lengthBytes);
      const isTree = index.typeAt(entry) === "tree";
      let kinds = isTree ? HOLDS_TREES : HOLDS_DATA;
      if (isRaw && !isTree) kinds |= RAW_DATA;
      if (isRaw && isTree && lengthBytes >= WORTH_COMPRESSING_BYTES) kinds |= RAW_TREES;
      this.kinds[pack] = (this.kinds[pack] as number) | kinds;
    }
  }

  /** Takes down a pack that is in the store. */
  addFile(index: BlobIndex, { id, sizeBytes, receivedAtMs }: FileInfo & { readonly id: Id }): void {
    const pack = index.packNumber(id);
    if (pack === undefined) this.unlisted.push({ id, sizeBytes, receivedAtMs });
    else this.fileBytes[pack] = sizeBytes;
  }

  /** Whether the store has the pack, with the size that it must have. */
  isSound(pack: number): boolean {
    const sizeBytes = this.fileBytes[pack] as number;
    return sizeBytes === this.expectedBytes[pack] && (this.#endBytes[pack] as number) <= sizeBytes;
  }
}

/** Adds to one number of an array. */
export function add(numbers: Float64Array | Uint32Array, at: number, amount: number): void {
  numbers[at] = (numbers[at] as number) + amount;
}
