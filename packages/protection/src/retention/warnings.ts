/** What a person should look at: snapshots that may be there to push others out. */
import { type Entry, shortId } from "./entry.ts";
import type { RetentionWarning } from "./policy.ts";
import { isLate } from "./trust.ts";
import { counted, some } from "./words.ts";

interface NamedGroup {
  readonly key: string;
  readonly title: string;
}

/** Snapshots that claim a time that cannot be. */
export function impossibleTimes(
  { key, title }: NamedGroup,
  suspicious: ReadonlyMap<Entry, string>,
): RetentionWarning[] {
  if (suspicious.size === 0) return [];
  const candidates = [...suspicious.keys()].map(({ candidate }) => candidate);
  const explanation =
    `${counted(candidates.length, "snapshot")} of ${title} cannot be from when they say (${some(candidates.map(shortId))}). ` +
    "They push out no other and are kept. Find out who made them, then forget them by their ids.";
  return [{ code: "impossible-time", explanation, group: key, snapshots: candidates.map(({ id }) => id) }];
}

interface LateOptions {
  readonly trusted: readonly Entry[];
  /** What is kept only because others are trusted less. */
  readonly displaced: readonly Entry[];
}

/** Snapshots that arrived late, and would have pushed out others that were there at the time. */
export function lateArrivals({ key, title }: NamedGroup, { trusted, displaced }: LateOptions): RetentionWarning[] {
  const saved = displaced.filter((entry) => !isLate(entry));
  const late = trusted.filter(isLate).map(({ candidate }) => candidate);
  if (saved.length === 0 || late.length === 0) return [];
  const explanation =
    `${counted(late.length, "snapshot")} of ${title} arrived more than a day after the time that they name ` +
    `(${some(late.map(shortId))}). They push out none that arrived in time: ${counted(saved.length, "snapshot")} ` +
    "would have gone. That is right after copying, tagging or rewriting; else find out who made them.";
  return [{ code: "late-arrival", explanation, group: key, snapshots: late.map(({ id }) => id) }];
}
