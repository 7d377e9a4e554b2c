/**
 * How far the time that a snapshot claims can be believed. Whoever can add snapshots can claim any time, but not choose when
 * they arrive; so a snapshot gives way only to snapshots that are at least as trustworthy as itself.
 */
import { arrivedMs, claimedMs, type Entry, instantText } from "./entry.ts";
import type { Zone } from "./zone.ts";

/** Clocks that are this far apart are taken to agree. */
const TOLERANCE_MS = 5 * 60_000;
/** A snapshot is written when its backup ends, which may take long; later than this, its time may be invented. */
const LATE_AFTER_MS = 24 * 3_600_000;

/** Why a claimed time cannot be true, in plain words; `undefined` when it can. */
export function suspicionOf(entry: Entry, { nowMs, zone }: { nowMs: number; zone: Zone }): string | undefined {
  const { candidate, local } = entry;
  const claimed = claimedMs(candidate);
  if (claimed > arrivedMs(candidate) + TOLERANCE_MS) {
    const arrived = instantText(arrivedMs(candidate), { zone, ownOffset: local.offsetSeconds });
    return `suspicious: it arrived on ${arrived}, before the time that it claims`;
  }
  return claimed > nowMs + TOLERANCE_MS ? "suspicious: it claims a time that is still to come" : undefined;
}

/** Whether it arrived long after the time that it claims: copied, changed later, or invented. */
export function isLate({ candidate }: Entry): boolean {
  return arrivedMs(candidate) - claimedMs(candidate) > LATE_AFTER_MS;
}

/** Bits that each say something for a snapshot. */
const ON_TIME = 1;
const COMPLETE = 2;

/** What speaks for a snapshot, as bits: 0 is least, and one set of bits is above another when it has all of that. */
export function trust(entry: Entry): number {
  return (isLate(entry) ? 0 : ON_TIME) | (entry.candidate.complete === false ? 0 : COMPLETE);
}

/** Whether all that speaks for the second speaks for the first. */
export function isTrustedLike(trusted: number, other: number): boolean {
  return (trusted & other) === other;
}
