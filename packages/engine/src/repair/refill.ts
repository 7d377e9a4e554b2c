/**
 * Brings back what a repository has lost from another one that still has it. A blob is its content: whichever repository it comes
 * from, and with whatever key, it is the same if its hash is. Only what snapshots need is looked for, forgotten ones that can
 * still be brought back included. Files are only added here.
 */
import { listForgotten } from "../forget/forgotten.ts";
import { findLosses, type SnapshotLosses } from "../forget/losses.ts";
import { ID_BYTES, idToBytes, type BlobType, type Id } from "../format/id.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { LostBlobs, moveFromAnyCopy } from "../copy/other-copies.ts";
import { entriesByPack } from "../prune/entries-by-pack.ts";
import { markUsed } from "../prune/mark-used.ts";
import { loadIndex } from "../repository/load-index.ts";
import { packSizes } from "../repository/pack-sizes.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots, type StoredSnapshot } from "../repository/snapshots.ts";
import { type EntriesOfPack, withTransfer } from "../transfer/transfer.ts";
import { absentBlobs, blobsOf, type BlobSet } from "./absent-blobs.ts";
import type { PackSettings } from "./blob-writer.ts";
import type { PackRepairPlan } from "./repair-packs.ts";

const USUAL_PACK_BYTES = 16 * 1024 * 1024;
/** Moving less than this is not worth a second thread. */
const ONE_THREAD_BELOW_BYTES = 2 * 1024 * 1024;

/** A blob that snapshots need. */
export interface NeededBlob {
  readonly type: BlobType;
  readonly id: Id;
}

/** What will be taken from the other repository. All but `state` is for printing. */
export interface RefillPlan {
  /** Blobs that snapshots need and the repository does not have. What is below a lost folder counts once that is back. */
  readonly absent: number;
  /** Blobs that the other repository has and this one needs, with what is below lost folders. */
  readonly blobs: number;
  /** As they are stored there. */
  readonly bytes: number;
  /** Those of `absent` that the other repository does not have either. */
  readonly unavailable: readonly NeededBlob[];
  readonly state: RefillState;
}

interface Lot {
  readonly absent: BlobSet;
  readonly entries: readonly EntriesOfPack[];
}

interface RefillState {
  readonly first: Lot;
  readonly other: OtherRepository | undefined;
  readonly snapshots: readonly StoredSnapshot[];
  /** The repository's index without what is lost. */
  readonly index: BlobIndex;
}

interface OtherRepository {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly packBytes: Float64Array;
}

interface PlanOptions {
  readonly signal: AbortSignal;
  /** Called as trees are read, with how many of them. */
  readonly onTrees?: ((trees: number) => void) | undefined;
}

/**
 * Finds out what snapshots need, the repository lacks and the other repository has. Nothing is written. The repository must be
 * locked exclusively by the caller, from here until the plan is executed, and the other one shared.
 * @param packs damaged packs, whose lost blobs count as not there. Their repair comes after this plan's execution
 * @param other without it only what is lacking is found out
 * @throws ENGINE_INDEX_DAMAGED and the like for the repository's own index, what the backends throw; on abort the signal's reason
 */
export async function planRefill(
  repository: Repository,
  packs: PackRepairPlan,
  other: Repository | undefined,
  options: PlanOptions,
): Promise<RefillPlan> {
  const { signal } = options;
  const snapshots = await neededSnapshots(repository, signal);
  const index = await soundIndex(repository, packs, signal);
  const source = other === undefined ? undefined : await openOther(other, signal);
  const state = { snapshots, index, other: source };
  const first = await nextLot(repository, state, BlobIndex.create(), options);
  const unavailable = [...blobsOf(first.absent)].filter(
    ({ type, id }) => source === undefined || !source.index.has(type, idToBytes(id), 0),
  );
  let [blobs, bytes] = [0, 0];
  for (const { entries } of first.entries) {
    blobs += entries.length;
    for (const entry of entries) bytes += source?.index.locationAt(entry)?.lengthBytes ?? 0;
  }
  return { absent: first.absent.count, blobs, bytes, unavailable, state: { ...state, first } };
}

export interface RefillResult {
  readonly blobs: number;
  /** As stored in the other repository. */
  readonly bytes: number;
  /** Blobs that the other repository has by its index, and cannot give. */
  readonly unreadable: readonly (NeededBlob & { readonly reason: string })[];
}

interface ExecuteOptions extends PlanOptions, PackSettings {
  /** Called with what was taken so far. */
  readonly onProgress?: ((progress: { blobs: number; bytes: number }) => void) | undefined;
}

/**
 * Takes the blobs over. What is below folders that came back is looked for again, until nothing more can be had.
 * @throws what the backends throw; on abort the signal's reason. What was taken by then is stored and listed
 */
