/**
 * Plans a prune: which packs go, which are packed anew, which stay. Nothing is written. Memory grows with the index and not with
 * snapshots or trees: some 60 bytes a blob for the index itself, and up to 10 for the plan.
 */
import { availableParallelism } from "node:os";
import { engineError } from "../errors.ts";
import type { Id } from "../format/id.ts";
import { DEFAULT_GRACE_MS, neededSnapshots, type NeededSnapshots } from "../forget/needed.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { loadIndex } from "../repository/load-index.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import type { EntriesOfPack } from "../transfer/transfer.ts";
import { decide, KEEP, REMOVE, REPACK, UNLIST, type Decisions, type StayingUnused } from "./decide.ts";
import { entriesByPack } from "./entries-by-pack.ts";
import { damagedIndex, lostBlobs, lostPacks } from "./losses.ts";
import { startMarkThreads } from "./mark-pool.ts";
import { markUsed } from "./mark-used.ts";
import { listedPacks } from "./listed-packs.ts";
import { DEFAULT_UNLISTED_GRACE_MS, type PruneOptions, type RemovableFiles } from "./options.ts";
import { PackFacts, type UnlistedPack } from "./pack-facts.ts";
import { NEEDED, PackUsage, SPARE } from "./pack-usage.ts";
import { SharedBitmap } from "./shared-bitmap.ts";
import { totalsOf, type PruneTotals } from "./totals.ts";

/** Index files that hold fewer blobs than this on average are put together, even if nothing else is to be done. */
const BLOBS_PER_INDEX_FILE = 50_000;
const FEWEST_SURPLUS_FILES = 10;
/** Sealed index files of this size list enough blobs for threads to be worth their start. */
const THREADS_FROM_INDEX_BYTES = 400 * 1024;

/** What a prune will do. `work` is for its execution, all else for printing. */
export interface PrunePlan extends PruneTotals {
  /** Snapshots whose data stays: those that are there, and forgotten ones that can be brought back. */
  readonly snapshots: {
    readonly live: number;
    readonly inGrace: number;
    /** False when data of forgotten ones is gone: another program has pruned, which does not know them. */
    readonly isForgottenComplete: boolean;
  };
  /** Forgotten snapshots that cannot be brought back any more. Their files are removed. */
  readonly expired: readonly Id[];
  readonly staysUnused: StayingUnused;
  readonly indexFiles: number;
  /** Index files are written anew: because packs go, or because there are too many. */
  readonly rewritesIndex: boolean;
  /** False when there is nothing to do. */
  readonly isNeeded: boolean;
  readonly work: PruneWork;
}

/** What executing a plan needs to know. */
export class PruneWork {
  readonly index: BlobIndex;
  readonly options: PruneOptions;
  /** Index files that are replaced. */
  readonly indexFiles: readonly Id[];
  /** Index files that stay, and the packs that they list: none, unless `only` says what may be removed. */
  readonly staying: { readonly indexFiles: readonly Id[]; readonly packs: ReadonlySet<number> };
  readonly needed: NeededSnapshots;
  /** Packs that no index lists and that are removed. */
  readonly unlisted: readonly UnlistedPack[];
  readonly fileBytes: Float64Array;
  readonly #usage: PackUsage;
  readonly #actions: Uint8Array;

  constructor(parts: {
    index: BlobIndex;
    options: PruneOptions;
    indexFiles: readonly Id[];
    staying: PruneWork["staying"];
    needed: NeededSnapshots;
    unlisted: readonly UnlistedPack[];
    facts: PackFacts;
    usage: PackUsage;
    decisions: Decisions;
  }) {
    this.index = parts.index;
    this.options = parts.options;
    this.indexFiles = parts.indexFiles;
    this.staying = parts.staying;
    this.needed = parts.needed;
    this.unlisted = parts.unlisted;
    this.fileBytes = parts.facts.fileBytes;
    this.#usage = parts.usage;
    this.#actions = parts.decisions.actions;
  }

