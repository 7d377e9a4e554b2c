/**
 * Repairs the index: packs that no index lists, or lists wrongly, are listed by their own headers; packs that do not exist are
 * listed no more; damaged index files are replaced. Only index files are written and removed, never packs.
 */
import { forEachConcurrent, messageOf } from "@holdfast/base";
import { isDamageError } from "../browse/damage.ts";
import { PacksOfIndex } from "../check/packs-of-index.ts";
import { idToBytes, type Id } from "../format/id.ts";
import type { PackEntry } from "../format/pack-header.ts";
import { BlobIndex, type BlobLocation } from "../index/blob-index.ts";
import type { IndexedPack } from "../index/index-file.ts";
import type { Repository } from "../repository/repository.ts";
import { filesThatList, readIndexFiles, replaceIndexFiles, type DamagedFile } from "./index-files.ts";
import { readPackHeader } from "./pack-header-reader.ts";

const PARALLEL_READS = 8;

/** A pack that gets entries by its own header. */
export interface ReadPack {
  readonly id: Id;
  readonly sizeBytes: number;
  /** `unlisted`: no index has it. `mismatch`: what the index says does not fit the file. */
  readonly reason: "unlisted" | "mismatch";
  readonly blobs: number;
}

/** A pack whose header cannot be read. It is listed no more; intact blobs in it are then out of reach. */
export interface UnreadablePack {
  readonly id: Id;
  readonly reason: string;
  /** Blobs that the index listed in it. When there are some, `repair packs` should come first: it may save them. */
  readonly listedBlobs: number;
}

/** What a repair of the index will do. All but `headers` is for printing. */
export interface IndexRepairPlan {
  /** False when the index is right as it is; executing the plan then does nothing. */
  readonly isNeeded: boolean;
  readonly damagedIndexes: readonly DamagedFile[];
  /** Readable index files that are written anew, without entries that are wrong. */
  readonly rewrittenIndexes: readonly Id[];
  /** How many headers were read. */
  readonly headersRead: number;
  readonly readPacks: readonly ReadPack[];
  readonly unreadablePacks: readonly UnreadablePack[];
  /** Packs that the index lists and that do not exist. */
  readonly missingPacks: readonly Id[];
  /** What the headers of `readPacks` list. */
  readonly headers: BlobIndex;
}

export interface IndexRepairProgress {
  readonly phase: "index" | "packs";
  readonly done: number;
  readonly total: number;
}

interface PlanOptions {
  /** Trust no index file: read the header of every pack, not only of those whose size does not fit. */
  readonly readAllPacks: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: IndexRepairProgress) => void;
}

interface StoredPack {
  readonly id: Id;
  readonly sizeBytes: number;
  /** What is known to be wrong before its header is read. */
  readonly wrong: ReadPack["reason"] | undefined;
}

/**
 * Finds out what is wrong with the index. Nothing is written. The repository must be locked exclusively by the caller, from
 * here until the plan is executed.
 * @throws what the backend throws; on abort the signal's reason. Damage is part of the plan, not an exception
 */
export async function planIndexRepair(
  repository: Repository,
  { readAllPacks, signal, onProgress }: PlanOptions,
): Promise<IndexRepairPlan> {
  const onFile = (done: number, total: number): void => onProgress?.({ phase: "index", done, total });
  const files = await readIndexFiles(repository, { signal, onFile });
  const { toRead, missing } = await comparePacks(repository, files.index, { readAllPacks, signal });
  const reader = new HeaderReader(repository, files.index);
  let done = 0;
  await forEachConcurrent(
    toRead,
    PARALLEL_READS,
    async (pack, inner) => {
      await reader.read(pack, inner);
      onProgress?.({ phase: "packs", done: ++done, total: toRead.length });
    },
    { signal },
  );
  const { headers, readPacks, unreadablePacks } = reader;
  const wrong = [...[...readPacks, ...unreadablePacks].map(({ id }) => id), ...missing];
  const numbers = wrong.map((id) => files.index.packNumber(id)).filter((number) => number !== undefined);
  return {
    isNeeded: wrong.length > 0 || files.damaged.length > 0,
    damagedIndexes: files.damaged,
    rewrittenIndexes: filesThatList(files, new Set(numbers)),
    headersRead: toRead.length,
    readPacks,
    unreadablePacks,
    missingPacks: missing,
    headers,
  };
}

/** What a repair did. */
export interface IndexRepairResult {
  readonly written: readonly Id[];
  readonly removed: readonly Id[];
}

/**
 * Carries out a plan: new index files are stored before old ones go, so it can be cut off anywhere and be run again.
 * @throws what the backend throws; on abort the signal's reason
 */
