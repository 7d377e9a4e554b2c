/**
 * When a plan must not be carried out: it removes too much at once, a source has gone silent or holds almost nothing any more, or
 * the clock is in doubt.
 */
import { protectionError } from "../errors.ts";
import type { DecidedGroup, GroupOptions } from "./decide-group.ts";
import { arrivedMs, claimedMs } from "./entry.ts";
import type { RetentionPlan, RetentionStop, StopCode } from "./policy.ts";
import { shrunkenSources } from "./shrunken.ts";
import { unseenFor } from "./silence.ts";
import { counted, durationText } from "./words.ts";

/** The names of all stops. */
export const STOP_CODES: readonly StopCode[] = [
  "too-large-share",
  "too-many",
  "group-unseen",
  "shrunken",
  "clock-behind",
  "clock-ahead",
];

/** Every stop of a plan; none for a plan that removes nothing. */
export function findStops(groups: readonly DecidedGroup[], options: GroupOptions): RetentionStop[] {
  const { limits } = options;
  const removed = groups.reduce((sum, group) => sum + removedOf(group), 0);
  if (removed === 0) return [];
  const stops: RetentionStop[] = clockDoubts(groups, options);
  for (const group of groups.filter((each) => removedOf(each) > 0)) {
    stops.push(...shareStops(removedOf(group), group.trusted.length, { what: group.title, group: group.key, options }));
    stops.push(...unseenStops(group, options), ...shrunkenStops(group, options));
  }
  if (groups.length > 1) stops.push(...sharesTogether(groups, options));
  if (removed > limits.maxCount) {
    const explanation = `${counted(removed, "snapshot")} would go, more than ${limits.maxCount}`;
    stops.push({ code: "too-many", explanation });
  }
  return stops;
}

function removedOf({ verdicts }: DecidedGroup): number {
  return verdicts.reduce((count, { keep }) => count + (keep ? 0 : 1), 0);
}

interface ShareOptions {
  readonly what: string;
  readonly group: string | undefined;
  readonly options: GroupOptions;
}

/** Suspicious snapshots are not counted: by adding them, anybody could make every share small. */
function shareStops(
  removed: number,
  judged: number,
  { what, group, options: { limits } }: ShareOptions,
): RetentionStop[] {
  if (removed < (limits.shareFrom ?? 1) || removed <= judged * limits.maxShare) return [];
  // Not rounded to a whole number: 2.5 % is another limit than 3 %.
  const percent = Number((limits.maxShare * 100).toPrecision(9));
  const explanation = `${removed} of ${counted(judged, "snapshot")} of ${what} would go, more than ${percent} %`;
  return [{ code: "too-large-share", explanation, group }];
}

/**
 * The groups that lose the largest shares are judged together, as many of them as it takes. Were all groups counted, anybody could
 * make that share small by adding groups that lose nothing.
 */
function sharesTogether(groups: readonly DecidedGroup[], options: GroupOptions): RetentionStop[] {
  const shares = groups
    .map((group) => ({ removed: removedOf(group), judged: group.trusted.length }))
    .filter(({ removed }) => removed > 0)
    .sort((a, b) => b.removed * a.judged - a.removed * b.judged);
  let [removed, judged, count] = [0, 0, 0];
  for (const share of shares) {
    removed += share.removed;
    judged += share.judged;
    count++;
    const what = count === groups.length ? "all groups" : `${count} of ${counted(groups.length, "group")} together`;
    const stops = count < 2 ? [] : shareStops(removed, judged, { what, group: undefined, options });
    if (stops.length > 0) return stops;
  }
  return [];
}

function unseenStops({ key, title, trusted }: DecidedGroup, { limits, nowMs }: GroupOptions): RetentionStop[] {
  if ((limits.unseenPeriods ?? 0) === 0) return [];
  const { silentMs, usualMs } = unseenFor(
    trusted.map(({ candidate }) => claimedMs(candidate)),
    nowMs,
  );
  if (usualMs === undefined || silentMs <= usualMs * (limits.unseenPeriods ?? 0)) return [];
  const explanation =
    `there is no new snapshot of ${title} since ${durationText(silentMs)}, ` +
    `and lately there was one at least every ${durationText(usualMs)}`;
  return [{ code: "group-unseen", explanation, group: key }];
}

function shrunkenStops({ key, title, trusted }: DecidedGroup, { limits }: GroupOptions): RetentionStop[] {
  const { maxShrink, sizesFromMs } = limits;
  if (maxShrink === undefined) return [];
  return shrunkenSources(trusted, { title, maxShrink, sizesFromMs }).map((explanation) => ({
    code: "shrunken",
    explanation,
    group: key,
  }));
}

/** Why the clock cannot be trusted, compared with when snapshots arrived. */
export function clockDoubts(groups: readonly DecidedGroup[], { limits, nowMs, times }: GroupOptions): RetentionStop[] {
  const known = groups.flatMap(({ received }) => received);
  const arrivals =
    known.length > 0 ? known : groups.flatMap(({ trusted }) => trusted.map((each) => arrivedMs(each.candidate)));
  if (arrivals.length === 0 || times === "believed") return [];
  const newest = arrivals.reduce((a, b) => Math.max(a, b));
  if (limits.maxSkewMs !== undefined && newest - nowMs > limits.maxSkewMs) {
    const explanation = `the newest snapshot arrived ${durationText(newest - nowMs)} from now, so this clock is behind or the store's is ahead`;
    return [{ code: "clock-behind", explanation }];
  }
  if (limits.maxSilenceMs !== undefined && nowMs - newest > limits.maxSilenceMs) {
    const explanation = `the newest snapshot of all arrived ${durationText(nowMs - newest)} ago, so either this clock is ahead or backups have stopped`;
    return [{ code: "clock-ahead", explanation }];
  }
  return [];
}

/**
 * What may be removed, once a person has allowed some stops by name.
 * @param allowed names of stops
 * @returns the ids to remove, and the stops that are left. A stop of one group spares that group, any other stops everything
 * @throws PROTECTION_RETENTION_STOP for a name that is none
 */
export function applyStops(
  { groups, stops }: RetentionPlan,
  allowed: readonly string[],
): { readonly remove: string[]; readonly stops: readonly RetentionStop[] } {
  const unknown = allowed.find((name) => !STOP_CODES.some((code) => code === name));
  if (unknown !== undefined) {
    throw protectionError("PROTECTION_RETENTION_STOP", { name: unknown, names: STOP_CODES });
  }
  const left = stops.filter(({ code }) => !allowed.includes(code));
  if (left.some(({ group }) => group === undefined)) return { remove: [], stops: left };
  const spared = new Set(left.map(({ group }) => group));
  const remove = groups
    .filter(({ key }) => !spared.has(key))
    .flatMap(({ verdicts }) => verdicts.filter(({ keep }) => !keep).map(({ id }) => id));
  return { remove, stops: left };
}
