/** The rules by which the newest snapshot of each hour, day, week, month or year stands for all of that period. */
import { spanText } from "./calendar-span.ts";
import { type Entry, shortId } from "./entry.ts";
import { type Period, periodNumber, periodText } from "./periods.ts";
import type { CalendarSpan, Count } from "./policy.ts";
import { type Finding, isFull, type Rule } from "./rule.ts";

/** The names of these rules in a policy, in restic's order. */
export const PERIOD_RULES = [
  { name: "hourly", within: "withinHourly", period: "hour" },
  { name: "daily", within: "withinDaily", period: "day" },
  { name: "weekly", within: "withinWeekly", period: "week" },
  { name: "monthly", within: "withinMonthly", period: "month" },
  { name: "yearly", within: "withinYearly", period: "year" },
] as const;

/**
 * The period that was seen last, and the snapshot that stands for it. Only the last one, as in restic: where snapshots of
 * different offsets follow each other, a period may come back and counts again.
 */
class PeriodMemory {
  readonly #period: Period;
  #number: number | undefined;
  #newest: Entry | undefined;

  constructor(period: Period) {
    this.#period = period;
  }

  /** The newer snapshot that stands for the period of this one. */
  newerThan({ local }: Entry): Entry | undefined {
    return periodNumber(this.#period, local) === this.#number ? this.#newest : undefined;
  }

  enter(entry: Entry): void {
    this.#number = periodNumber(this.#period, entry.local);
    this.#newest = entry;
  }
}

/** `keep-daily 7` and the like. */
export class CountRule implements Rule {
  readonly spareWithin: Period;
  readonly #name: string;
  readonly #period: Period;
  readonly #count: Count;
  readonly #memory: PeriodMemory;
  #kept = 0;

  constructor(name: string, period: Period, count: Count) {
    this.#name = name;
    this.#period = period;
    this.#count = count;
    this.#memory = new PeriodMemory(period);
    this.spareWithin = sparePeriod(period);
  }

  judge(entry: Entry): Finding {
    const rule = `keep-${this.#name} ${this.#count}`;
    if (isFull(this.#count, this.#kept)) return { matches: [], reason: `${rule}: as many ${this.#period}s are newer` };
    const newer = this.#memory.newerThan(entry);
    if (newer !== undefined) return displaced(rule, newer, periodText(this.#period, entry.local));
    this.#memory.enter(entry);
    this.#kept++;
    const text = `it is the newest of ${periodText(this.#period, entry.local)}`;
    const place = this.#count === "unlimited" ? "" : ` (${this.#period} ${this.#kept} of ${this.#count})`;
    return { matches: [`${this.#name} snapshot`], reason: `${rule}: ${text}${place}` };
  }

  oldest(): Finding | undefined {
    if (isFull(this.#count, this.#kept)) return undefined;
    const found = this.#count === "unlimited" ? "has no end" : `has found only ${this.#kept}`;
    return {
      matches: [`oldest ${this.#name} snapshot`],
      reason: `floor: it is the oldest, and keep-${this.#name} ${this.#count} ${found}`,
    };
  }
}

/** `keep-within-daily 1m` and the like. */
export class PeriodWithinRule implements Rule {
  readonly spareWithin: Period;
  readonly #name: string;
  readonly #period: Period;
  readonly #span: string;
  readonly #cutOff: bigint | undefined;
  readonly #memory: PeriodMemory;

  constructor(name: string, period: Period, span: CalendarSpan, cutOff: bigint | undefined) {
    this.#name = name;
    this.#period = period;
    this.#span = spanText(span);
    this.#cutOff = cutOff;
    this.#memory = new PeriodMemory(period);
    this.spareWithin = sparePeriod(period);
  }

  judge(entry: Entry): Finding {
    const rule = `keep-within-${this.#name} ${this.#span}`;
    if (!this.#isWithin(entry)) return { matches: [], reason: `${rule}: it lies further back from the newest` };
    const newer = this.#memory.newerThan(entry);
    if (newer !== undefined) return displaced(rule, newer, periodText(this.#period, entry.local));
    this.#memory.enter(entry);
    return {
      matches: [`${this.#name} within ${this.#span}`],
      reason: `${rule}: it is the newest of ${periodText(this.#period, entry.local)}`,
    };
  }

  oldest(entry: Entry): Finding | undefined {
    if (!this.#isWithin(entry)) return undefined;
    return {
      matches: [`oldest ${this.#name} within ${this.#span}`],
      reason: `floor: it is the oldest, and keep-within-${this.#name} ${this.#span} reaches further back`,
    };
  }

  #isWithin({ candidate: { timeNs } }: Entry): boolean {
    return this.#cutOff === undefined || timeNs > this.#cutOff;
  }
}

/** Spares are of the same day at most: of a week or a month, the day before would be no spare but a further snapshot. */
function sparePeriod(period: Period): Period {
  return period === "hour" ? "hour" : "day";
}

function displaced(rule: string, newer: Entry, period: string): Finding {
  return { matches: [], reason: `${rule}: ${shortId(newer.candidate)} is newer and stands for ${period}` };
}
