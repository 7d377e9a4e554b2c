/**
 * Locks with restic's meaning, so that both programs respect each other: any number of shared locks, or one exclusive lock
 * alone. A lock is refreshed while its holder works; one that nobody refreshed for 30 minutes, or whose process on this host
 * is gone, is stale and counts for nothing. A lock file that cannot be read stands in the way as well, until it is stale.
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

const STALE_MS = 30 * 60_000;
const REFRESH_MS = 5 * 60_000;
/** Without a refresh for this long the run stops before others could take its lock for stale. */
const GIVE_UP_MS = STALE_MS - 2 * REFRESH_MS;
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
  /** Called before each wait. */
  readonly onWaiting?: (holder: LockInfo) => void;
}

/**
 * Takes a lock, runs `work`, and removes the lock whatever happens. The signal given to `work` aborts when the caller's does
 * and when the lock is lost.
 * @throws ENGINE_LOCKED, ENGINE_LOCK_UNREADABLE, ENGINE_LOCK_LOST, and what `work` throws
 */
export async function withLock<T>(
  repository: Repository,
  options: LockOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const held = { id: await acquire(repository, options) };
  const lost = new AbortController();
  const ended = new AbortController();
  const refreshing = keepFresh(repository, held, options.exclusive, { lost, signal: ended.signal });
  try {
    return await work(AbortSignal.any([options.signal, lost.signal]));
  } catch (error) {
    // Work that was stopped for a lost lock fails with that reason, not with what it led to.
    throw lost.signal.aborted ? lost.signal.reason : error;
  } finally {
    ended.abort();
    await refreshing;
    await removeQuietly(repository, held.id);
  }
}

/** Every lock in the repository, also stale ones and those that cannot be read. */
export async function listLocks(repository: Repository, { signal }: { signal: AbortSignal }): Promise<LockInfo[]> {
  const locks: LockInfo[] = [];
  for await (const file of repository.files("lock", { signal })) {
    const lock = await readLock(repository, file, signal);
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
    const lock = all ? undefined : await readLock(repository, file, signal);
    if (!all && lock?.stale !== true) continue;
    try {
      await repository.removeFile("lock", id, { signal });
      removed++;
    } catch (error) {
      // Its holder was faster.
      if (!isHoldfastError(error) || error.kind !== "not-found") throw error;
    }
  }
  return removed;
}

async function acquire(repository: Repository, options: LockOptions): Promise<Id> {
  const deadline = performance.now() + (options.retryMs ?? 0);
  for (let wait = RETRY_FIRST_MS; ; wait = Math.min(2 * wait, RETRY_MOST_MS)) {
    const attempt = await tryAcquire(repository, options);
    if (typeof attempt === "string") return attempt;
    const left = deadline - performance.now();
    if (left <= 0) throw lockedBy(attempt);
    options.onWaiting?.(attempt);
    // Two that saw each other must not come back at the same moment.
    await systemClock.sleep(Math.min(wait * (0.75 + Math.random() / 2), left), options);
  }
}

/** The id of the new lock, or the lock that stands in the way. */
async function tryAcquire(repository: Repository, { exclusive, signal }: LockOptions): Promise<Id | LockInfo> {
  const before = await conflict(repository, exclusive, undefined, signal);
  if (before !== undefined) return before;
  const id = await writeLock(repository, exclusive, signal);
  try {
    // Looking again after writing is what excludes two at once: of two that write, the later one sees the earlier. It only
    // works once everybody sees what was written.
    const { settleMs } = repository.backend.capabilities;
    if (settleMs > 0) await systemClock.sleep(settleMs, { signal });
    const after = await conflict(repository, exclusive, id, signal);
    if (after === undefined) return id;
    await removeQuietly(repository, id);
    return after;
  } catch (error) {
    await removeQuietly(repository, id);
    throw error;
  }
}

async function conflict(
  repository: Repository,
  exclusive: boolean,
  own: Id | undefined,
  signal: AbortSignal,
): Promise<LockInfo | undefined> {
  for await (const file of repository.files("lock", { signal })) {
    if (file.id === own) continue;
    const lock = await readLock(repository, file, signal);
    if (lock !== undefined && !lock.stale && (exclusive || lock.exclusive)) return lock;
  }
  return undefined;
}

