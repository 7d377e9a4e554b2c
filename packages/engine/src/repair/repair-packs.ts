/**
 * Gives up damaged packs: every blob in them that is still whole moves to a new pack, the index stops listing them, and then
 * they are removed.
 */
import { isDamageError } from "../browse/damage.ts";
import { PacksOfIndex } from "../check/packs-of-index.ts";
import { engineError } from "../errors.ts";
import { idToBytes, type BlobType, type Id } from "../format/id.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import type { PackBlob } from "../index/index-file.ts";
import { notFound } from "../repository/find-id.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobWriter, type PackSettings } from "./blob-writer.ts";
import { filesThatList, readIndexFiles, removeIfThere, replaceIndexFiles, type IndexFiles } from "./index-files.ts";
import { loadPack, type LoadedPack } from "./load-pack.ts";
import { openPackHeader } from "./pack-header-reader.ts";
import { salvage, type LostCopy, type SalvagedBlob } from "./salvage.ts";
import { suspectPacks } from "./suspect-packs.ts";

/** A blob whose copy in a damaged pack cannot be used. */
export interface LostBlob {
  readonly type: BlobType;
  readonly id: Id;
  readonly reason: string;
  /** The index lists another copy, in a pack that is not being repaired: then nothing is lost. */
  readonly hasOtherCopy: boolean;
}

/** What will become of one pack. */
export interface PackRepair {
  readonly id: Id;
  /** `undefined` when the store does not have it; only the index is then cleaned. */
  readonly sizeBytes: number | undefined;
  /** Why parts of the file could not be read, if so, and how many bytes that were. */
  readonly unreadable: string | undefined;
  readonly unreadableBytes: number;
  readonly salvagedBlobs: number;
  /** As stored. */
  readonly salvagedBytes: number;
  readonly lost: readonly LostBlob[];
}

/** What a repair of packs will do. All but `index` is for printing. */
export interface PackRepairPlan {
  readonly packs: readonly PackRepair[];
  /** Index files that list these packs and are written anew. */
  readonly rewrittenIndexes: readonly Id[];
  readonly index: BlobIndex;
}

interface PlanOptions {
  readonly signal: AbortSignal;
  /** Called after each pack. */
  readonly onPack?: (done: number, total: number) => void;
}

/**
 * Reads the packs and finds out what can be saved. Nothing is written. The repository must be locked exclusively by the
 * caller, from here until the plan is executed. `withSuspects` adds packs that the index lists and that do not exist, or are
 * cut off.
 * @throws ENGINE_ID_NOT_FOUND for a pack that neither store nor index knows; damage of an index file (`repair index` comes
 * first); what the backend throws; on abort the signal's reason
 */
export async function planPackRepair(
  repository: Repository,
  ids: readonly Id[],
  { signal, onPack, withSuspects = false }: PlanOptions & { readonly withSuspects?: boolean },
): Promise<PackRepairPlan> {
  const files = await readSoundIndex(repository, signal);
  const places = new BlobPlaces(repository, files.index);
  const suspects = withSuspects ? await suspectPacks(repository, files.index, { signal }) : [];
  const chosen = new Set([...ids, ...suspects]);
  const packs: PackRepair[] = [];
  for (const id of chosen) {
    const pack = await loadPack(repository, id, { signal });
    if (pack.sizeBytes === undefined && files.index.packNumber(id) === undefined) {
      throw notFound("pack", id);
    }
    packs.push(planPack(places, chosen, pack));
    onPack?.(packs.length, chosen.size);
  }
  const numbers = [...chosen].map((id) => files.index.packNumber(id)).filter((number) => number !== undefined);
  return { packs, rewrittenIndexes: filesThatList(files, new Set(numbers)), index: files.index };
}

/** Blobs move as they are stored, so that of the settings only the size of packs matters. */
interface ExecuteOptions extends PlanOptions, PackSettings {
  /**
   * Gets the bytes of each pack before anything is changed, to keep a copy. When it fails, the repair ends there. Bytes must
   * not be changed.
   */
  readonly onBackup: (id: Id, bytes: Uint8Array) => Promise<void>;
}

/**
 * Carries out a plan. Blobs are stored and listed in their new place before the old one is forgotten, so it can be cut off
 * anywhere and be run again.
 * @throws what `onBackup` and the backend throw; on abort the signal's reason
 */