export async function executeIndexRepair(
  repository: Repository,
  plan: IndexRepairPlan,
  { signal }: { signal: AbortSignal },
): Promise<IndexRepairResult> {
  if (!plan.isNeeded) return { written: [], removed: [] };
  const replaced = [...plan.readPacks, ...plan.unreadablePacks].map(({ id }) => id);
  const replacement = {
    rewrite: plan.rewrittenIndexes,
    drop: new Set([...replaced, ...plan.missingPacks]),
    add: packsOf(plan.headers),
    remove: [...plan.rewrittenIndexes, ...plan.damagedIndexes.map(({ id }) => id)],
  };
  return replaceIndexFiles(repository, replacement, { signal });
}

/** Lists the packs in the store and sorts out which must be read, and which are listed in vain. */
async function comparePacks(
  repository: Repository,
  index: BlobIndex,
  { readAllPacks, signal }: { readAllPacks: boolean; signal: AbortSignal },
): Promise<{ toRead: StoredPack[]; missing: Id[] }> {
  const { expectedBytes, endBytes } = new PacksOfIndex(index);
  const seen = new Uint8Array(index.packCount);
  const toRead: StoredPack[] = [];
  for await (const { id, sizeBytes } of repository.files("pack", { signal })) {
    const pack = index.packNumber(id);
    if (pack !== undefined) seen[pack] = 1;
    const isRight = pack !== undefined && expectedBytes[pack] === sizeBytes && (endBytes[pack] as number) <= sizeBytes;
    if (!isRight) toRead.push({ id, sizeBytes, wrong: pack === undefined ? "unlisted" : "mismatch" });
    else if (readAllPacks) toRead.push({ id, sizeBytes, wrong: undefined });
  }
  const missing: Id[] = [];
  for (let pack = 0; pack < seen.length; pack++) if (seen[pack] === 0) missing.push(index.packId(pack));
  return { toRead, missing };
}

/** Reads headers of packs and collects those that the index does not agree with. */
class HeaderReader {
  readonly headers = BlobIndex.create();
  readonly readPacks: ReadPack[] = [];
  readonly unreadablePacks: UnreadablePack[] = [];
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #byPack: PacksOfIndex;

  constructor(repository: Repository, index: BlobIndex) {
    this.#repository = repository;
    this.#index = index;
    this.#byPack = new PacksOfIndex(index);
  }

  async read({ id, sizeBytes, wrong }: StoredPack, signal: AbortSignal): Promise<void> {
    try {
      const entries = await readPackHeader(this.#repository, { id, sizeBytes }, { signal });
      if (wrong === undefined && this.#isListed(id, entries)) return;
      const pack = this.headers.addPack(id);
      for (const { type, id: blob, offset, lengthBytes, plainBytes } of entries) {
        this.headers.add(type, idToBytes(blob), 0, pack, offset, lengthBytes, plainBytes);
      }
      this.readPacks.push({ id, sizeBytes, reason: wrong ?? "mismatch", blobs: entries.length });
    } catch (error) {
      if (signal.aborted || !isDamageError(error)) throw error;
      const number = this.#index.packNumber(id);
      const listedBlobs = number === undefined ? 0 : this.#byPack.entriesOf(number).length;
      this.unreadablePacks.push({ id, reason: messageOf(error), listedBlobs });
    }
  }

  /** True when the index lists just these blobs in the pack. */
  #isListed(id: Id, entries: readonly PackEntry[]): boolean {
    const pack = this.#index.packNumber(id) as number;
    const isListed = (entry: PackEntry): boolean =>
      this.#index
        .findAll(entry.type, idToBytes(entry.id), 0)
        .some(
          (place) =>
            place.pack === pack &&
            place.offset === entry.offset &&
            place.lengthBytes === entry.lengthBytes &&
            place.uncompressedBytes === entry.plainBytes,
        );
    return this.#byPack.entriesOf(pack).length === entries.length && entries.every(isListed);
  }
}

/** The packs of a blob index in the form in which index files list them. */
function* packsOf(index: BlobIndex): Iterable<IndexedPack> {
  const byPack = new PacksOfIndex(index);
  for (let pack = 0; pack < index.packCount; pack++) {
    const blobs = Array.from(byPack.entriesOf(pack), (entry) => {
      const { offset, lengthBytes, uncompressedBytes } = index.locationAt(entry) as BlobLocation;
      return { id: index.idAt(entry), type: index.typeAt(entry), offset, lengthBytes, uncompressedBytes };
    });
    blobs.sort((a, b) => a.offset - b.offset);
    yield { id: index.packId(pack), blobs };
  }
}
