/** Invents histories of snapshots and policies for them, as far apart as real ones may be. The same seed gives the same ones. */
import type { RetentionTexts } from "@holdfast/protection";

const SECOND = 1_000_000_000n;
const HOUR = 3600;
const DAY = 24 * HOUR;

/** A snapshot as it will be stored. */
export interface InventedSnapshot {
  readonly time: string;
  readonly hostname: string;
  readonly paths: readonly string[];
  readonly tags: readonly string[];
}

/** How restic is asked, and the same for Holdfast. */
export interface InventedPolicy {
  readonly texts: RetentionTexts;
  readonly grouping: readonly ("host" | "paths" | "tags")[];
}

/** Numbers that look random and are the same for the same seed (T. Ettinger, "mulberry32"). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  pick<T>(all: readonly T[]): T {
    return all[this.between(0, all.length - 1)] as T;
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }
}

/** Zones whose clocks change by an hour, by half an hour, not at all, or whose offsets are odd. */
const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"];
const PATHS = [["/home"], ["/home", "/etc"], ["/etc", "/home"], ["/"], ["/a,b"], ["/a", "b"]];
const TAGS = [[], [], ["a"], ["b", "a"], ["a", "b"], ["keep"], ["a", "keep"], [""]];

/** The snapshots of one host, and now and then of a second path or tag. @param used the instants that are taken already */
export function inventHistory(
  chance: Chance,
  { hostname, used, nowMs }: { hostname: string; used: Set<bigint>; nowMs: number },
): InventedSnapshot[] {
  const zone = chance.pick(ZONES);
  const strays = chance.happens(0.2);
  const paths = chance.pick(PATHS);
  const tags = chance.happens(0.6) ? [] : undefined;
  const snapshots: InventedSnapshot[] = [];
  // An hour ago, so that nothing moves from the future to the past between the runs of the two programs.
  for (const seconds of instants(chance, Math.floor(nowMs / 1000) - HOUR)) {
    let timeNs = BigInt(seconds) * SECOND + (chance.happens(0.7) ? BigInt(chance.between(0, 999_999_999)) : 0n);
    // Which of two snapshots of one instant comes first is left to chance by restic.
    while (used.has(timeNs)) timeNs += 1n;
    used.add(timeNs);
    const ownZone = strays && chance.happens(0.3) ? chance.pick(ZONES) : zone;
    snapshots.push({
      time: timeText(timeNs, ownZone),
      hostname,
      paths: chance.happens(0.1) ? chance.pick(PATHS) : paths,
      tags: tags ?? chance.pick(TAGS),
    });
  }
  return snapshots;
}

/** Seconds since 1970. */
function instants(chance: Chance, now: number): number[] {
  const end = chance.happens(0.8) ? now - chance.between(0, 90 * DAY) : chance.between(-20 * 365 * DAY, now);
  const count = chance.between(1, 30);
  const found: number[] = [];
  switch (chance.between(0, 4)) {
    case 0: {
      // A schedule, with the time that a run takes, and days on which it did not run.
      const step = chance.pick([HOUR / 4, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY]);
      const jitter = chance.pick([0, 60, step / 4]);
      for (let n = 0; n < count; n++) {
        if (chance.happens(0.9)) found.push(end - n * step - Math.floor(chance.next() * jitter));
      }
      break;
    }
    case 1: // No schedule.
      for (let n = 0; n < count; n++) found.push(end - chance.between(0, chance.pick([DAY, 60 * DAY, 1500 * DAY])));
      break;
    case 2: // Round a change of the clocks in Europe, America or Australia.
      for (let n = 0; n < count; n++) {
        const change = chance.pick([1_774_746_000, 1_761_440_400, 1_772_953_200, 1_762_063_200, 1_775_314_800]);
        found.push(change + chance.between(-4, 4) * chance.pick([HOUR, HOUR / 2, 60]) + chance.between(-1, 1));
      }
      break;
    case 3: // Where days, weeks, months and years meet, in UTC.
      for (let n = 0; n < count; n++) {
        const [year, month] = [chance.between(2019, 2026), chance.between(0, 11)];
        const border = Date.UTC(year, month, chance.pick([1, 1, 29, 30, 31, chance.between(1, 28)])) / 1000;
        found.push(Math.min(border, now) + chance.between(-1, 1) - chance.pick([0, 0, HOUR, 12 * HOUR]));
      }
      break;
    default: {
      // A long pause, then some more.
      const pause = chance.between(20, 400) * DAY;
      for (let n = 0; n < count; n++) found.push(end - n * DAY - (n > count / 3 ? pause : 0));
    }
  }
  // Far enough ahead to stay in the future, however long the test runs.
  if (chance.happens(0.1)) for (let n = chance.between(1, 8); n > 0; n--) found.push(now + n * DAY);
  return found;
}

/** The instant as a machine in that zone writes it. */
function timeText(timeNs: bigint, zone: string): string {
  const offset = new Temporal.ZonedDateTime(timeNs, zone).offset;
  const offsetNs = BigInt(new Temporal.ZonedDateTime(timeNs, zone).offsetNanoseconds);
  const local = new Temporal.ZonedDateTime(timeNs + offsetNs, "UTC").toPlainDateTime().toString();
  return `${local}${offset === "+00:00" ? "Z" : offset}`;
}

/**
 * A policy of one or several rules.
 * @param keepsAny whether it must keep some of each group; newer versions of restic refuse to remove all
 */
export function inventPolicy(chance: Chance, { keepsAny }: { readonly keepsAny: boolean }): InventedPolicy {
  const counts = ["0", "1", "2", "3", "5", "8", "14", "unlimited"];
  const spans = [
    "1h",
    "12h",
    "1d",
    "2d",
    "7d",
    "14d",
    "30d",
    "1m",
    "1m1d",
    "3m",
    "6m15d6h",
    "1y",
    "1y5m7d2h",
    "2y",
    "40y",
  ];
  const texts: Record<string, string | string[]> = {};
  const maybe = (probability: number, name: string, values: readonly string[]): void => {
    if (chance.happens(probability)) texts[name] = chance.pick(values);
  };
  const density = chance.pick([0.1, 0.3, 0.6]);
  for (const period of ["last", "hourly", "daily", "weekly", "monthly", "yearly"])
    maybe(density, `keep-${period}`, counts);
  for (const period of ["", "-hourly", "-daily", "-weekly", "-monthly", "-yearly"]) {
    maybe(density / 2, `keep-within${period}`, spans);
  }
  const lists = ["a", "keep", "a,b", "b, a", "a,keep", ""];
  if (chance.happens(0.2)) texts["keep-tag"] = Array.from({ length: chance.between(1, 2) }, () => chance.pick(lists));
  const counting = Object.entries(texts).filter(([name, value]) => value !== "0" && (name !== "keep-tag" || !keepsAny));
  if (counting.length === 0) texts["keep-daily"] = String(chance.between(1, 10));
  const grouping = chance.pick([
    ["host", "paths"],
    ["host", "paths"],
    ["host"],
    ["host", "tags"],
    ["host", "paths", "tags"],
  ] as const);
  return { texts, grouping };
}
