/**
 * Makes a snapshot. The order is fixed: snapshots are listed before the index is read, packs are stored before indexes name
 * them, and the snapshot is written last. Whatever ends the run early leaves a correct repository, whose stored packs the
 * next run finds and uses.
 */
import { availableParallelism } from "node:os";
import { posix } from "node:path";
import { systemCode } from "@holdfast/base";
import { lstatNs } from "../filesystem/read-metadata.ts";
import { systemReason } from "../platform/libc.ts";
import { adoptPacks, type AdoptResult, listPacks, type PackFile } from "../repository/adopt-packs.ts";
import { withIndexBeside } from "../repository/index-beside.ts";
import { engineError } from "../errors.ts";
import { saveIncompleteSnapshot } from "../evidence/incomplete.ts";
import type { Id } from "../format/id.ts";
import { formatGoTime } from "../format/go-time.ts";
import type { SnapshotFields } from "../format/snapshot.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { PackIntake } from "../packs/pack-intake.ts";
import { PackPool } from "../packs/pack-pool.ts";
import { returnLargeAllocations } from "../platform/native-heap.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import { type OnListed, saveSnapshot, type StoredSnapshot } from "../repository/snapshots.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { Counters } from "../workers/counters.ts";
import { startAhead } from "../workers/started-threads.ts";
import { BACKUP_WORKER, Coordinator } from "./coordinator.ts";
import { BACKUP_COUNTERS, type BackupCounts, type Problem } from "./messages.ts";
import type { BackupOptions, BackupPhase, BackupProgress, BackupResult } from "./options.ts";
import { type EarlierSnapshots, lookBack, sourceKey } from "./parent-choice.ts";
import { PresentSample } from "./present-sample.ts";
import { saveGiven } from "./save-given.ts";
import type { SaveParts } from "./save-folders.ts";
import { saveTargets, snapshotPaths } from "./save-targets.ts";
import { countAhead, type Totals } from "./count-ahead.ts";
import { type PresentResult, verifyPresent } from "./verify-present.ts";

/** Files from this size on are shared among the workers. */
const LARGE_FILE_BYTES = 32 * 1024 * 1024;
/** Packs with the parent's trees that all workers together keep; each keeps at least a pack of usual size. */
const PARENT_CACHE_BYTES = 80 * 1024 * 1024;
const LEAST_PARENT_CACHE_BYTES = 20 * 1024 * 1024;
/** How long an interrupted run may take to record what it has stored. */
const RECORD_MS = 700;

interface WhatIsThere {
  readonly found: EarlierSnapshots;
  readonly index: BlobIndex;
  /** The packs, where they were listed with the rest. */
  readonly listed: readonly PackFile[] | undefined;
}

