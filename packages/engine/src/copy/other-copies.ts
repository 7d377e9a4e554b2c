/** Moves blobs of which a repository may have several copies: one that cannot be read is taken from the next place. */
import { idToBytes } from "../format/id.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import { entriesByPack } from "../prune/entries-by-pack.ts";
import type { EntriesOfPack, LostTransfer, Transfer } from "../transfer/transfer.ts";

/** Collects what a transfer reports as lost; its `onLost` must be given to the transfer. */
export class LostBlobs {
  #lost: LostTransfer[] = [];

  readonly onLost = (blob: LostTransfer): void => void this.#lost.push(blob);

  /** What was lost since the last call. */
  take(): LostTransfer[] {
    const lost = this.#lost;
    this.#lost = [];
    return lost;
  }
}

/**
 * Moves these blobs, each from the first of its places from which it can be read.
 * @returns those that cannot be read anywhere. @throws as `Transfer.move`
 */
export async function moveFromAnyCopy(
  transfer: Transfer,
  index: BlobIndex,
  entries: Iterable<EntriesOfPack>,
  lost: LostBlobs,
): Promise<LostTransfer[]> {
  await transfer.move(entries);
  const gone: LostTransfer[] = [];
  const tried = new Map<string, Set<string>>();
  for (let failed = lost.take(); failed.length > 0; failed = lost.take()) {
    const next = new Set<string>();
    for (const blob of failed) {
      const name = `${blob.type} ${blob.id}`;
      const places = tried.get(name) ?? new Set();
      tried.set(name, places.add(placeName(index.locationAt(blob.entry) as BlobLocation)));
      const others = index.findAll(blob.type, idToBytes(blob.id), 0).map(placeName);
      const other = others.find((place) => !places.has(place));
      if (other === undefined) gone.push(blob);
      else next.add(other);
    }
    if (next.size > 0) await transfer.move(entriesByPack(index, (_, place) => next.has(placeName(place))));
  }
  return gone;
}

function placeName({ pack, offset }: BlobLocation): string {
  return `${pack} ${offset}`;
}