export async function executeRefill(
  repository: Repository,
  { state, bytes: plannedBytes }: RefillPlan,
  { packSizeBytes = USUAL_PACK_BYTES, compression = "auto", onProgress, ...options }: ExecuteOptions,
): Promise<RefillResult> {
  const { other, index } = state;
  if (other === undefined || state.first.entries.length === 0) return { blobs: 0, bytes: 0, unreadable: [] };
  const lost = new LostBlobs();
  const unreadable: RefillResult["unreadable"][number][] = [];
  const { blobs, bytes } = await withTransfer(
    {
      from: other.repository,
      fromIndex: other.index,
      to: repository,
      toIndex: index,
      packSizeBytes,
      compression,
      recompress: "uncompressed",
      ...(plannedBytes < ONE_THREAD_BELOW_BYTES ? { workers: 1 } : {}),
      signal: options.signal,
      onProgress,
      onLost: lost.onLost,
    },
    async (transfer) => {
      const asked = BlobIndex.create();
      let lot = state.first;
      while (lot.entries.length > 0) {
        const gone = await moveFromAnyCopy(transfer, other.index, lot.entries, lost);
        for (const { type, id, reason } of gone) unreadable.push({ type, id, reason });
        await transfer.settle();
        remember(asked, other.index, lot.entries);
        lot = await nextLot(repository, state, asked, options);
      }
    },
  );
  return { blobs, bytes, unreadable };
}

/**
 * What the snapshots still lack.
 * @param isExecuted false before this plan and that of the packs are executed: what damaged packs have lost then counts as lost
 * @throws what the backend throws; on abort the signal's reason
 */
export async function remainingLosses(
  repository: Repository,
  { state }: RefillPlan,
  { signal, isExecuted }: { signal: AbortSignal; isExecuted: boolean },
): Promise<SnapshotLosses[]> {
  const { snapshots } = state;
  const index = isExecuted ? await loadIndex(repository, { signal }) : state.index;
  const roots = snapshots.map(({ snapshot }) => snapshot.tree);
  if ((await absentBlobs(repository, index, roots, { signal })).count === 0) return [];
  return findLosses(repository, index, snapshots, { signal });
}

/** A snapshot file that cannot be read is no reason to leave the others as they are. */
async function neededSnapshots(repository: Repository, signal: AbortSignal): Promise<StoredSnapshot[]> {
  const onDamaged = (): void => {};
  const live = await listSnapshots(repository, { signal, onDamaged });
  return [...live, ...(await listForgotten(repository, { signal, onDamaged }))];
}

/** The index without blobs that damaged packs have lost, and without those for which the store has no pack, or a shorter one. */
async function soundIndex(repository: Repository, { packs }: PackRepairPlan, signal: AbortSignal): Promise<BlobIndex> {
  const index = await loadIndex(repository, { signal });
  const packBytes = await packSizes(repository, index, { signal });
  const lostIn = new Map(
    packs.map(({ id, lost }) => [index.packNumber(id), new Set(lost.map(({ type, id: blob }) => `${type} ${blob}`))]),
  );
  for (let entry = 0; entry < index.count; entry++) {
    const place = index.locationAt(entry);
    if (place === undefined) continue;
    const lost = lostIn.get(place.pack);
    const isCut = place.offset + place.lengthBytes > (packBytes[place.pack] as number);
    if (isCut || lost?.has(`${index.typeAt(entry)} ${index.idAt(entry)}`) === true) index.forgetEntry(entry);
  }
  return index;
}

async function openOther(repository: Repository, signal: AbortSignal): Promise<OtherRepository> {
  // What a damaged index file of the other one lists is not to be had, and the rest is.
  const index = await loadIndex(repository, { signal, onDamaged: () => {} });
  return { repository, index, packBytes: await packSizes(repository, index, { signal }) };
}

/** What is lacking now, and what of it the other repository has and was not asked for yet. */
async function nextLot(
  repository: Repository,
  { snapshots, index, other }: Omit<RefillState, "first">,
  asked: BlobSet,
  { signal, onTrees }: PlanOptions,
): Promise<Lot> {
  const needed = snapshots.map(({ snapshot }) => snapshot.tree);
  const absent = await absentBlobs(repository, index, needed, { signal, onTrees });
  if (other === undefined || absent.count === 0) return { absent, entries: [] };
  const trees = [...blobsOf(absent)].filter(
    ({ type, id }) => type === "tree" && other.index.has("tree", idToBytes(id), 0),
  );
  const roots = { live: trees.map(({ id }) => id), forgotten: [] };
  const marking = { signal, packBytes: other.packBytes, workers: undefined };
  const { used } = await markUsed(other.repository, other.index, roots, marking);
  const id = new Uint8Array(ID_BYTES);
  const entries = entriesByPack(other.index, (entry) => {
    const type = other.index.typeAt(entry);
    other.index.copyIdAt(entry, id, 0);
    // Of several copies the first: others are for when that cannot be read.
    if (asked.has(type, id, 0) || other.index.entryOf(type, id, 0) !== entry) return false;
    return absent.has(type, id, 0) || (used.has(entry) && !index.has(type, id, 0));
  });
  return { absent, entries: [...entries] };
}

function remember(asked: BlobSet, index: BlobIndex, lot: readonly EntriesOfPack[]): void {
  for (const { entries } of lot)
    for (const entry of entries) asked.claim(index.typeAt(entry), idToBytes(index.idAt(entry)), 0);
}
