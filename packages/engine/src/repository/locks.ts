/**
 * Locks with restic's meaning, so that both programs respect each other: any number of shared locks, or one exclusive lock
 * alone. A lock is refreshed while its holder works; one that nobody refreshed for 30 minutes, or whose process on this host
 * is gone, is stale and counts for nothing. A lock file that cannot be read stands in the way as well, until it is stale.
 *
 * A store may be out of reach for longer than that. Whoever takes an exclusive lock removes the stale ones that it passed over;
 * so a holder of a shared lock that finds its own still there after an outage knows that nobody has removed anything meanwhile,
 * and goes on. Until it knows, all its other calls wait (`Backend.pauseCalls`). An exclusive lock has no such second chance.
 */
import { hostname, userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { isHoldfastError } from "@holdfast/base";
import { bytesSource, systemClock } from "@holdfast/storage";
import { engineError } from "../errors.ts";
import type { Id } from "../format/id.ts";
import { decodeLockFile, encodeLockFile, type LockFile } from "../format/lock-file.ts";
import { formatGoTime } from "../format/go-time.ts";
import type { Repository } from "./repository.ts";

/** How long locks live, in milliseconds. */
export interface LockTimes {
  /** Without a refresh for this long, a lock counts for nothing. */
  readonly staleMs: number;
  readonly refreshMs: number;
  /** Without a refresh for this long the run stops, or waits, before others could take its lock for stale. */
  readonly giveUpMs: number;
}

/** Restic's. */
const TIMES: LockTimes = { staleMs: 30 * 60_000, refreshMs: 5 * 60_000, giveUpMs: 20 * 60_000 };
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 60_000;
/** How long the removal of a lock may take at the end of a run. */
const REMOVE_MS = 5_000;

export interface LockInfo {
  readonly id: Id;
  readonly exclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  readonly timeNs: bigint;
  readonly stale: boolean;
  /** False for a damaged lock file: whose it is is not known. */
  readonly readable: boolean;
}

export interface LockOptions {
  readonly exclusive: boolean;
  /** Keep trying for this long while others hold the repository; 0 gives up at once. */
  readonly retryMs?: number;
  readonly signal: AbortSignal;
  /**
   * There was no lock a moment ago, so nobody is looked for before this one is written. That look only spares others a lock that
   * comes to nothing; the one which excludes them comes after it was written, and always.
   */
  readonly wasFree?: boolean;
  /** Called before each wait. */
  readonly onWaiting?: (holder: LockInfo) => void;
  /** Other than restic's only where no other program uses the repository. */
  readonly times?: LockTimes;
}

/**
 * Takes a lock, runs `work`, and removes the lock whatever happens. The signal given to `work` aborts when the caller's does
 * and when the lock is lost. While the store is out of reach for long, calls of `work` wait, and a shared lock is looked for again.
 * @throws ENGINE_LOCKED, ENGINE_LOCK_UNREADABLE, ENGINE_LOCK_LOST, and what `work` throws
 */
export function withLock<T>(
  repository: Repository,
  options: LockOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withLockAhead(repository, options, async (signal, held) => {
    await held;
    return work(signal);
  });
}

/**
 * As `withLock`, but runs `work` at once, while the lock is still being taken. Until `held` has resolved it must write nothing, and
 * what it has read by then may have been removed since. `held` rejects, and the signal aborts, when there will be no lock.
 * @throws as `withLock`
 */
export async function withLockAhead<T>(
  repository: Repository,
  options: LockOptions,
  work: (signal: AbortSignal, held: Promise<void>) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  const taking = take(repository, options, { lost, ended: ended.signal });
  const held = taking.then(
    () => {},
    (error: unknown) => {
      lost.abort(error);
      throw error;
    },
  );
  held.catch(() => {});
  try {
    return await work(signal, held);
  } catch (error) {
    // Work that was stopped for want of a lock fails with that reason, not with what it led to.
    throw lost.signal.aborted ? lost.signal.reason : error;
  } finally {
    // Gives up a lock that is still being taken, too.
    ended.abort();
    const taken = await taking.catch(() => undefined);
    await taken?.refreshing;
    if (taken !== undefined) await removeQuietly(repository, taken.held.id);
  }
}

async function take(
  repository: Repository,
  options: LockOptions,
  { lost, ended }: { lost: AbortController; ended: AbortSignal },
): Promise<{ readonly held: { id: Id }; readonly refreshing: Promise<void> }> {
  const { exclusive, times = TIMES } = options;
  const held = { id: await acquire(repository, { ...options, signal: AbortSignal.any([options.signal, ended]) }) };
  return { held, refreshing: keepFresh({ repository, held, exclusive, times }, { lost, signal: ended }) };
}

/** Every lock in the repository, also stale ones and those that cannot be read. */
export async function listLocks(repository: Repository, { signal }: { signal: AbortSignal }): Promise<LockInfo[]> {
  const locks: LockInfo[] = [];
  for await (const file of repository.files("lock", { signal })) {
    const lock = await readLock(repository, file, TIMES, signal);
    if (lock !== undefined) locks.push(lock);
  }
  return locks;
}

/** Removes stale locks, or every lock. @returns how many were removed */
export async function removeLocks(
  repository: Repository,
  { all, signal }: { all: boolean; signal: AbortSignal },
): Promise<number> {
  let removed = 0;
  for await (const file of repository.files("lock", { signal })) {
    const { id } = file;
    const lock = all ? undefined : await readLock(repository, file, TIMES, signal);
    if (!all && lock?.stale !== true) continue;
    if (await removeLock(repository, id, signal)) removed++;
  }
  return removed;
}

/** Who may not even remove a lock removes no data either, so that its holder loses nothing by coming back. */
async function removePassedOver(repository: Repository, id: Id, signal: AbortSignal): Promise<void> {
  try {
    await removeLock(repository, id, signal);
  } catch (error) {
    if (!isHoldfastError(error) || error.kind !== "permission") throw error;
  }
}

/** False when its holder was faster. */
async function removeLock(repository: Repository, id: Id, signal: AbortSignal): Promise<boolean> {
  try {
    await repository.removeFile("lock", id, { signal });
    return true;
  } catch (error) {
    if (!isHoldfastError(error) || error.kind !== "not-found") throw error;
    return false;
  }
}

async function acquire(repository: Repository, options: LockOptions): Promise<Id> {
  const deadline = performance.now() + (options.retryMs ?? 0);
  let { wasFree = false } = options;
  for (let wait = RETRY_FIRST_MS; ; wait = Math.min(2 * wait, RETRY_MOST_MS)) {
    const attempt = await tryAcquire(repository, { ...options, wasFree });
    wasFree = false;
    if (typeof attempt === "string") return attempt;
    const left = deadline - performance.now();
    if (left <= 0) throw lockedBy(attempt);
    options.onWaiting?.(attempt);
    // Two that saw each other must not come back at the same moment.
    await systemClock.sleep(Math.min(wait * (0.75 + Math.random() / 2), left), options);
  }
}

/** The id of the new lock, or the lock that stands in the way. */
async function tryAcquire(
  repository: Repository,
  { exclusive, signal, times = TIMES, wasFree = false }: LockOptions,
): Promise<Id | LockInfo> {
  const before = wasFree ? undefined : await look(repository, { exclusive, times, own: [] }, signal);
  if (before?.conflict !== undefined) return before.conflict;
  const id = await writeLock(repository, { exclusive, times }, signal);
  try {
    // Looking again after writing is what excludes two at once: of two that write, the later one sees the earlier. It only
    // works once everybody sees what was written.
    const { settleMs } = repository.backend.capabilities;
    if (settleMs > 0) await systemClock.sleep(settleMs, { signal });
    const after = await look(repository, { exclusive, times, own: [id] }, signal);
    if (after.conflict === undefined) {
      // Their holders may come back: they must see that somebody was here. Ours stands, so none of them can be renewed unseen.
      if (exclusive) for (const stale of after.stale) await removePassedOver(repository, stale, signal);
      return id;
    }
    await removeQuietly(repository, id);
    return after.conflict;
  } catch (error) {
    await removeQuietly(repository, id);
    throw error;
  }
}

/** What a lock would meet; `own` is passed over. */
async function look(
  repository: Repository,
  { exclusive, times, own }: { exclusive: boolean; times: LockTimes; own: readonly Id[] },
  signal: AbortSignal,
): Promise<{ conflict: LockInfo | undefined; stale: readonly Id[] }> {
  const stale: Id[] = [];
  for await (const file of repository.files("lock", { signal })) {
    if (own.includes(file.id)) continue;
    const lock = await readLock(repository, file, times, signal);
    if (lock === undefined) continue;
    if (lock.stale) stale.push(lock.id);
    else if (exclusive || lock.exclusive) return { conflict: lock, stale };
  }
  return { conflict: undefined, stale };
}

type LockFileInfo = { readonly id: Id; readonly receivedAtMs?: number };

/** `undefined` for a lock that vanished meanwhile. One that is damaged may be anybody's, so it is taken for exclusive. */
async function readLock(
  repository: Repository,
  { id, receivedAtMs }: LockFileInfo,
  { staleMs }: LockTimes,
  signal: AbortSignal,
): Promise<LockInfo | undefined> {
  try {
    const lock = decodeLockFile(await repository.loadDocument("lock", id, { signal }));
    const { exclusive, hostname: host, username, pid, timeNs } = lock;
    const stale = isStale(lock, receivedAtMs, staleMs);
    return { id, exclusive, hostname: host, username, pid, timeNs, stale, readable: true };
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    if (error.kind === "not-found") return undefined;
    if (error.kind !== "corrupt") throw error;
    const unknown = { exclusive: true, hostname: "an unknown host", username: "an unknown user", pid: 0 };
    const timeNs = BigInt(Math.floor(receivedAtMs ?? Date.now())) * 1_000_000n;
    const stale = Date.now() - (receivedAtMs ?? Date.now()) > staleMs;
    return { id, ...unknown, timeNs, stale, readable: false };
  }
}

/**
 * The holder's clock may be wrong, so a lock is old only if the store has had it for that long as well, where the store knows.
 */
function isStale(lock: LockFile, receivedAtMs: number | undefined, staleMs: number): boolean {
  const lastSeenMs = Math.max(Number(lock.timeNs / 1_000_000n), receivedAtMs ?? 0);
  if (Date.now() - lastSeenMs > staleMs) return true;
  return lock.hostname === hostname() && !processExists(lock.pid);
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process answers with EPERM: it is alive.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/**
 * Stores a lock and returns its id. A save that was repeated for long has stored one that was old when it arrived, and stale for
 * others sooner than for us: then another takes its place.
 */
async function writeLock(
  repository: Repository,
  { exclusive, times }: Pick<Keeper, "exclusive" | "times">,
  signal: AbortSignal,
): Promise<Id> {
  for (;;) {
    const startedAt = Date.now();
    const { id, sealed } = repository.sealDocument(encodeLockFile(newLock(exclusive, startedAt)));
    try {
      await repository.backend.save({ type: "lock", name: id }, bytesSource(sealed), { signal });
    } catch (error) {
      // The outcome of a failed save may be unknown: a lock that is there all the same would stop others for half an hour.
      await removeQuietly(repository, id);
      throw error;
    }
    if (Date.now() - startedAt < times.refreshMs) return id;
    await removeQuietly(repository, id);
  }
}

function newLock(exclusive: boolean, atMs: number): LockFile {
  const user = userInfo();
  const timeNs = BigInt(atMs) * 1_000_000n;
  return {
    time: formatGoTime(timeNs),
    timeNs,
    exclusive,
    hostname: hostname(),
    username: user.username,
    pid: process.pid,
    uid: Math.max(0, user.uid),
    gid: Math.max(0, user.gid),
  };
}

/** Removes a lock even after the caller's signal was aborted, in bounded time. */
async function removeQuietly(repository: Repository, id: Id): Promise<void> {
  const signal = AbortSignal.timeout(REMOVE_MS);
  try {
    await repository.removeFile("lock", id, { signal, mayBeAbsent: true });
  } catch (error) {
    // Gone already is as good; anything else leaves a lock that turns stale by itself, and must not hide the run's result.
    if (!isHoldfastError(error) && !signal.aborted) throw error;
  }
}

/** A lock that is held. */
interface Keeper {
  readonly repository: Repository;
  /** Changes with each refresh. */
  readonly held: { id: Id };
  readonly exclusive: boolean;
  readonly times: LockTimes;
}

/** Replaces the lock every five minutes. */
async function keepFresh(
  keeper: Keeper,
  { lost, signal }: { lost: AbortController; signal: AbortSignal },
): Promise<void> {
  const { refreshMs, giveUpMs } = keeper.times;
  // The clock of the wall: unlike the monotonic one it goes on while the machine sleeps.
  let freshAt = Date.now();
  const leftMs = (): number => Math.max(1, freshAt + giveUpMs - Date.now());
  for (;;) {
    try {
      await sleep(Math.min(refreshMs, leftMs()), undefined, { signal, ref: false });
    } catch {
      return;
    }
    try {
      // A call that is repeated for hours must not hide that time is up.
      await refresh(keeper, AbortSignal.any([signal, AbortSignal.timeout(leftMs())]));
      freshAt = Date.now();
    } catch (error) {
      if (signal.aborted) return;
      if (isHoldfastError(error, "ENGINE_LOCK_LOST")) return lost.abort(error);
      if (leftMs() > 1) continue;
      const outcome = await recover(keeper, freshAt, signal);
      if (outcome === "ended") return;
      if (outcome !== "held") return lost.abort(outcome.lost);
      freshAt = Date.now();
    }
  }
}

/** Replaces the lock: the new one is written before the old one goes. @throws ENGINE_LOCK_LOST when the old one is not there */
async function refresh({ repository, held, exclusive, times }: Keeper, signal: AbortSignal): Promise<void> {
  const present = await repository.backend.stat({ type: "lock", name: held.id }, { signal });
  if (present === undefined) throw lockLost(0);
  const id = await writeLock(repository, { exclusive, times }, signal);
  const old = held.id;
  held.id = id;
  await removeQuietly(repository, old);
}

/**
 * Others may take the lock for stale by now. Holds back the work, and tries for as long as calls are repeated to find out
 * whether somebody did. The old lock is looked for after the new one was written: whoever takes an exclusive lock after that
 * meets the new one, and whoever did before has removed the old one, or still holds its own.
 */
async function recover(
  { repository, held, exclusive, times }: Keeper,
  freshAt: number,
  signal: AbortSignal,
): Promise<"held" | "ended" | { lost: Error }> {
  const lost = (): { lost: Error } => ({ lost: lockLost(Date.now() - freshAt) });
  const resume = exclusive ? undefined : repository.backend.pauseCalls?.();
  if (resume === undefined) return lost();
  try {
    const id = await writeLock(repository, { exclusive, times }, signal);
    const old = held.id;
    held.id = id;
    const { settleMs } = repository.backend.capabilities;
    if (settleMs > 0) await systemClock.sleep(settleMs, { signal });
    const { conflict } = await look(repository, { exclusive, times, own: [id, old] }, signal);
    const present = await repository.backend.stat({ type: "lock", name: old }, { signal });
    if (present !== undefined) await removeQuietly(repository, old);
    return conflict === undefined && present !== undefined ? "held" : lost();
  } catch {
    return signal.aborted ? "ended" : lost();
  } finally {
    // After whoever waits was told that the lock is lost.
    setImmediate(resume);
  }
}

function lockLost(silentMs: number): Error {
  return engineError("ENGINE_LOCK_LOST", { minutes: Math.round(silentMs / 60_000) });
}

function lockedBy(lock: LockInfo): Error {
  if (!lock.readable) return engineError("ENGINE_LOCK_UNREADABLE", { id: lock.id });
  return engineError("ENGINE_LOCKED", {
    mode: lock.exclusive ? "exclusively" : "by a running command",
    pid: lock.pid,
    host: lock.hostname,
    user: lock.username,
    since: formatGoTime(lock.timeNs),
  });
}
