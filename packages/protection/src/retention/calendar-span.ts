/** restic's durations, such as `1y5m7d2h`: their text, and the instant that lies one before another. */
import type { CalendarSpan } from "./policy.ts";
import { fractionNs, type LocalTime, type Zone } from "./zone.ts";

const NS_PER_SECOND = 1_000_000_000n;
const DAY_MS = 86_400_000;
const HOUR = 3600;
/** Before every time that a snapshot can have. */
const BEGINNING = -(1n << 100n);

/** True when nothing is in it. */
export function isEmptySpan({ years, months, days, hours }: CalendarSpan): boolean {
  return years === 0 && months === 0 && days === 0 && hours === 0;
}

/** As restic writes it: without the units that are zero. */
export function spanText({ years, months, days, hours }: CalendarSpan): string {
  const part = (value: number, unit: string): string => (value === 0 ? "" : `${value}${unit}`);
  return part(years, "y") + part(months, "m") + part(days, "d") + part(hours, "h");
}

/**
 * The instant that lies a span before another one, in nanoseconds since 1970. The date goes back by the calendar, at the
 * same time of day, then the hours by elapsed time. A day that its month does not have counts on into the next month, as in
 * Go: 31 March less a month is 3 March. Where the zone's clock was changed, see `Zone.instantOf`.
 * @param local the wall clock at `timeNs`
 */
export function instantBefore(timeNs: bigint, local: LocalTime, span: CalendarSpan, zone: Zone): bigint {
  const date = new Date(local.days * DAY_MS);
  date.setUTCFullYear(
    date.getUTCFullYear() - span.years,
    date.getUTCMonth() - span.months,
    date.getUTCDate() - span.days,
  );
  if (Number.isNaN(date.getTime())) return BEGINNING;
  const seconds = zone.instantOf({ ...local, days: date.getTime() / DAY_MS }, timeNs) - span.hours * HOUR;
  return BigInt(seconds) * NS_PER_SECOND + fractionNs(timeNs);
}