  /** Packs, by their number, with what becomes of them. */
  *packs(action: "keep" | "remove" | "repack" | "unlist"): Iterable<number> {
    const wanted = { keep: KEEP, remove: REMOVE, repack: REPACK, unlist: UNLIST }[action];
    for (let pack = 0; pack < this.#actions.length; pack++) if (this.#actions[pack] === wanted) yield pack;
  }

  /** Whether a pack stays when packs are removed, and with `withRepack` those that were packed anew as well. */
  stays(pack: number, { withRepack }: { withRepack: boolean }): boolean {
    const action = this.#actions[pack];
    return action === KEEP || (action === REPACK && !withRepack);
  }

  /** The blobs that move to new packs. */
  moves(): Iterable<EntriesOfPack> {
    const staying = this.#stayingElsewhere();
    const { states } = this.#usage;
    return entriesByPack(this.index, (entry, { pack }) => {
      if (states[entry] !== NEEDED || this.#actions[pack] !== REPACK) return false;
      return staying === undefined || !staying.has(this.#usage.firstCopy(entry));
    });
  }

  /** How many entries the index had when the plan was made. */
  get entries(): number {
    return this.#usage.states.length;
  }

  /** Whether some snapshot needs the blob whose first copy in the index this entry is. */
  isNeeded(first: number): boolean {
    return this.#usage.isNeeded(first);
  }

  /** Copies of these blobs that are in other places than those that are moved, by pack. */
  spareCopies(entries: Iterable<number>): Iterable<EntriesOfPack> {
    const firsts = new Set(Array.from(entries, (entry) => this.#usage.firstCopy(entry)));
    const { states } = this.#usage;
    return entriesByPack(this.index, (entry) => states[entry] === SPARE && firsts.has(this.#usage.firstCopy(entry)));
  }

  /** First copies of blobs that lie in a pack that stays anyway, because of other blobs in it. */
  #stayingElsewhere(): SharedBitmap | undefined {
    const { states } = this.#usage;
    let staying: SharedBitmap | undefined;
    for (let entry = 0; entry < states.length; entry++) {
      if (states[entry] !== SPARE) continue;
      const pack = this.index.locationAt(entry)?.pack as number;
      if (this.#actions[pack] !== KEEP) continue;
      staying ??= SharedBitmap.create(states.length);
      staying.add(this.#usage.firstCopy(entry));
    }
    return staying;
  }
}

/**
 * Finds out what can go. The repository must be locked exclusively by the caller, from here until the plan is executed.
 * @throws ENGINE_PRUNE_LOST and ENGINE_PRUNE_PACKS when something that is needed is not there, ENGINE_INDEX_DAMAGED; for a
 * snapshot, forgotten snapshot or hold that cannot be read what `neededSnapshots` throws; ENGINE_PRUNE_VERSION; what the backend
 * throws; on abort the signal's reason
 */
export async function planPrune(repository: Repository, options: PruneOptions): Promise<PrunePlan> {
  const { signal, graceMs = DEFAULT_GRACE_MS, nowMs = Date.now(), onProgress, only } = options;
  const canCompress = repository.config.version >= 2;
  if (options.repackUncompressed === true && !canCompress) throw engineError("ENGINE_PRUNE_VERSION");
  const needed = spared(await neededSnapshots(repository, { signal, graceMs, nowMs }), only);
  const { index, files } = await loadAll(repository, options);
  const facts = new PackFacts(index);
  onProgress?.({ phase: "packs", done: 0, total: index.packCount });
  for await (const file of repository.files("pack", { signal })) facts.addFile(index, file);
  const treesOf = (snapshots: readonly StoredSnapshot[]): Id[] => snapshots.map(({ snapshot }) => snapshot.tree);
  const roots = { live: treesOf(needed.live), forgotten: treesOf(needed.inGrace) };
  const marked = await markUsed(repository, index, roots, {
    signal,
    packBytes: facts.fileBytes,
    workers: options.workers,
    onTrees: (trees) => onProgress?.({ phase: "trees", done: trees, total: 0 }),
  });
  if (!marked.isLiveComplete) throw await lostBlobs(repository, index, needed.live, { signal });
  const usage = new PackUsage(index, facts, marked.used);
  if (usage.lostPacks.length > 0) throw lostPacks(index, facts, usage.lostPacks);
  const replaced = files.filter((id) => only?.indexFiles.has(id) !== false);
  const stayingFiles = files.filter((id) => only?.indexFiles.has(id) === false);
  const staying = { indexFiles: stayingFiles, packs: await listedPacks(repository, index, stayingFiles, { signal }) };
  const mayGo = (id: Id): boolean => only?.packs.has(id) !== false;
  // What an index file lists that stays has to stay as well; a pack that is not there is no file to be removed.
  const mayGoAt = (pack: number): boolean =>
    !staying.packs.has(pack) && (mayGo(index.packId(pack)) || (facts.fileBytes[pack] as number) < 0);
  const decisions = decide(facts, usage, { options, canCompress, mayGo: mayGoAt });
  // What a forgotten snapshot lacks may be in packs that no index lists: `repair index` would find it.
  const oldBefore = nowMs - (options.unlistedGraceMs ?? DEFAULT_UNLISTED_GRACE_MS);
  const unlisted = whatMayGo(facts.unlisted, marked.isForgottenComplete ? oldBefore : Number.NEGATIVE_INFINITY, mayGo);
  const totals = totalsOf({ facts, usage, decisions, unlisted });
  const rewritesIndex = decisions.actions.some((action) => action !== KEEP) || hasTooMany(replaced.length, index.count);
  const expired = needed.expired.map(({ id }) => id);
  return {
    ...totals,
    snapshots: {
      live: needed.live.length,
      inGrace: needed.inGrace.length,
      isForgottenComplete: marked.isForgottenComplete,
    },
    expired,
    staysUnused: decisions.staysUnused,
    indexFiles: files.length,
    rewritesIndex,
    isNeeded: rewritesIndex || expired.length > 0 || unlisted.old.length > 0,
    work: new PruneWork({
      index,
      options,
      indexFiles: replaced,
      staying,
      needed,
      unlisted: unlisted.old,
      facts,
      usage,
      decisions,
    }),
  };
}

/** Forgotten snapshots that may not be given up keep what they need. */
function spared(needed: NeededSnapshots, only: RemovableFiles | undefined): NeededSnapshots {
  if (only === undefined) return needed;
  const mayGo = ({ id }: StoredSnapshot): boolean => only.forgotten.has(id);
  return {
    live: needed.live,
    inGrace: [...needed.inGrace, ...needed.expired.filter((stored) => !mayGo(stored))],
    expired: needed.expired.filter(mayGo),
  };
}

/** The ids of the packs of a plan that go: with nothing needed in them, or after what is needed has moved. */
export function* prunedPacks({ work }: PrunePlan, action: "remove" | "repack"): Iterable<Id> {
  if (action === "remove") for (const { id } of work.unlisted) yield id;
  for (const pack of work.packs(action)) yield work.index.packId(pack);
}

/** Every file that the execution of a plan removes. */
export function* prunedFiles(plan: PrunePlan): Iterable<{ type: "pack" | "index" | "forgotten"; id: Id }> {
  for (const id of plan.expired) yield { type: "forgotten", id };
  if (plan.rewritesIndex) for (const id of plan.work.indexFiles) yield { type: "index", id };
  for (const action of ["remove", "repack"] as const) {
    for (const id of prunedPacks(plan, action)) yield { type: "pack", id };
  }
}

/** The whole index, and the files that it was read from: only these may be removed. */
async function loadAll(
  repository: Repository,
  { signal, onProgress, workers = Math.max(2, availableParallelism()) }: PruneOptions,
): Promise<{ index: BlobIndex; files: Id[] }> {
  const files: Id[] = [];
  let sealedBytes = 0;
  for await (const { id, sizeBytes } of repository.files("index", { signal })) {
    files.push(id);
    sealedBytes += sizeBytes;
  }
  if (sealedBytes >= THREADS_FROM_INDEX_BYTES) startMarkThreads(workers);
  const index = await loadIndex(repository, {
    signal,
    onFile: (done, total) => onProgress?.({ phase: "index", done, total }),
    onDamaged: damagedIndex,
  });
  return { index, files };
}

/** Packs received before `oldBefore`, and where the store does not tell, are remains of runs that ended long ago. */
function whatMayGo(
  packs: readonly UnlistedPack[],
  oldBefore: number,
  mayGo: (id: Id) => boolean,
): { old: UnlistedPack[]; left: UnlistedPack[] } {
  const isOld = ({ id, receivedAtMs = Number.MIN_SAFE_INTEGER }: UnlistedPack): boolean =>
    receivedAtMs <= oldBefore && mayGo(id);
  return { old: packs.filter(isOld), left: packs.filter((pack) => !isOld(pack)) };
}

function hasTooMany(files: number, blobs: number): boolean {
  const wanted = Math.ceil(blobs / BLOBS_PER_INDEX_FILE);
  return files - wanted >= Math.max(FEWEST_SURPLUS_FILES, wanted / 2);
}
