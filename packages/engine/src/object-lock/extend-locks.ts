/** Extends the locks of all files that snapshots need. */
import { forEachConcurrent, isHoldfastError } from "@holdfast/base";
import type { FileKey } from "@holdfast/storage";
import { engineError } from "../errors.ts";
import type { LockRunFields } from "../format/lock-run.ts";
import type { Repository } from "../repository/repository.ts";
import { marginMs } from "./lateness.ts";
import { saveLockRun } from "./lock-runs.ts";
import { type NeededFiles, type NeededProgress, neededFiles } from "./needed-files.ts";

export type ExtendPhase = NeededProgress["phase"] | "locks";

export interface ExtendOptions {
  readonly signal: AbortSignal;
  /** How long a lock lasts from now on, for a file whose lock is extended. Milliseconds. */
  readonly forMs: number;
  /** In how much time the next run comes. Locks that have the margin of that left are left alone. Milliseconds. */
  readonly everyMs: number;
  readonly graceMs?: number | undefined;
  /** Only looks. */
  readonly dryRun?: boolean;
  /** Who ran it, for the record. */
  readonly hostname: string;
  readonly programVersion: string;
  readonly onProgress?: (progress: { phase: ExtendPhase; done: number; total: number }) => void;
  /** Called for each file that is needed and is not locked now. */
  readonly onFailed?: (failed: FailedLock) => void;
}

export interface FailedLock {
  readonly key: FileKey;
  readonly error: Error;
}

export interface ExtendResult extends LockRunFields {
  /** Locks that had long enough to go. */
  readonly left: number;
  readonly doubts: readonly string[];
  readonly dryRun: boolean;
}

/** When so many of the first ones fail, and none is locked, it is not about single files. */
const HOPELESS = 16;

/**
 * Looks at every file that snapshots need and extends the locks that have less than the margin left. A run that was cut off is
 * run again: what it has extended is passed over with one request. Needs a shared lock, so that no prune removes what is being
 * locked.
 * @throws ENGINE_LOCK_TOO_SHORT when `forMs` is not above the margin; STORAGE_NO_RETENTION, STORAGE_PERMISSION when nothing can be
 * locked; what the backend throws when it is out of reach; on abort the signal's reason
 */
export async function extendLocks(repository: Repository, options: ExtendOptions): Promise<ExtendResult> {
  const { signal, forMs, everyMs, graceMs, dryRun = false, hostname, programVersion, onProgress } = options;
  const margin = marginMs(everyMs);
  if (forMs <= margin) throw engineError("ENGINE_LOCK_TOO_SHORT", { given: days(forMs), margin: days(margin) });
  const beganAtMs = Date.now();
  const needed = await neededFiles(repository, { signal, graceMs, nowMs: beganAtMs, onProgress });
  const extending = new Extending(repository, needed, { ...options, dryRun, marginMs: margin });
  await extending.run();
  const { files, extended, failed, left, earliestMs } = extending;
  const fields: LockRunFields = {
    beganAtMs,
    endedAtMs: Math.max(beganAtMs, Date.now()),
    hostname,
    programVersion,
    everyMs,
    forMs,
    snapshots: needed.snapshots,
    files,
    extended,
    failed,
    isExact: needed.doubts.length === 0,
    ...(earliestMs === undefined ? {} : { earliestMs }),
  };
  if (!dryRun) await saveLockRun(repository, fields, { signal });
  return { ...fields, left, doubts: needed.doubts, dryRun };
}

class Extending {
  files = 0;
  extended = 0;
  left = 0;
  failed = 0;
  earliestMs: number | undefined;
  readonly #repository: Repository;
  readonly #needed: NeededFiles;
  readonly #options: ExtendOptions & { readonly marginMs: number };
  #done = 0;

  constructor(repository: Repository, needed: NeededFiles, options: ExtendOptions & { readonly marginMs: number }) {
    this.#repository = repository;
    this.#needed = needed;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    for (const name of this.#needed.lostPacks) {
      const error = engineError("ENGINE_NEEDED_LOST", { what: `pack ${name}` });
      this.#fail({ type: "pack", name }, error);
    }
    const lost = new Set<string>(this.#needed.lostPacks);
    const atOnce = Math.max(1, this.#repository.backend.capabilities.maxConcurrency);
    await forEachConcurrent(this.#needed.files(), atOnce, (key, inner) => this.#one(key, lost, inner), { signal });
  }

  async #one(key: FileKey, lost: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    this.files++;
    try {
      const { isExtended, untilMs } = await (this.#options.dryRun === true
        ? this.#wouldBe(key, signal)
        : this.#extend(key, signal));
      if (isExtended) this.extended++;
      else this.left++;
      this.earliestMs = Math.min(this.earliestMs ?? untilMs, untilMs);
    } catch (error) {
      if (signal.aborted || !isHoldfastError(error) || !SINGLE.has(error.code)) throw error;
      // Nothing of it could be locked, so that each further try would only cost a request.
      const isHopeless =
        error.code !== "STORAGE_NOT_FOUND" && this.failed >= HOPELESS && this.extended + this.left === 0;
      if (isHopeless) throw error;
      if (!lost.has(key.name)) this.#fail(key, error);
    }
    this.#options.onProgress?.({ phase: "locks", done: ++this.#done, total: this.#needed.count });
  }

  async #extend(key: FileKey, signal: AbortSignal): Promise<{ isExtended: boolean; untilMs: number }> {
    const { backend } = this.#repository;
    const wish = { forMs: this.#options.forMs, unlessLeftMs: this.#options.marginMs };
    if (backend.extendRetention === undefined) throw new Error(`${backend.location} has no way to extend locks`);
    return backend.extendRetention(key, wish, { signal });
  }

  async #wouldBe(key: FileKey, signal: AbortSignal): Promise<{ isExtended: boolean; untilMs: number }> {
    const { marginMs: margin, forMs } = this.#options;
    const info = await this.#repository.backend.stat(key, { signal });
    if (info === undefined) throw engineError("ENGINE_NEEDED_LOST", { what: `${key.type} ${key.name}` });
    const { retainedUntilMs = 0, storeTimeMs = Date.now() } = info;
    const isExtended = retainedUntilMs < storeTimeMs + margin;
    return { isExtended, untilMs: isExtended ? storeTimeMs + forMs : retainedUntilMs };
  }

  #fail(key: FileKey, error: Error): void {
    this.failed++;
    this.#options.onFailed?.({ key, error });
  }
}

/** Failures that may be about one file. */
const SINGLE: ReadonlySet<string> = new Set([
  "STORAGE_NOT_FOUND",
  "STORAGE_NO_RETENTION",
  "STORAGE_PERMISSION",
  "ENGINE_NEEDED_LOST",
]);

function days(ms: number): string {
  return `${Math.round((ms / 86_400_000) * 100) / 100} days`;
}
