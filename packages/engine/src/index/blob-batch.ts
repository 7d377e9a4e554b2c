/** Packs and their blobs on the way into an index: flat arrays, so that tens of thousands of blobs cost no objects. */
import { ID_BYTES } from "../format/id.ts";

const WORDS = 4;
const TREE_BIT = 0x8000_0000;

/** Packs with their blobs, each blob with its location. Grows as it is filled. */
export class BlobBatch {
  /** Raw ids of the packs, 32 bytes each. */
  packIds: Uint8Array = new Uint8Array(64 * ID_BYTES);
  /** Raw ids of the blobs, 32 bytes each. */
  ids: Uint8Array;
  packCount = 0;
  count = 0;
  #words: Uint32Array;

  /** @param expectedBlobs room to start with */
  constructor(expectedBlobs = 1024) {
    const room = Math.max(1, expectedBlobs);
    this.ids = new Uint8Array(room * ID_BYTES);
    this.#words = new Uint32Array(room * WORDS);
  }

  /**
   * Makes room for one more pack; its id goes to `packIds` at the byte offset returned. Blobs added next belong to it.
   */
  addPack(): number {
    const at = this.packCount * ID_BYTES;
    if (at + ID_BYTES > this.packIds.length) this.packIds = doubled(this.packIds);
    this.packCount += 1;
    return at;
  }

  /** Makes room for one more blob; its id goes to `ids` at the byte offset returned, the rest to `setBlob`. */
  addBlob(): number {
    const at = this.count * ID_BYTES;
    if (at + ID_BYTES > this.ids.length) {
      this.ids = doubled(this.ids);
      const words = new Uint32Array(this.#words.length * 2);
      words.set(this.#words);
      this.#words = words;
    }
    this.count += 1;
    return at;
  }

  /** Sets what is known of the blob added last. All numbers are below 2^32. */
  setBlob(isTree: boolean, offset: number, lengthBytes: number, uncompressedBytes: number): void {
    const at = (this.count - 1) * WORDS;
    const words = this.#words;
    words[at] = (this.packCount - 1) | (isTree ? TREE_BIT : 0);
    words[at + 1] = offset;
    words[at + 2] = lengthBytes;
    words[at + 3] = uncompressedBytes;
  }

  /** Which pack of this batch holds blob `n`. */
  packOf(n: number): number {
    return (this.#words[n * WORDS] as number) & ~TREE_BIT;
  }

  /** Whether blob `n` is a tree. */
  isTree(n: number): boolean {
    return (this.#words[n * WORDS] as number) >= TREE_BIT;
  }

  /** Where blob `n` starts in its pack. */
  offsetOf(n: number): number {
    return this.#words[n * WORDS + 1] as number;
  }

  /** Sealed length of blob `n`. */
  lengthOf(n: number): number {
    return this.#words[n * WORDS + 2] as number;
  }

  /** Plain length of blob `n`; 0 if it is stored uncompressed. */
  uncompressedOf(n: number): number {
    return this.#words[n * WORDS + 3] as number;
  }
}

function doubled(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length * 2);
  larger.set(bytes);
  return larger;
}
