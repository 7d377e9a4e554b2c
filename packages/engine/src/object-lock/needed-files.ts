/**
 * Which files of a repository its snapshots need, so that they have to stay locked. What nobody needs is left out, and its lock
 * may run out. Where damage keeps that from being known, every file counts as needed: a lock too many costs money, one too few data.
 */
import { availableParallelism } from "node:os";
import { messageOf } from "@holdfast/base";
import type { FileKey } from "@holdfast/storage";
import type { Id } from "../format/id.ts";
import { DEFAULT_GRACE_MS, isInGrace } from "../forget/needed.ts";
import { type ForgottenSnapshot, listForgotten } from "../forget/forgotten.ts";
import { holdsOf, listHolds } from "../forget/holds.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { markUsed } from "../prune/mark-used.ts";
import { PackFacts } from "../prune/pack-facts.ts";
import { PackUsage } from "../prune/pack-usage.ts";
import { startMarkThreads } from "../prune/mark-pool.ts";
import { loadIndex } from "../repository/load-index.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots, type StoredSnapshot } from "../repository/snapshots.ts";

/** How far it is. `total` is 0 where it is not known. */
export interface NeededProgress {
  readonly phase: "index" | "packs" | "trees";
  readonly done: number;
  readonly total: number;
}

interface NeededOptions {
  readonly signal: AbortSignal;
  /** How long the data of forgotten snapshots is needed; as for a prune. */
  readonly graceMs?: number | undefined;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly onProgress?: ((progress: NeededProgress) => void) | undefined;
}

export interface NeededFiles {
  readonly snapshots: number;
  /** How many files `files` gives, but for what comes or goes meanwhile. */
  readonly count: number;
  /** Packs that are needed and are not there, or not with the size that they must have. */
  readonly lostPacks: readonly Id[];
  /** Why it is not known what is needed, so that `files` gives every file; empty otherwise. */
  readonly doubts: readonly string[];
  /** Small files first: without them no pack can be used. */
  files(): AsyncIterable<FileKey>;
}

const SMALL_TYPES = ["key", "snapshot", "forgotten", "hold", "index"] as const;
const CONFIG: FileKey = { type: "config", name: "" };
/** From so many blobs on threads are worth their start. */
const THREADS_FROM_BLOBS = 5_000;

/**
 * Reads the index and, through the cache, all trees: what a prune reads to make its plan. A shared lock is enough.
 * @throws what the backend throws; damage is a doubt
 */
export async function neededFiles(repository: Repository, options: NeededOptions): Promise<NeededFiles> {
  const { signal, onProgress } = options;
  const doubts: string[] = [];
  const onDamaged = (what: string) => (id: Id, error: unknown) =>
    void doubts.push(`${what} ${id}: ${messageOf(error)}`);
  const listing = { signal };
  const live = await listSnapshots(repository, { ...listing, onDamaged: onDamaged("snapshot") });
  const forgotten = await neededForgotten(repository, options, onDamaged);
  const index = await loadIndex(repository, {
    signal,
    onFile: (done, total) => onProgress?.({ phase: "index", done, total }),
    onDamaged: onDamaged("index"),
  });
  const usage = await usedPacks(repository, index, { live, forgotten }, options);
  if (!usage.isComplete) doubts.push("something that snapshots need is in no index, or cannot be read");
  const isKnown = doubts.length === 0;
  const isNeeded = (key: FileKey): boolean => {
    if (!isKnown) return true;
    if (key.type === "forgotten") return forgotten.some(({ id }) => id === key.name);
    return key.type !== "pack" || usage.isNeeded(key.name as Id);
  };
  const packs = isKnown ? usage.needed : usage.present;
  return {
    snapshots: live.length,
    count: 1 + (await countSmall(repository, isNeeded, signal)) + packs,
    lostPacks: usage.lost,
    doubts,
    files: () => eachFile(repository, isNeeded, signal),
  };
}

async function* eachFile(
  repository: Repository,
  isNeeded: (key: FileKey) => boolean,
  signal: AbortSignal,
): AsyncGenerator<FileKey> {
  yield CONFIG;
  for (const type of [...SMALL_TYPES, "pack"] as const) {
    for await (const { id } of repository.files(type, { signal })) {
      const key = { type, name: id };
      if (isNeeded(key)) yield key;
    }
  }
}

async function countSmall(
  repository: Repository,
  isNeeded: (key: FileKey) => boolean,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for (const type of SMALL_TYPES) {
    for await (const { id } of repository.files(type, { signal })) if (isNeeded({ type, name: id })) count++;
  }
  return count;
}

/** Those that can still be brought back. */
async function neededForgotten(
  repository: Repository,
  { signal, graceMs = DEFAULT_GRACE_MS, nowMs }: NeededOptions,
  onDamaged: (what: string) => (id: Id, error: unknown) => void,
): Promise<ForgottenSnapshot[]> {
  const holds = await listHolds(repository, { signal, onDamaged: onDamaged("hold") });
  const all = await listForgotten(repository, { signal, onDamaged: onDamaged("forgotten snapshot") });
  return all.filter((one) => holdsOf(holds, one).length > 0 || isInGrace(one, graceMs, nowMs));
}

interface UsedPacks {
  readonly isComplete: boolean;
  readonly needed: number;
  readonly present: number;
  readonly lost: readonly Id[];
  isNeeded(pack: Id): boolean;
}

async function usedPacks(
  repository: Repository,
  index: BlobIndex,
  { live, forgotten }: { readonly live: readonly StoredSnapshot[]; readonly forgotten: readonly StoredSnapshot[] },
  { signal, onProgress }: NeededOptions,
): Promise<UsedPacks> {
  const facts = new PackFacts(index);
  let present = 0;
  onProgress?.({ phase: "packs", done: 0, total: index.packCount });
  for await (const file of repository.files("pack", { signal })) {
    facts.addFile(index, file);
    present++;
  }
  if (index.count >= THREADS_FROM_BLOBS) startMarkThreads(Math.max(2, availableParallelism()));
  const treesOf = (snapshots: readonly StoredSnapshot[]): Id[] => snapshots.map(({ snapshot }) => snapshot.tree);
  const roots = { live: treesOf(live), forgotten: treesOf(forgotten) };
  const marked = await markUsed(repository, index, roots, {
    signal,
    packBytes: facts.fileBytes,
    workers: undefined,
    onTrees: (trees) => onProgress?.({ phase: "trees", done: trees, total: 0 }),
  });
  const usage = new PackUsage(index, facts, marked.used);
  const isNeededNumber = (pack: number): boolean => (usage.needed.blobs[pack] as number) > 0;
  let needed = 0;
  for (let pack = 0; pack < index.packCount; pack++) if (isNeededNumber(pack)) needed++;
  return {
    // What only forgotten snapshots lack another program has removed: that is known, and no doubt.
    isComplete: marked.isLiveComplete,
    needed,
    present,
    lost: usage.lostPacks.map((pack) => index.packId(pack)),
    isNeeded: (id) => {
      const pack = index.packNumber(id);
      return pack !== undefined && isNeededNumber(pack);
    },
  };
}
