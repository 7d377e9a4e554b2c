/**
 * How much of each pack is needed. Of a blob that is stored several times one copy counts as needed: the one in the pack that is
 * best kept. All decisions for copies follow one order of packs, so that they gather in few packs and the others become free.
 */
import { ID_BYTES } from "../format/id.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import { add, HOLDS_DATA, HOLDS_TREES, type PackFacts } from "./pack-facts.ts";
import { SharedBitmap } from "./shared-bitmap.ts";

/** Nothing needs the blob, or its pack cannot be used. */
const UNUSED = 0;
/** The copy of a needed blob that is kept. */
export const NEEDED = 1;
/** Another copy of a needed blob. */
export const SPARE = 2;

export class PackUsage {
  /** `UNUSED`, `NEEDED` or `SPARE`, for each entry of the index. */
  readonly states: Uint8Array;
  /** Blobs and their sealed bytes, by pack: needed, further copies of needed ones, and the rest. */
  readonly needed: Tally;
  readonly spare: Tally;
  readonly unused: Tally;
  /** Packs that cannot be used and hold the only copy of something that is needed. */
  readonly lostPacks: readonly number[];
  readonly #index: BlobIndex;
  readonly #facts: PackFacts;
  readonly #used: SharedBitmap;
  readonly #id = new Uint8Array(ID_BYTES);

  constructor(index: BlobIndex, facts: PackFacts, used: SharedBitmap) {
    this.#index = index;
    this.#facts = facts;
    this.#used = used;
    this.states = new Uint8Array(index.count);
    const copied = this.#findCopies();
    this.lostPacks = this.#findLost(copied.firsts);
    if (copied.count > 0) this.#chooseCopies(copied.firsts);
    this.needed = new Tally(index.packCount);
    this.spare = new Tally(index.packCount);
    this.unused = new Tally(index.packCount);
    const tallies = [this.unused, this.needed, this.spare];
    this.#eachPlace((entry, { pack, lengthBytes }) => tallies[this.states[entry] as number]?.add(pack, lengthBytes));
  }

  /** Whether some snapshot needs the blob whose first copy this is. */
  isNeeded(first: number): boolean {
    return this.#used.has(first);
  }

  /** The entry that stands for the blob of this one: of all copies the first in the index. */
  firstCopy(entry: number): number {
    this.#index.copyIdAt(entry, this.#id, 0);
    return this.#index.entryOf(this.#index.typeAt(entry), this.#id, 0);
  }

  /**
   * Sets the states as if every copy were kept, but `SPARE` where there are several. @returns the first copies of such blobs
   */
  #findCopies(): { firsts: SharedBitmap; count: number } {
    const firsts = SharedBitmap.create(this.#index.count);
    let count = 0;
    this.#eachPlace((entry, { pack }) => {
      if (!this.#facts.isSound(pack)) return;
      if (this.#used.has(entry)) {
        this.states[entry] = NEEDED;
        return;
      }
      const first = this.firstCopy(entry);
      if (first === entry || !this.#used.has(first)) return;
      this.states[entry] = SPARE;
      firsts.add(first);
      count++;
      // Of an entry in a pack that cannot be used the state stays what it is.
      if (this.states[first] === NEEDED) this.states[first] = SPARE;
    });
    return { firsts, count };
  }

  #findLost(copied: SharedBitmap): number[] {
    const lost = new Set<number>();
    this.#eachPlace((entry, { pack }) => {
      if (this.#used.has(entry) && !this.#facts.isSound(pack) && !copied.has(entry)) lost.add(pack);
    });
    return [...lost];
  }

  /** Makes one copy of each blob `NEEDED`. */
  #chooseCopies(firsts: SharedBitmap): void {
    const order = new PackOrder(this.#index, this.#facts, this.states);
    // By the first copy: the best one so far, plus one.
    const best = new Uint32Array(this.#index.count);
    const packOf = (entry: number): number => (this.#index.locationAt(entry) as BlobLocation).pack;
    for (let entry = 0; entry < best.length; entry++) {
      if (this.states[entry] !== SPARE) continue;
      const first = firsts.has(entry) ? entry : this.firstCopy(entry);
      const known = best[first] as number;
      if (known === 0 || order.isBetter(packOf(entry), packOf(known - 1))) best[first] = entry + 1;
    }
    for (const chosen of best) if (chosen > 0) this.states[chosen - 1] = NEEDED;
  }

  #eachPlace(visit: (entry: number, place: BlobLocation) => void): void {
    for (let entry = 0; entry < this.states.length; entry++) {
      const place = this.#index.locationAt(entry);
      if (place !== undefined) visit(entry, place);
    }
  }
}

/** Blobs and bytes by pack. */
export class Tally {
  readonly blobs: Uint32Array;
  readonly bytes: Float64Array;

  constructor(packs: number) {
    this.blobs = new Uint32Array(packs);
    this.bytes = new Float64Array(packs);
  }

  add(pack: number, lengthBytes: number): void {
    add(this.blobs, pack, 1);
    add(this.bytes, pack, lengthBytes);
  }
}

/** Which of two packs is the better place for a copy. */
class PackOrder {
  readonly #kinds: Uint8Array;
  readonly #totalBytes: Float64Array;
  /** Share of each pack that some snapshot needs, whichever copy is kept. */
  readonly #share: Float64Array;

  constructor(index: BlobIndex, facts: PackFacts, states: Uint8Array) {
    this.#kinds = facts.kinds;
    this.#totalBytes = facts.expectedBytes;
    this.#share = new Float64Array(index.packCount);
    const wantedBytes = new Float64Array(index.packCount);
    const allBytes = new Float64Array(index.packCount);
    for (let entry = 0; entry < states.length; entry++) {
      const place = index.locationAt(entry);
      if (place === undefined) continue;
      add(allBytes, place.pack, place.lengthBytes);
      if (states[entry] !== UNUSED) add(wantedBytes, place.pack, place.lengthBytes);
    }
    for (let pack = 0; pack < this.#share.length; pack++) {
      this.#share[pack] = (wantedBytes[pack] as number) / Math.max(1, allBytes[pack] as number);
    }
  }

  /**
   * A pack of one kind before a mixed one, a compressed one before others, then by the needed share, then the larger. What a
   * prune that was cut off has packed anew comes out ahead of where it was taken from.
   */
  isBetter(pack: number, other: number): boolean {
    const byKind = this.#defects(pack) - this.#defects(other);
    if (byKind !== 0) return byKind < 0;
    const byShare = (this.#share[pack] as number) - (this.#share[other] as number);
    if (byShare !== 0) return byShare > 0;
    const bySize = (this.#totalBytes[pack] as number) - (this.#totalBytes[other] as number);
    return bySize === 0 ? pack < other : bySize > 0;
  }

  #defects(pack: number): number {
    const kinds = this.#kinds[pack] as number;
    const isMixed = (kinds & HOLDS_DATA) !== 0 && (kinds & HOLDS_TREES) !== 0;
    return (isMixed ? 2 : 0) + (kinds > (HOLDS_DATA | HOLDS_TREES) ? 1 : 0);
  }
}
