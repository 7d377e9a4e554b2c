/** Chosen entries of the blob index, by their pack. Two typed arrays, so that ten million entries cost 40 MB. */
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import type { EntriesOfPack } from "../transfer/transfer.ts";

/** Packs in the order of their numbers, each with its chosen entries in theirs; packs with none are left out. */
export function* entriesByPack(
  index: BlobIndex,
  isChosen: (entry: number, place: BlobLocation) => boolean,
): Generator<EntriesOfPack> {
  const ends = new Uint32Array(index.packCount);
  eachChosen(index, isChosen, (_, pack) => {
    ends[pack] = (ends[pack] as number) + 1;
  });
  let total = 0;
  for (let pack = 0; pack < ends.length; pack++) {
    const count = ends[pack] as number;
    // For now where the pack's entries start; it becomes their end as they are put there.
    ends[pack] = total;
    total += count;
  }
  const entries = new Uint32Array(total);
  eachChosen(index, isChosen, (entry, pack) => {
    const at = ends[pack] as number;
    entries[at] = entry;
    ends[pack] = at + 1;
  });
  let start = 0;
  for (let pack = 0; pack < ends.length; pack++) {
    const end = ends[pack] as number;
    if (end > start) yield { pack, entries: entries.subarray(start, end) };
    start = end;
  }
}

function eachChosen(
  index: BlobIndex,
  isChosen: (entry: number, place: BlobLocation) => boolean,
  visit: (entry: number, pack: number) => void,
): void {
  // What is added meanwhile is not meant.
  const count = index.count;
  for (let entry = 0; entry < count; entry++) {
    const place = index.locationAt(entry);
    if (place !== undefined && isChosen(entry, place)) visit(entry, place.pack);
  }
}
