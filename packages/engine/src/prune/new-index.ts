/** Writes the index anew for the packs that stay, and reads it back before anybody relies on it. */
import { engineError } from "../errors.ts";
import { ID_BYTES, idFromBytes, type Id } from "../format/id.ts";
import type { BlobBatch } from "../index/blob-batch.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import { IndexFileBuilder, type IndexedPack } from "../index/index-file.ts";
import { IndexParser } from "../index/index-parser.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import type { Repository } from "../repository/repository.ts";
import { entriesByPack } from "./entries-by-pack.ts";
import type { PruneWork } from "./plan.ts";
import { SharedBitmap } from "./shared-bitmap.ts";

interface Options {
  readonly signal: AbortSignal;
  /** Called after each pack, or file. */
  readonly onDone: () => void;
}

/** Stores index files that list these packs, each once, as full as index files get. @throws what the backend throws */
export async function writeIndex(
  repository: Repository,
  index: BlobIndex,
  isStaying: (pack: number) => boolean,
  { signal, onDone }: Options,
): Promise<void> {
  const builder = new IndexFileBuilder();
  const save = async (json: Uint8Array | undefined): Promise<void> => {
    if (json === undefined) return;
    await repository.saveDocument("index", json, { signal });
    releaseBytes(json);
  };
  for (const { pack, entries } of entriesByPack(index, (_, place) => isStaying(place.pack))) {
    await save(builder.add(describePack(index, pack, entries)));
    onDone();
  }
  await save(builder.takeRest());
}

function describePack(index: BlobIndex, pack: number, entries: Uint32Array): IndexedPack {
  const blobs = Array.from(entries, (entry) => {
    const { offset, lengthBytes, uncompressedBytes } = index.locationAt(entry) as BlobLocation;
    return { id: index.idAt(entry), type: index.typeAt(entry), offset, lengthBytes, uncompressedBytes };
  });
  return { id: index.packId(pack), blobs };
}

/**
 * Reads new index files and makes sure that they list every blob that is needed, in packs that will be there. This is the last
 * look before old index files go, and depends on nothing of how the new ones were made.
 * @param willStay whether a pack is there in the end
 * @throws ENGINE_PRUNE_UNSAFE when something is not listed, and damage of a file
 */
export async function verifyIndex(
  repository: Repository,
  work: PruneWork,
  files: Iterable<Id>,
  willStay: (pack: Id) => boolean,
  { signal, onDone }: Options,
): Promise<void> {
  const listed = SharedBitmap.create(work.entries);
  for (const id of files) {
    const json = await repository.loadDocument("index", id, { signal });
    const { batch } = new IndexParser(json, `index ${id}`).parse();
    markListed(work.index, batch, willStay, listed);
    releaseBytes(json);
    onDone();
  }
  for (let entry = 0; entry < work.entries; entry++) {
    if (!work.isNeeded(entry) || listed.has(entry)) continue;
    const what = `${work.index.typeAt(entry)} blob ${work.index.idAt(entry)}`;
    throw engineError("ENGINE_PRUNE_UNSAFE", { reason: `the new index does not list the ${what}` });
  }
}

function markListed(index: BlobIndex, batch: BlobBatch, willStay: (pack: Id) => boolean, listed: SharedBitmap): void {
  const stays = Array.from({ length: batch.packCount }, (_, pack) =>
    willStay(idFromBytes(batch.packIds, pack * ID_BYTES)),
  );
  for (let n = 0; n < batch.count; n++) {
    if (stays[batch.packOf(n)] !== true) continue;
    const first = index.entryOf(batch.isTree(n) ? "tree" : "data", batch.ids, n * ID_BYTES);
    if (first >= 0) listed.add(first);
  }
}
