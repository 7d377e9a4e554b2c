/**
 * Repairs snapshots that need data which is lost: for each, a new one is made of what can still be read. The broken one is only
 * removed on request, after the new one is stored.
 */
import { messageOf } from "@holdfast/base";
import type { Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { loadIndex } from "../repository/load-index.ts";
import type { Repository } from "../repository/repository.ts";
import {
  listSnapshots,
  matches,
  saveSnapshot,
  type SnapshotFilter,
  type StoredSnapshot,
} from "../repository/snapshots.ts";
import { engineError } from "../errors.ts";
import { BlobWriter, type PackSettings } from "./blob-writer.ts";
import { removeIfThere, type DamagedFile } from "./index-files.ts";
import { keptSnapshots, type KeptSnapshot } from "./kept-snapshots.ts";
import { LossyTrees, type Loss, type Presence } from "./lossy-trees.ts";

/** The tag that repaired snapshots carry. */
export const REPAIRED_TAG = "repaired";

/** Losses kept in a plan, over all snapshots; `onLoss` gets every one. */
const LISTED_LOSSES = 100_000;

/** What will become of one snapshot. */
export interface SnapshotRepair {
  readonly stored: StoredSnapshot;
  /**
   * The tree of the repaired snapshot. The old one's when a loss could be undone, as that of an empty folder can; `undefined`
   * when not even the top folder can be read, so that nothing is left to keep.
   */
  readonly newTree: Id | undefined;
  /** An earlier repair has stored this very result already. */
  readonly isDone: boolean;
  readonly losses: readonly Loss[];
}

/** What a repair of snapshots will do. All but `state` is for printing. */
export interface SnapshotRepairPlan {
  /** Snapshots examined. */
  readonly examined: number;
  /** Those that are not whole. */
  readonly broken: readonly SnapshotRepair[];
  /** Losses beyond those listed. */
  readonly lossesOmitted: number;
  /** Snapshot files that cannot be read. */
  readonly unreadable: readonly DamagedFile[];
  /** Packs that no index lists. They may hold what seems lost: `repair index` should come first. */
  readonly unlistedPacks: number;
  readonly state: RepairState;
}

interface RepairState {
  /** All that can be read. */
  readonly snapshots: readonly StoredSnapshot[];
  readonly index: BlobIndex;
  readonly isPresent: Presence;
}

interface PlanOptions {
  readonly signal: AbortSignal;
  /** Only these snapshots; all that match the filter when absent. */
  readonly ids?: readonly Id[];
  readonly filter?: SnapshotFilter;
  readonly onLoss?: (snapshot: Id, loss: Loss) => void;
  /** Called after each snapshot. */
  readonly onSnapshot?: (done: number, total: number) => void;
}

/**
 * Examines snapshots. Nothing is written. The repository must be locked exclusively by the caller, from here until the plan is
 * executed. Data blobs count as lost when no pack that exists has them; their content is not read (`check --read-data` and
 * `repair packs` do that), that of trees is.
 * @throws ENGINE_INDEX_DAMAGED (`repair index` comes first), what the backend throws; on abort the signal's reason
 */
export async function planSnapshotRepair(
  repository: Repository,
  { signal, ids, filter, onLoss, onSnapshot }: PlanOptions,
): Promise<SnapshotRepairPlan> {
  const unreadable: DamagedFile[] = [];
  const onDamaged = (id: Id, error: unknown): number => unreadable.push({ id, reason: messageOf(error) });
  const all = await listSnapshots(repository, { signal, onDamaged });
  const chosen = all.filter(
    ({ id, snapshot }) => (ids?.includes(id) ?? true) && (filter === undefined || matches(snapshot, filter)),
  );
  const index = await loadIndex(repository, { signal });
  const { isPresent, unlistedPacks } = await comparePacks(repository, index, signal);
  const trees = lossyTrees(repository, { index, isPresent }, () => Promise.resolve(), signal);
  const broken: SnapshotRepair[] = [];
  const room = { losses: LISTED_LOSSES, omitted: 0 };
  for (const [n, stored] of chosen.entries()) {
    const losses: Loss[] = [];
    const { id: newTree, isWhole } = await trees.rewrite(stored.snapshot.tree, (loss) => {
      onLoss?.(stored.id, loss);
      if (room.losses-- > 0) losses.push(loss);
      else room.omitted++;
    });
    if (!isWhole) broken.push({ stored, newTree, isDone: isDone(all, stored, newTree), losses });
    onSnapshot?.(n + 1, chosen.length);
  }
  return {
    examined: chosen.length,
    broken,
    lossesOmitted: room.omitted,
    unreadable: unreadable.filter(({ id }) => ids?.includes(id) ?? true),
    unlistedPacks,
    state: { snapshots: all, index, isPresent },
  };
}

interface ExecuteOptions extends PackSettings {
  readonly signal: AbortSignal;
  /** Remove each broken snapshot after its repaired form is stored, also one of which nothing is left. */
  readonly forget: boolean;
  /** Also remove the snapshot files that cannot be read. */
  readonly forgetUnreadable: boolean;
}

export interface SnapshotRepairResult {
  readonly saved: readonly { readonly old: Id; readonly repaired: Id }[];
  readonly removed: readonly Id[];
  /** What would have been removed, but is held or pinned. */
  readonly kept: readonly KeptSnapshot[];
}

/**
 * Carries out a plan. Trees are stored before snapshots name them, and all new snapshots before old ones go, so it can be cut
 * off anywhere and be run again. What is held or pinned is never removed.
 * @throws ENGINE_HOLD_DAMAGED before anything is removed, what the backend throws; on abort the signal's reason
 */
export async function executeSnapshotRepair(
  repository: Repository,
  plan: SnapshotRepairPlan,
  { forget, forgetUnreadable, ...settings }: ExecuteOptions,
): Promise<SnapshotRepairResult> {
  const { signal } = settings;
  const saved: { old: Id; repaired: Id }[] = [];
  const removed: Id[] = [];
  const kept = forget || forgetUnreadable ? await keptSnapshots(repository, plan, { signal }) : [];
  await storeTrees(repository, plan, settings);
  const superseded: Id[] = forgetUnreadable ? plan.unreadable.map(({ id }) => id) : [];
  for (const { stored, newTree, isDone: done } of plan.broken) {
    if (newTree === stored.snapshot.tree) continue;
    if (newTree !== undefined && !done) {
      const repaired = await saveSnapshot(repository, repairedForm(stored, newTree), { signal });
      saved.push({ old: stored.id, repaired });
    }
    if (forget) superseded.push(stored.id);
  }
  const spared = superseded.filter((id) => kept.some((each) => each.id === id));
  for (const id of superseded) {
    if (!spared.includes(id) && (await removeIfThere(repository, "snapshot", id, signal))) removed.push(id);
  }
  return { saved, removed, kept: kept.filter(({ id }) => spared.includes(id)) };
}

/** Rewrites the broken snapshots' trees once more, this time storing what is new. */
async function storeTrees(
  repository: Repository,
  plan: SnapshotRepairPlan,
  settings: PackSettings & { readonly signal: AbortSignal },
): Promise<void> {
  const repairable = plan.broken.filter(({ newTree }) => newTree !== undefined);
  if (repairable.length === 0) return;
  const writer = new BlobWriter(repository, plan.state.index, settings);
  const store = async (bytes: Uint8Array): Promise<void> => void (await writer.put("tree", bytes));
  const trees = lossyTrees(repository, plan.state, store, settings.signal);
  for (const { stored, newTree } of repairable) {
    const { id } = await trees.rewrite(stored.snapshot.tree, () => {});
    if (id !== newTree) throw engineError("ENGINE_REPAIR_STALE", { what: `snapshot ${stored.id}` });
  }
  await writer.finish();
}

function repairedForm({ id, snapshot }: StoredSnapshot, tree: Id): StoredSnapshot["snapshot"] {
  const tags = snapshot.tags.includes(REPAIRED_TAG) ? snapshot.tags : [...snapshot.tags, REPAIRED_TAG];
  return { ...snapshot, tree, tags, original: id };
}

function isDone(all: readonly StoredSnapshot[], { id }: StoredSnapshot, tree: Id | undefined): boolean {
  return all.some(({ snapshot }) => snapshot.original === id && snapshot.tree === tree);
}

function lossyTrees(
  repository: Repository,
  { index, isPresent }: Omit<RepairState, "snapshots">,
  store: (bytes: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): LossyTrees {
  return new LossyTrees({ index, isPresent, blobs: new BlobReader(repository, index), store, signal });
}

async function comparePacks(
  repository: Repository,
  index: BlobIndex,
  signal: AbortSignal,
): Promise<{ isPresent: Presence; unlistedPacks: number }> {
  const sizes = new Float64Array(index.packCount).fill(-1);
  let unlistedPacks = 0;
  for await (const { id, sizeBytes } of repository.files("pack", { signal })) {
    const pack = index.packNumber(id);
    if (pack === undefined) unlistedPacks++;
    else sizes[pack] = sizeBytes;
  }
  // Packs that are stored during the repair are not in the list, and are there.
  const isPresent: Presence = ({ pack, offset, lengthBytes }) =>
    offset + lengthBytes <= (sizes[pack] ?? Number.POSITIVE_INFINITY);
  return { isPresent, unlistedPacks };
}
