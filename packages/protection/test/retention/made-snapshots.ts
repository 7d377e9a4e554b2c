/** Makes snapshots and asks what becomes of them, for the tests of retention. */
import type { Candidate, RetentionOptions, RetentionPlan, RetentionRules } from "../../src/retention/policy.ts";
import { DEFAULT_FLOORS, DEFAULT_LIMITS, NO_FLOORS, NO_LIMITS } from "../../src/retention/policy.ts";
import { planRetention } from "../../src/retention/decide.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const NS_PER_MS = 1_000_000n;
/** How long the backups of these tests take. */
const RUN_MS = 10 * 60_000;

/**
 * A snapshot of the host `h`, path `/a`, that arrived ten minutes after its time.
 * @param time RFC 3339; its offset is kept
 */
export function snapshot(id: string, time: string, more: Partial<Candidate> = {}): Candidate {
  const ms = Date.parse(time);
  if (Number.isNaN(ms)) throw new Error(`'${time}' is no time`);
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(time) ?? [];
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60;
  return {
    id,
    timeNs: BigInt(ms) * NS_PER_MS,
    offsetSeconds: sign === "-" ? -offset : offset,
    receivedAtMs: ms + RUN_MS,
    hostname: "h",
    paths: ["/a"],
    tags: [],
    holds: [],
    ...more,
  };
}

/** One snapshot a day, up to and with the day of `newest`. Ids are `name` and the date. */
export function daily(name: string, count: number, newest: string, more: Partial<Candidate> = {}): Candidate[] {
  return Array.from({ length: count }, (_, n) => {
    const time = new Date(Date.parse(newest) - (count - 1 - n) * DAY_MS).toISOString();
    return snapshot(`${name} ${time.slice(0, 10)}`, time, more);
  });
}

type Asked = Partial<RetentionOptions> & { readonly rules: RetentionRules; readonly now: string };

/** Holdfast's answer, with everything that it does unless told otherwise. */
export function planByDefault(candidates: readonly Candidate[], { now, ...options }: Asked): RetentionPlan {
  return planRetention(candidates, {
    floors: DEFAULT_FLOORS,
    limits: DEFAULT_LIMITS,
    grouping: ["host", "paths"],
    zone: "snapshot",
    nowMs: Date.parse(now),
    ...options,
  });
}

/** What restic 0.14 does. */
export function planAsRestic(candidates: readonly Candidate[], asked: Asked): RetentionPlan {
  return planByDefault(candidates, { floors: NO_FLOORS, limits: NO_LIMITS, times: "believed", ...asked });
}

/** The ids that are kept, in the order of their names. */
export function kept(plan: RetentionPlan): string[] {
  return plan.groups.flatMap(({ verdicts }) => verdicts.filter(({ keep }) => keep).map(({ id }) => id)).sort();
}

/** The ids that are removed, in the order of their names. */
export function removed(plan: RetentionPlan): string[] {
  return plan.groups.flatMap(({ verdicts }) => verdicts.filter(({ keep }) => !keep).map(({ id }) => id)).sort();
}
