/**
 * How trees are read: neighbours in a pack together, in pieces of a few megabytes. Those of one snapshot mostly lie side by
 * side, so that few of them cost a read of their own.
 */
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";

const MAX_UNIT_BYTES = 4 * 1024 * 1024;
/** What is read in vain rather than asking twice: packs of old programs hold trees among data. */
const MAX_GAP_BYTES = 64 * 1024;

/** A piece of a pack that is read at once. Only a single tree can make it larger than 4 MiB. */
export interface Unit {
  readonly pack: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

export class TreeUnits {
  readonly #units: Unit[] = [];
  /** The number of the first unit of each pack, and behind them the number of all. */
  readonly #first: Uint32Array;

  /** Trees that are added to the index later are not known. */
  constructor(index: BlobIndex) {
    this.#first = new Uint32Array(index.packCount + 1);
    for (const [pack, places] of treesByPack(index).entries()) {
      this.#first[pack] = this.#units.length;
      places?.sort((a, b) => a.offset - b.offset);
      for (const { offset, lengthBytes } of places ?? []) this.#add(pack, offset, lengthBytes);
    }
    this.#first[index.packCount] = this.#units.length;
  }

  #add(pack: number, offset: number, lengthBytes: number): void {
    const last = this.#units.at(-1);
    const end = offset + lengthBytes;
    if (last?.pack === pack) {
      const together = Math.max(end, last.offset + last.lengthBytes) - last.offset;
      if (offset - last.offset - last.lengthBytes <= MAX_GAP_BYTES && together <= MAX_UNIT_BYTES) {
        this.#units[this.#units.length - 1] = { pack, offset: last.offset, lengthBytes: together };
        return;
      }
    }
    this.#units.push({ pack, offset, lengthBytes });
  }

  /** The number of the unit that holds this tree, which was in the index from the beginning. */
  unitAt({ pack, offset }: Pick<BlobLocation, "pack" | "offset">): number {
    let low = this.#first[pack] as number;
    let high = (this.#first[pack + 1] as number) - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.unit(middle).offset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  unit(number: number): Unit {
    return this.#units[number] as Unit;
  }
}

interface TreePlace {
  readonly offset: number;
  readonly lengthBytes: number;
}

function treesByPack(index: BlobIndex): (TreePlace[] | undefined)[] {
  const byPack: (TreePlace[] | undefined)[] = Array.from({ length: index.packCount });
  for (let entry = 0; entry < index.count; entry++) {
    if (index.typeAt(entry) !== "tree") continue;
    const place = index.locationAt(entry);
    if (place === undefined) continue;
    const { pack, offset, lengthBytes } = place;
    (byPack[pack] ??= []).push({ offset, lengthBytes });
  }
  return byPack;
}