export async function executePackRepair(
  repository: Repository,
  plan: PackRepairPlan,
  { onBackup, ...options }: ExecuteOptions,
): Promise<{ salvagedBlobs: number; removedPacks: Id[] }> {
  const { signal } = options;
  for (const { id } of plan.packs) {
    const { bytes } = await loadPack(repository, id, { signal });
    if (bytes !== undefined) await onBackup(id, bytes);
  }
  const salvagedBlobs = await moveBlobs(repository, plan, options);
  const drop = new Set(plan.packs.map(({ id }) => id));
  const replacement = { rewrite: plan.rewrittenIndexes, drop, add: [], remove: plan.rewrittenIndexes };
  await replaceIndexFiles(repository, replacement, { signal });
  const removedPacks: Id[] = [];
  for (const { id, sizeBytes } of plan.packs) {
    if (sizeBytes !== undefined && (await removeIfThere(repository, "pack", id, signal))) removedPacks.push(id);
  }
  return { salvagedBlobs, removedPacks };
}

async function moveBlobs(
  repository: Repository,
  plan: PackRepairPlan,
  { onPack, ...settings }: PlanOptions & PackSettings,
): Promise<number> {
  const { signal } = settings;
  const writer = new BlobWriter(repository, plan.index, settings);
  const places = new BlobPlaces(repository, plan.index);
  const moved = new Set<string>();
  let done = 0;
  for (const { id, salvagedBlobs } of plan.packs) {
    const { bytes } = await loadPack(repository, id, { signal });
    let salvaged = 0;
    for (const blob of places.salvage(id, bytes)) {
      if (blob.kind === "lost") continue;
      salvaged++;
      const key = `${blob.type} ${blob.id}`;
      if (moved.has(key)) continue;
      moved.add(key);
      await writer.putStored(blob.type, blob.id, blob.stored, blob.plainBytes);
    }
    // What could be read a moment ago is not given up because it cannot be now.
    if (salvaged < salvagedBlobs) throw engineError("ENGINE_REPAIR_STALE", { what: `pack ${id}` });
    onPack?.(++done, plan.packs.length);
  }
  await writer.finish();
  return moved.size;
}

async function readSoundIndex(repository: Repository, signal: AbortSignal): Promise<IndexFiles> {
  const files = await readIndexFiles(repository, { signal });
  const [damaged] = files.damaged;
  if (damaged !== undefined) throw engineError("ENGINE_INDEX_DAMAGED", { id: damaged.id, reason: damaged.reason });
  return files;
}

function planPack(
  places: BlobPlaces,
  chosen: ReadonlySet<Id>,
  { id, sizeBytes, bytes, unreadable, unreadableBytes }: LoadedPack,
): PackRepair {
  const lost: LostBlob[] = [];
  let salvagedBlobs = 0;
  let salvagedBytes = 0;
  for (const blob of places.salvage(id, bytes)) {
    if (blob.kind === "salvaged") {
      salvagedBlobs++;
      salvagedBytes += blob.stored.length;
      continue;
    }
    const hasOtherCopy = places.packsWith(blob.type, blob.id).some((pack) => !chosen.has(pack));
    const reason = sizeBytes === undefined ? "the pack does not exist" : blob.reason;
    lost.push({ type: blob.type, id: blob.id, reason, hasOtherCopy });
  }
  return { id, sizeBytes, unreadable, unreadableBytes, salvagedBlobs, salvagedBytes, lost };
}

/** Where blobs of packs are, by the index and by the packs' own headers as far as these can be read. */
class BlobPlaces {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #byPack: PacksOfIndex;

  constructor(repository: Repository, index: BlobIndex) {
    this.#repository = repository;
    this.#index = index;
    this.#byPack = new PacksOfIndex(index);
  }

  /** Opens every blob of a pack; without bytes, all are lost. */
  salvage(id: Id, bytes: Uint8Array | undefined): Iterable<SalvagedBlob | LostCopy> {
    const pack = this.#index.packNumber(id);
    const listed = pack === undefined ? [] : Array.from(this.#byPack.entriesOf(pack), (entry) => this.#placeOf(entry));
    const places = [...listed, ...this.#headerPlaces(id, bytes)];
    return salvage(this.#repository, { id, bytes: bytes ?? new Uint8Array(0) }, places);
  }

  packsWith(type: BlobType, id: Id): Id[] {
    return this.#index.findAll(type, idToBytes(id), 0).map(({ pack }) => this.#index.packId(pack));
  }

  #placeOf(entry: number): PackBlob {
    const { offset, lengthBytes, uncompressedBytes } = this.#index.locationAt(entry) as BlobLocation;
    return { id: this.#index.idAt(entry), type: this.#index.typeAt(entry), offset, lengthBytes, uncompressedBytes };
  }

  #headerPlaces(id: Id, bytes: Uint8Array | undefined): PackBlob[] {
    if (bytes === undefined) return [];
    try {
      const entries = openPackHeader(this.#repository, { id, sizeBytes: bytes.length }, bytes);
      return entries.map(({ plainBytes, ...place }) => ({ ...place, uncompressedBytes: plainBytes }));
    } catch (error) {
      if (!isDamageError(error)) throw error;
      return [];
    }
  }
}
