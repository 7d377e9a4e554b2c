/** Files whose content is loaded together: neighbouring blobs come with one read, and each blob once. */
import type { Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import type { BlobLocation } from "../index/blob-index.ts";
import type { FolderRef } from "./messages.ts";

/** Between wanted blobs, this much is read along rather than in a second request. */
const MAX_GAP_BYTES = 128 * 1024;
/** Most files of a window, to bound what is known of them in memory. */
const MAX_FILES = 2048;
/** Numbers of one range in a `load` message: pack, offset, length, place. */
export const RANGE_NUMBERS = 4;

/** Instead of a number in the index: nothing is loaded, and the blob is asked for when it is wanted. */
export const NOT_STORED = -1;

/** One blob of a file. */
export interface ContentBlob {
  readonly id: Id;
  /** Its number in the index; `NOT_STORED` for one that the copy that is read does not have. */
  readonly entry: number;
  readonly place: BlobLocation;
  readonly plainBytes: number;
}

/** A blob that is to be written to a file. */
export interface WantedBlob extends ContentBlob {
  /** Where in the file it goes. */
  readonly offset: number;
}

/** A file, or a piece of a large one, that waits for its content. */
export interface WindowFile {
  readonly folder: FolderRef;
  readonly name: string;
  readonly wanted: readonly WantedBlob[];
  /** Write into the file that is there rather than create it. */
  readonly patch: boolean;
  /** Type of what stands there and must make room for a new file. */
  readonly replaces: string | undefined;
  /** Its metadata; `undefined` for a piece of a large file. */
  readonly node: TreeNode | undefined;
  /** Number of the large file that this is a piece of. */
  readonly piece: number | undefined;
  readonly linkKey: string | undefined;
  /** Of its whole content, wanted or not. */
  readonly totalBytes: number;
}

interface Loaded {
  readonly place: BlobLocation;
  /** Where the sealed blob starts in the slot, and which range brings it. */
  at: number;
  range: number;
}

export class LoadWindow {
  readonly files: WindowFile[] = [];
  readonly #blobs = new Map<number, Loaded>();
  #sealedBytes = 0;
  #room: Uint8Array | undefined;
  #missing: ReadonlySet<number> = new Set();

  get isEmpty(): boolean {
    return this.files.length === 0;
  }

  /** Whether it should be loaded before this file is added. */
  isFullFor(file: WindowFile, usefulBytes: number): boolean {
    if (this.isEmpty) return false;
    if (this.files.length >= MAX_FILES || this.#sealedBytes >= usefulBytes) return true;
    let more = 0;
    for (const { place } of file.wanted) more += place.lengthBytes;
    return this.#sealedBytes + more > usefulBytes;
  }

  add(file: WindowFile): void {
    this.files.push(file);
    for (const { entry, place } of file.wanted) {
      if (entry === NOT_STORED || this.#blobs.has(entry)) continue;
      this.#blobs.set(entry, { place, at: 0, range: 0 });
      this.#sealedBytes += place.lengthBytes;
    }
  }

  /**
   * The ranges to load, four numbers each: number of the pack, offset, length, place in the slot.
   * @param slotBytes gaps are read along only while all fits
   */
  plan(slotBytes: number): { ranges: Float64Array; totalBytes: number } {
    const blobs = [...this.#blobs.values()].sort(byPlace);
    const readAlong = smallestGaps(blobs, Math.max(0, slotBytes - this.#sealedBytes));
    const ranges: number[] = [];
    let at = 0;
    for (const [n, blob] of blobs.entries()) {
      const { pack, offset, lengthBytes } = blob.place;
      const gap = readAlong[n] as number;
      if (gap >= 0) {
        at += gap;
        const last = ranges.length - RANGE_NUMBERS;
        ranges[last + 2] = offset + lengthBytes - (ranges[last + 1] as number);
      } else ranges.push(pack, offset, lengthBytes, at);
      blob.at = at;
      blob.range = ranges.length / RANGE_NUMBERS - 1;
      at += lengthBytes;
    }
    return { ranges: Float64Array.from(ranges), totalBytes: at };
  }

  /** The ranges are in `room`, save those in `missing`. */
  loaded(room: Uint8Array, missing: readonly number[]): void {
    this.#room = room;
    this.#missing = new Set(missing);
  }

  get isLoaded(): boolean {
    return this.#room !== undefined;
  }

  /** The sealed bytes of a blob; `undefined` when they could not be read. */
  sealed({ entry, place }: ContentBlob): Uint8Array | undefined {
    const blob = this.#blobs.get(entry);
    if (blob === undefined || this.#missing.has(blob.range)) return undefined;
    return this.#room?.subarray(blob.at, blob.at + place.lengthBytes);
  }
}

/**
 * Of each blob, in the order of their places, the bytes between it and the one before where these are read along, else -1. Small
 * gaps go first, so that few requests are left; one pack's end is never joined with the next one's beginning.
 */
function smallestGaps(blobs: readonly Loaded[], spareBytes: number): Float64Array {
  const gaps = new Float64Array(blobs.length).fill(-1);
  for (let n = 1; n < blobs.length; n++) {
    const before = (blobs[n - 1] as Loaded).place;
    const { pack, offset } = (blobs[n] as Loaded).place;
    const gap = offset - before.offset - before.lengthBytes;
    if (pack === before.pack && gap >= 0 && gap <= MAX_GAP_BYTES) gaps[n] = gap;
  }
  let spare = spareBytes;
  const smallestFirst = Array.from(gaps.keys()).filter((n) => (gaps[n] as number) > 0);
  for (const n of smallestFirst.sort((a, b) => (gaps[a] as number) - (gaps[b] as number))) {
    spare -= gaps[n] as number;
    if (spare < 0) gaps[n] = -1;
  }
  return gaps;
}

function byPlace({ place: a }: Loaded, { place: b }: Loaded): number {
  return a.pack - b.pack || a.offset - b.offset;
}
