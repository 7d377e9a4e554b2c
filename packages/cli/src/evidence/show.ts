/** What is known of a snapshot, for people and for programs. */
import type { Standing } from "@holdfast/engine";
import { formatInstant, formatLocalTime } from "../output/units.ts";

/** Only what is known: a snapshot at which nobody has looked has none of these fields. */
export function standingJson({ isIncomplete, provenAtMs, damagedAtMs }: Standing): Record<string, unknown> {
  return {
    ...(isIncomplete ? { complete: false } : {}),
    ...(provenAtMs === undefined ? {} : { verified_at: timeOf(provenAtMs) }),
    ...(damagedAtMs === undefined ? {} : { damaged_at: timeOf(damagedAtMs) }),
  };
}

/** `incomplete, verified 2026-11-02`; the days are left out where room is short. Empty when nothing is known. */
export function standingText(
  { isIncomplete, provenAtMs, damagedAtMs }: Standing,
  { isCompact }: { readonly isCompact: boolean },
): string {
  const dated = (word: string, ms: number): string => (isCompact ? word : `${word} ${dayOf(ms)}`);
  return [
    ...(isIncomplete ? ["incomplete"] : []),
    ...(provenAtMs === undefined ? [] : [dated("verified", provenAtMs)]),
    ...(damagedAtMs === undefined ? [] : [dated("damaged", damagedAtMs)]),
  ].join(", ");
}

function timeOf(ms: number): string {
  return formatInstant(nanoseconds(ms));
}

function dayOf(ms: number): string {
  return formatLocalTime(nanoseconds(ms)).slice(0, "2026-11-02".length);
}

/** The store's times may have fractions of a millisecond. */
function nanoseconds(ms: number): bigint {
  return BigInt(Math.floor(ms)) * 1_000_000n;
}