type LockFileInfo = { readonly id: Id; readonly receivedAtMs?: number };

/** `undefined` for a lock that vanished meanwhile. One that is damaged may be anybody's, so it is taken for exclusive. */
async function readLock(
  repository: Repository,
  { id, receivedAtMs }: LockFileInfo,
  signal: AbortSignal,
): Promise<LockInfo | undefined> {
  try {
    const lock = decodeLockFile(await repository.loadDocument("lock", id, { signal }));
    const { exclusive, hostname: host, username, pid, timeNs } = lock;
    return { id, exclusive, hostname: host, username, pid, timeNs, stale: isStale(lock, receivedAtMs), readable: true };
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    if (error.kind === "not-found") return undefined;
    if (error.kind !== "corrupt") throw error;
    const unknown = { exclusive: true, hostname: "an unknown host", username: "an unknown user", pid: 0 };
    const timeNs = BigInt(Math.floor(receivedAtMs ?? Date.now())) * 1_000_000n;
    const stale = Date.now() - (receivedAtMs ?? Date.now()) > STALE_MS;
    return { id, ...unknown, timeNs, stale, readable: false };
  }
}

/**
 * The holder's clock may be wrong, so a lock is old only if the store has had it for that long as well, where the store knows.
 */
function isStale(lock: LockFile, receivedAtMs: number | undefined): boolean {
  const lastSeenMs = Math.max(Number(lock.timeNs / 1_000_000n), receivedAtMs ?? 0);
  if (Date.now() - lastSeenMs > STALE_MS) return true;
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

async function writeLock(repository: Repository, exclusive: boolean, signal: AbortSignal): Promise<Id> {
  const user = userInfo();
  const timeNs = BigInt(Date.now()) * 1_000_000n;
  const lock: LockFile = {
    time: formatGoTime(timeNs),
    timeNs,
    exclusive,
    hostname: hostname(),
    username: user.username,
    pid: process.pid,
    uid: Math.max(0, user.uid),
    gid: Math.max(0, user.gid),
  };
  const { id, sealed } = repository.sealDocument(encodeLockFile(lock));
  try {
    await repository.backend.save({ type: "lock", name: id }, bytesSource(sealed), { signal });
  } catch (error) {
    // The outcome of a failed save may be unknown: a lock that is there all the same would stop others for half an hour.
    await removeQuietly(repository, id);
    throw error;
  }
  return id;
}

/** Removes a lock even after the caller's signal was aborted, in bounded time. */
async function removeQuietly(repository: Repository, id: Id): Promise<void> {
  const signal = AbortSignal.timeout(REMOVE_MS);
  try {
    await repository.removeFile("lock", id, { signal });
  } catch (error) {
    // Gone already is as good; anything else leaves a lock that turns stale by itself, and must not hide the run's result.
    if (!isHoldfastError(error) && !signal.aborted) throw error;
  }
}

/** Replaces the lock every five minutes: the new one is written before the old one goes. */
async function keepFresh(
  repository: Repository,
  held: { id: Id },
  exclusive: boolean,
  { lost, signal }: { lost: AbortController; signal: AbortSignal },
): Promise<void> {
  // The clock of the wall: unlike the monotonic one it goes on while the machine sleeps.
  let freshAt = Date.now();
  for (;;) {
    try {
      await sleep(REFRESH_MS, undefined, { signal, ref: false });
    } catch {
      return;
    }
    try {
      const present = await repository.backend.stat({ type: "lock", name: held.id }, { signal });
      if (present === undefined) return lost.abort(lockLost(0));
      const id = await writeLock(repository, exclusive, signal);
      const old = held.id;
      held.id = id;
      await removeQuietly(repository, old);
      freshAt = Date.now();
    } catch {
      if (signal.aborted) return;
      const silentMs = Date.now() - freshAt;
      if (silentMs > GIVE_UP_MS) return lost.abort(lockLost(silentMs));
    }
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
