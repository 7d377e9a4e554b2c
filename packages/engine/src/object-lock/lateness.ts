/** Whether the job that extends locks is late. It is the one on which it depends that locks hold, so its absence is an alarm. */
import type { Repository } from "../repository/repository.ts";
import { type LockRun, ranAtMs } from "./lock-runs.ts";

const DAY_MS = 86_400_000;
/** How often the job is meant to run, unless it is told otherwise. */
export const DEFAULT_EVERY_MS = DAY_MS;
/** The least that a lock must have left after a run. */
const MIN_MARGIN_MS = 7 * DAY_MS;
/** A run in the future of the clock that judges it says nothing. */
const TOLERANCE_MS = 5 * 60_000;

/** What a lock must have left when a run ends: enough for one that fails, and for somebody to notice. */
export function marginMs(everyMs: number): number {
  return Math.max(2 * everyMs, MIN_MARGIN_MS);
}

/** How the job stands. Times are milliseconds since 1970. */
export interface JobStanding {
  readonly lastRun: LockRun | undefined;
  /** The last one that left nothing unlocked. */
  readonly lastGoodMs: number | undefined;
  /** When the job becomes late, or became it. */
  readonly lateFromMs: number;
  readonly isLate: boolean;
}

interface JudgeOptions {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** How old the last good run may be. Default: twice the time after which it was meant to come again. */
  readonly lateAfterMs?: number | undefined;
  /**
   * Until when the lock of `config` lasts, which was stored first: where no run was ever, it is late when that has less than the
   * margin left. `undefined` where it has none.
   */
  readonly firstLockMs: number | undefined;
}

/** @param runs the last one first */
export function judgeJob(runs: readonly LockRun[], { nowMs, lateAfterMs, firstLockMs }: JudgeOptions): JobStanding {
  const past = runs.filter((run) => ranAtMs(run) <= nowMs + TOLERANCE_MS);
  const good = past.find(({ failed }) => failed === 0);
  const lastRun = past[0];
  if (good === undefined) {
    const lateFromMs = firstLockMs === undefined ? nowMs : firstLockMs - marginMs(DEFAULT_EVERY_MS);
    return { lastRun, lastGoodMs: undefined, lateFromMs, isLate: nowMs >= lateFromMs };
  }
  const lastGoodMs = ranAtMs(good);
  const lateFromMs = lastGoodMs + (lateAfterMs ?? 2 * good.everyMs);
  return { lastRun, lastGoodMs, lateFromMs, isLate: nowMs >= lateFromMs };
}

/** By when the job is to run next. */
export interface ProtectionDue {
  /** Milliseconds since 1970. A lock that ends before will not hold. */
  readonly atMs: number;
}

/** As often as it is meant to run after its last good run; where there was none, as late as the first locks allow. */
export function protectionDue({ lastRun, lastGoodMs, lateFromMs }: JobStanding, nowMs: number): ProtectionDue {
  if (lastRun === undefined || lastGoodMs === undefined) return { atMs: Math.max(nowMs, lateFromMs) };
  return { atMs: lastGoodMs + lastRun.everyMs };
}

/** Until when `config` is locked, and the store's time, for `judgeJob`. @throws what the backend throws */
export async function firstLock(
  { backend }: Repository,
  { signal }: { readonly signal: AbortSignal },
): Promise<{ readonly untilMs: number | undefined; readonly nowMs: number }> {
  const info = await backend.stat({ type: "config", name: "" }, { signal });
  return { untilMs: info?.retainedUntilMs, nowMs: info?.storeTimeMs ?? Date.now() };
}
