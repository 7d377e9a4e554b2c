/** The index files of a repository one by one: what each lists, and how some of them are replaced. */
import { forEachConcurrent, isHoldfastError, messageOf } from "@holdfast/base";
import { idFromBytes, ID_BYTES, type Id } from "../format/id.ts";
import { BlobIndex } from "../index/blob-index.ts";
import type { BlobBatch } from "../index/blob-batch.ts";
import { IndexFileBuilder, type IndexedPack, type PackBlob } from "../index/index-file.ts";
import { IndexParser } from "../index/index-parser.ts";
import type { Repository } from "../repository/repository.ts";

const PARALLEL_LOADS = 4;

export interface DamagedFile {
  readonly id: Id;
  readonly reason: string;
}

/** What all index files list. */
export interface IndexFiles {
  /** Everything that the readable files list. */
  readonly index: BlobIndex;
  /** Packs that each readable file lists, by their number in `index`. */
  readonly packsOf: ReadonlyMap<Id, Int32Array>;
  readonly damaged: readonly DamagedFile[];
}

interface Options {
  readonly signal: AbortSignal;
  /** Called after each file. */
  readonly onFile?: ((done: number, total: number) => void) | undefined;
}

/** Reads every index file. Damaged ones are reported, not thrown. @throws what the backend throws */
export async function readIndexFiles(repository: Repository, { signal, onFile }: Options): Promise<IndexFiles> {
  const index = BlobIndex.create();
  const packsOf = new Map<Id, Int32Array>();
  const damaged: DamagedFile[] = [];
  const ids: Id[] = [];
  for await (const { id } of repository.files("index", { signal })) ids.push(id);
  let done = 0;
  await forEachConcurrent(
    ids,
    PARALLEL_LOADS,
    async (id, inner) => {
      try {
        const batch = await loadBatch(repository, id, inner);
        index.addBatch(batch);
        packsOf.set(
          id,
          Int32Array.from(packIds(batch), (pack) => index.addPack(pack)),
        );
      } catch (error) {
        if (inner.aborted || !isHoldfastError(error) || error.kind !== "corrupt") throw error;
        damaged.push({ id, reason: messageOf(error) });
      }
      onFile?.(++done, ids.length);
    },
    { signal },
  );
  repository.onIndex?.(index);
  return { index, packsOf, damaged };
}

/** The readable files that list one of these packs. */
export function filesThatList({ packsOf }: IndexFiles, packs: ReadonlySet<number>): Id[] {
  return [...packsOf].filter(([, listed]) => listed.some((pack) => packs.has(pack))).map(([id]) => id);
}

export interface IndexReplacement {
  /** Readable index files whose entries are written anew. */
  readonly rewrite: readonly Id[];
  /** Packs whose entries are then left out. */
  readonly drop: ReadonlySet<Id>;
  /** Packs that are listed besides. */
  readonly add: Iterable<IndexedPack>;
  /** Files that are removed when all new ones are stored. */
  readonly remove: readonly Id[];
}

/**
 * Writes new index files, then removes the old ones. Whenever it ends early, every blob that was to stay listed is: the new
 * files at worst repeat what old ones say.
 * @throws damage of a file to be rewritten, and what the backend throws
 */
export async function replaceIndexFiles(
  repository: Repository,
  { rewrite, drop, add, remove }: IndexReplacement,
  { signal }: { signal: AbortSignal },
): Promise<{ written: Id[]; removed: Id[] }> {
  const builder = new IndexFileBuilder();
  const written: Id[] = [];
  const save = async (json: Uint8Array | undefined): Promise<void> => {
    if (json !== undefined) written.push(await repository.saveDocument("index", json, { signal }));
  };
  for (const id of rewrite) {
    for (const pack of packsIn(await loadBatch(repository, id, signal))) {
      if (!drop.has(pack.id)) await save(builder.add(pack));
    }
  }
  for (const pack of add) await save(builder.add(pack));
  await save(builder.takeRest());
  const removed: Id[] = [];
  for (const id of remove) {
    if (await removeIfThere(repository, "index", id, signal)) removed.push(id);
  }
  return { written, removed };
}

/** Removes a file. @returns false when it was gone already */
export async function removeIfThere(
  repository: Repository,
  type: "index" | "pack" | "snapshot",
  id: Id,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await repository.removeFile(type, id, { signal });
    return true;
  } catch (error) {
    if (isHoldfastError(error, "STORAGE_NOT_FOUND")) return false;
    throw error;
  }
}

async function loadBatch(repository: Repository, id: Id, signal: AbortSignal): Promise<BlobBatch> {
  const json = await repository.loadDocument("index", id, { signal });
  return new IndexParser(json, `index ${id}`).parse().batch;
}

function* packIds(batch: BlobBatch): Iterable<Id> {
  for (let pack = 0; pack < batch.packCount; pack++) yield idFromBytes(batch.packIds, pack * ID_BYTES);
}

/** Blobs of one pack stand together in a batch. */
function* packsIn(batch: BlobBatch): Iterable<IndexedPack> {
  let blobs: PackBlob[] = [];
  for (let n = 0; n < batch.count; n++) {
    blobs.push({
      id: idFromBytes(batch.ids, n * ID_BYTES),
      type: batch.isTree(n) ? "tree" : "data",
      offset: batch.offsetOf(n),
      lengthBytes: batch.lengthOf(n),
      uncompressedBytes: batch.uncompressedOf(n),
    });
    if (n + 1 < batch.count && batch.packOf(n + 1) === batch.packOf(n)) continue;
    yield { id: idFromBytes(batch.packIds, batch.packOf(n) * ID_BYTES), blobs };
    blobs = [];
  }
}
