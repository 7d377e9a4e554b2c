/** The blob index turned around: which entries lie in which pack. Two typed arrays, so that ten million blobs cost 80 MB. */
import type { BlobIndex } from "../index/blob-index.ts";

export class PacksOfIndex {
  readonly #starts: Uint32Array;
  readonly #entries: Uint32Array;
  /** Sum of what the index says of each pack, to compare with the size of its file. */
  readonly expectedBytes: Float64Array;
  /** Where the last blob of each pack ends, by the index. */
  readonly endBytes: Float64Array;
  readonly holdsTrees: Uint8Array;

  constructor(index: BlobIndex) {
    const packs = index.packCount;
    const counts = new Uint32Array(packs + 1);
    this.expectedBytes = new Float64Array(packs);
    this.endBytes = new Float64Array(packs);
    this.holdsTrees = new Uint8Array(packs);
    const packOf = new Int32Array(index.count).fill(-1);
    for (let entry = 0; entry < index.count; entry++) {
      const place = index.locationAt(entry);
      if (place === undefined) continue;
      packOf[entry] = place.pack;
      counts[place.pack + 1] = (counts[place.pack + 1] as number) + 1;
      this.expectedBytes[place.pack] =
        (this.expectedBytes[place.pack] as number) + place.lengthBytes + (place.uncompressedBytes > 0 ? 41 : 37);
      this.endBytes[place.pack] = Math.max(this.endBytes[place.pack] as number, place.offset + place.lengthBytes);
      if (index.typeAt(entry) === "tree") this.holdsTrees[place.pack] = 1;
    }
    for (let pack = 0; pack < packs; pack++) counts[pack + 1] = (counts[pack + 1] as number) + (counts[pack] as number);
    this.#starts = counts;
    this.#entries = new Uint32Array(counts[packs] as number);
    const next = counts.slice();
    for (let entry = 0; entry < packOf.length; entry++) {
      const pack = packOf[entry] as number;
      if (pack < 0) continue;
      this.#entries[next[pack] as number] = entry;
      next[pack] = (next[pack] as number) + 1;
    }
    // The header's own seal and its length field.
    for (let pack = 0; pack < packs; pack++) this.expectedBytes[pack] = (this.expectedBytes[pack] as number) + 36;
  }

  entriesOf(pack: number): Uint32Array {
    return this.#entries.slice(this.#starts[pack], this.#starts[pack + 1]);
  }
}