export class Backup {
  readonly #repository: Repository;
  #options: BackupOptions;
  readonly #counters = Counters.create(BACKUP_COUNTERS);
  readonly #problems: Record<Problem["code"], number> = {
    unreadable: 0,
    changed: 0,
    vanished: 0,
    metadata: 0,
    "parent-tree": 0,
  };
  readonly #startedAtMs = performance.now();
  readonly #startedAtNs = BigInt(Date.now()) * 1_000_000n;
  readonly #present: PresentSample | undefined;
  #phase: BackupPhase = "index";
  #coordinator: Coordinator | undefined;
  #totals: Totals | undefined;

  constructor(repository: Repository, options: BackupOptions) {
    this.#repository = repository;
    this.#options = options;
    if ((options.verifyPresentBytes ?? 0) > 0) this.#present = PresentSample.create();
  }

  /**
   * Starts the threads of a backup that is about to come, while the repository is still being opened. Only saves time.
   * @param workers as in `BackupOptions`
   */
  static startThreads(workers?: number): void {
    startAhead(BACKUP_WORKER, threadsFor(workers));
  }

  progress(): BackupProgress {
    const counts = this.#counters.read();
    return {
      phase: this.#phase,
      counts,
      filesDone: filesDone(counts),
      bytesDone: counts.bytesDone,
      totalFiles: this.#totals?.files,
      totalBytes: this.#totals?.bytes,
      currentPaths: this.#coordinator?.currentPaths() ?? [],
      problems: Object.values(this.#problems).reduce((sum, n) => sum + n, 0),
      elapsedMs: performance.now() - this.#startedAtMs,
    };
  }

  /**
   * The repository must be locked by the caller (shared), or be about to be (`BackupOptions.asFirst`).
   * @throws ENGINE_NOTHING_TO_BACK_UP, damage found in the repository's index, and what the backend throws; on abort the
   * signal's reason, after what is stored so far was recorded in an index
   */
  async run(): Promise<BackupResult> {
    const { signal, dryRun } = this.#options;
    returnLargeAllocations();
    Backup.startThreads(this.#options.workers);
    this.#enter("index");
    this.#dropMissingTargets();
    // Who fails for want of a lock is told by the signal as well, perhaps before anybody waits for it.
    this.#options.asFirst?.locked.catch(() => {});
    const there = this.#options.asFirst === undefined ? await this.#readWhatIsThere() : this.#nothingThere();
    const { found, index } = there;
    const { parent, comparable } = found;
    const coordinator = this.#makeCoordinator(index);
    const intake = coordinator.intake;
    const onAbort = (): void => coordinator.fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const counting = new AbortController();
    try {
      signal.throwIfAborted();
      coordinator.start();
      const packs = await this.#adopt(there, intake);
      this.#present?.begin(index.packCount);
      this.#enter("saving");
      if (this.#options.scan && this.#options.given === undefined) this.#countAhead(counting.signal);
      const treeId = await this.#save(coordinator, index, parent);
      this.#enter("finishing");
      if (!dryRun) await coordinator.flush();
      await coordinator.stop();
      await this.#options.asFirst?.locked;
      await intake?.finish();
      const snapshotId = await this.#snapshot(treeId, parent);
      const present = await this.#verifyPresent(index);
      this.#enter("done");
      return this.#result({ snapshotId, treeId, parentId: parent?.id, comparable, present, packs });
    } catch (error) {
      intake?.interrupt();
      await coordinator.stop();
      await intake?.recordInterrupted(AbortSignal.timeout(RECORD_MS));
      throw error;
    } finally {
      counting.abort();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Snapshots, index and packs are listed at once. */
  async #readWhatIsThere(): Promise<WhatIsThere> {
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, failed.signal]);
    const listing = this.#options.dryRun ? undefined : listPacks(this.#repository, { signal });
    const look = (onListed: OnListed, both: AbortSignal): Promise<EarlierSnapshots> => this.#lookBack(onListed, both);
    try {
      return { ...(await withIndexBeside(this.#repository, look, { signal })), listed: await listing };
    } catch (error) {
      failed.abort(error);
      await listing;
      throw error;
    }
  }

  #nothingThere(): WhatIsThere {
    const index = BlobIndex.create();
    this.#repository.onIndex?.(index);
    const found = { parent: undefined, comparable: undefined, all: [] };
    this.#tellFound(found);
    return { found, index, listed: [] };
  }

  async #lookBack(onListed: OnListed, signal: AbortSignal): Promise<EarlierSnapshots> {
    const onProblem = (problem: Problem): void => this.#problem(problem);
    const found = await lookBack(this.#repository, { ...this.#options, signal }, { onProblem, onListed });
    this.#tellFound(found);
    return found;
  }

  #tellFound({ all, parent }: EarlierSnapshots): void {
    this.#options.onEvent({ kind: "snapshots", snapshots: all });
    this.#options.onEvent({ kind: "parent", id: parent?.id });
  }

  /** A target that is not there is a problem, and not part of what the snapshot says it holds. */
  #dropMissingTargets(): void {
    const { targets, cwd, given } = this.#options;
    if (given !== undefined) return;
    const present = targets.filter((target) => {
      const path = posix.resolve(cwd, target);
      try {
        lstatNs(path);
        return true;
      } catch (error) {
        const reason = systemCode(error) === "ENOENT" ? "it does not exist" : systemReason(error);
        this.#problem({ code: "unreadable", path, reason });
        return false;
      }
    });
    if (present.length === 0)
      throw engineError("ENGINE_NOTHING_TO_BACK_UP", { reason: "none of the targets can be read" });
    this.#options = { ...this.#options, targets: present };
  }

  #makeCoordinator(index: BlobIndex): Coordinator {
    const { config, masterKey } = this.#repository;
    const options = this.#options;
    const workers = threadsFor(options.workers);
    // Three open packs, and as many on their way to the store as keep workers from waiting for it.
    const pool = PackPool.create({
      packSizeBytes: options.packSizeBytes,
      slots: 3 + Math.max(2, Math.ceil(workers / 2)),
    });
    const coordinator = new Coordinator({
      repository: this.#repository,
      index,
      pool,
      workers,
      workerData: {
        key: masterKey,
        polynomial: config.chunkerPolynomial,
        repositoryVersion: config.version,
        compression: options.compression,
        index: index.shared,
        pool: pool.shared,
        counters: this.#counters.shared,
        rules: options.rules,
        reading: { ...options.reading, largeFileBytes: LARGE_FILE_BYTES },
        parentCacheBytes: Math.max(PARENT_CACHE_BYTES / workers, LEAST_PARENT_CACHE_BYTES),
        dryRun: options.dryRun,
        itemEvents: options.itemEvents ?? false,
        present: this.#present?.shared,
      },
      onProblem: (problem) => this.#problem(problem),
      onItem: (item) => options.onEvent({ kind: "item", item }),
      onRepository: (path) => options.onEvent({ kind: "repository", path }),
      signal: options.signal,
    });
    if (!options.dryRun) {
      coordinator.intake = new PackIntake({
        repository: this.#repository,
        index,
        pool,
        signal: options.signal,
        mayWrite: options.asFirst?.locked,
        onFailure: (error) => coordinator.fail(error),
      });
    }
    this.#coordinator = coordinator;
    return coordinator;
  }

  #save(coordinator: Coordinator, index: BlobIndex, parent: StoredSnapshot | undefined): Promise<Id> {
    const { given, signal, onEvent } = this.#options;
    const trees = new TreeReader(new BlobReader(this.#repository, index));
    const parts: SaveParts = {
      coordinator,
      counters: this.#counters,
      options: this.#options,
      parentTree: parent?.snapshot.tree,
      loadTree: (id) => trees.load(id, { signal }),
      onProblem: (problem) => this.#problem(problem),
      onItem: (item) => onEvent({ kind: "item", item }),
    };
    if (given === undefined) return saveTargets(parts);
    return saveGiven({ ...parts, given, polynomial: this.#repository.config.chunkerPolynomial });
  }

  /** What a killed run has stored is used, not stored again; what is lost is stored again. */
  async #adopt({ index, listed }: WhatIsThere, intake: PackIntake | undefined): Promise<AdoptResult> {
    if (intake === undefined) return { adopted: 0, missing: 0 };
    const { signal } = this.#options;
    return adoptPacks(this.#repository, index, { signal, listed, take: (pack) => intake.adopt(pack) });
  }

  /** Only when the snapshot is stored: whatever this finds, a backup with a fault is better than none. */
  async #verifyPresent(index: BlobIndex): Promise<PresentResult | undefined> {
    const { signal, verifyPresentBytes: maxBytes = 0 } = this.#options;
    if (this.#present === undefined) return undefined;
    this.#enter("verifying");
    return verifyPresent(this.#repository, index, this.#present.blobs(), { signal, maxBytes });
  }

  #countAhead(signal: AbortSignal): void {
    const startedMs = performance.now();
    countAhead(this.#options, signal).then(
      (totals) => {
        this.#totals = totals;
        this.#options.onEvent({ kind: "counted", ...totals, elapsedMs: performance.now() - startedMs });
      },
      // Totals only serve the display: what cannot be counted is reported by the backup itself.
      () => {},
    );
  }

  async #snapshot(tree: Id, parent: StoredSnapshot | undefined): Promise<Id | undefined> {
    const options = this.#options;
    if (options.dryRun) return undefined;
    if (options.skipIfUnchanged && parent?.snapshot.tree === tree) return undefined;
    const counts = this.#counters.read();
    return this.#store({
      time: formatGoTime(options.timeNs ?? this.#startedAtNs),
      parent: parent?.id,
      tree,
      paths: snapshotPaths(options),
      hostname: options.hostname,
      username: options.username,
      uid: options.uid,
      gid: options.gid,
      excludes: options.excludes,
      tags: options.tags,
      original: undefined,
      programVersion: options.programVersion,
      summary: {
        backupStart: formatGoTime(this.#startedAtNs),
        backupEnd: formatGoTime(BigInt(Date.now()) * 1_000_000n),
        filesNew: counts.filesNew,
        filesChanged: counts.filesChanged,
        filesUnmodified: counts.filesUnmodified,
        dirsNew: counts.dirsNew,
        dirsChanged: counts.dirsChanged,
        dirsUnmodified: counts.dirsUnmodified,
        dataBlobs: counts.dataBlobs,
        treeBlobs: counts.treeBlobs,
        dataAdded: counts.dataAdded,
        dataAddedPacked: counts.dataAddedPacked,
        totalFilesProcessed: filesDone(counts),
        totalBytesProcessed: counts.bytesDone,
      },
    });
  }

  #store(snapshot: SnapshotFields): Promise<Id> {
    const { signal, onEvent } = this.#options;
    if (this.#problems.unreadable === 0) return saveSnapshot(this.#repository, snapshot, { signal });
    const onUnrecorded = (error: unknown): void => onEvent({ kind: "unrecorded", error });
    return saveIncompleteSnapshot(this.#repository, snapshot, { signal, onUnrecorded });
  }

  #result({
    packs,
    ...made
  }: Pick<BackupResult, "snapshotId" | "treeId" | "parentId" | "comparable" | "present"> & {
    packs: AdoptResult;
  }): BackupResult {
    const counts = this.#counters.read();
    return {
      ...made,
      source: sourceKey(this.#options),
      adoptedPacks: packs.adopted,
      missingPacks: packs.missing,
      counts,
      filesDone: filesDone(counts),
      bytesDone: counts.bytesDone,
      problems: { ...this.#problems },
      startedAtNs: this.#startedAtNs,
      endedAtNs: BigInt(Date.now()) * 1_000_000n,
      elapsedMs: performance.now() - this.#startedAtMs,
    };
  }

  #problem(problem: Problem): void {
    this.#problems[problem.code]++;
    this.#options.onEvent({ kind: "problem", problem });
  }

  #enter(phase: BackupPhase): void {
    this.#phase = phase;
    this.#options.onEvent({ kind: "phase", phase });
  }
}

function threadsFor(workers: number | undefined): number {
  return workers ?? Math.max(2, availableParallelism());
}

function filesDone(counts: BackupCounts): number {
  return counts.filesNew + counts.filesChanged + counts.filesUnmodified;
}

/** Refuses a run that has nothing to work on, before anything is locked or read. */
export function checkTargets(options: Pick<BackupOptions, "targets" | "given">): void {
  if (options.given === undefined && options.targets.length === 0) {
    throw engineError("ENGINE_NOTHING_TO_BACK_UP", { reason: "no path was given" });
  }
}
