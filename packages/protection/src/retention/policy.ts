/** The words of retention: what a policy says, what it is asked about, and what it answers. Pure data, no I/O. */
import type { SnapshotGrouping } from "@holdfast/engine";

/** How many snapshots a rule keeps; `unlimited` is restic's -1. 0 is the same as no rule. */
export type Count = number | "unlimited";

/** restic's duration `1y5m7d2h`. Years, months and days go by the calendar, hours by elapsed time. All zero is no rule. */
export interface CalendarSpan {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/**
 * restic's rules. A snapshot is kept when any of them keeps it. Each counts on its own, and in each period the newest
 * snapshot stands for the period. `within…` is measured from the newest snapshot of the group.
 */
export interface RetentionRules {
  readonly last?: Count | undefined;
  readonly hourly?: Count | undefined;
  readonly daily?: Count | undefined;
  readonly weekly?: Count | undefined;
  readonly monthly?: Count | undefined;
  readonly yearly?: Count | undefined;
  readonly within?: CalendarSpan | undefined;
  readonly withinHourly?: CalendarSpan | undefined;
  readonly withinDaily?: CalendarSpan | undefined;
  readonly withinWeekly?: CalendarSpan | undefined;
  readonly withinMonthly?: CalendarSpan | undefined;
  readonly withinYearly?: CalendarSpan | undefined;
  /** Keeps snapshots that have all tags of any of these lists; the tag "" stands for "no tags at all". */
  readonly tags?: readonly (readonly string[])[] | undefined;
}

/** What is kept whatever the rules say, in each group. Pinned and held snapshots are kept in any case. */
export interface SafetyFloors {
  /** The newest so many that are complete. */
  readonly atLeast: number;
  /** Snapshots that arrived, or were taken, less than this long ago. */
  readonly minAgeMs: number;
  /** The oldest, while a rule has found fewer snapshots than it may keep: as restic does since 0.16. */
  readonly oldestWhileUnfilled: boolean;
  /** The newest that a restore or check has proven. */
  readonly newestVerified: boolean;
  /** The newest of all; true when not given. */
  readonly newest?: boolean | undefined;
  /**
   * How many more of the same day (of the same hour, for hourly rules) are kept beside each snapshot that a rule of the
   * calendar keeps. Nobody who adds that many snapshots a day can take the place of the real ones. 0 when not given.
   */
  readonly spares?: number | undefined;
}

/** When a plan must not be carried out unless somebody says so, by the name of the stop. */
export interface StopLimits {
  /** Largest share of a group, or of all snapshots, that may go at once: 0 to 1. */
  readonly maxShare: number;
  /** The largest number of snapshots that may go at once. */
  readonly maxCount: number;
  /** A share is not judged when fewer snapshots than this would go; 1 when not given. */
  readonly shareFrom?: number | undefined;
  /**
   * A group that made no snapshot for so many of its usual periods loses none; 0 or not given turns it off. The usual
   * period is the longest pause between its newest snapshots.
   */
  readonly unseenPeriods?: number | undefined;
  /** The clock is in doubt when it is this far past the newest arrival of all; not given turns it off. */
  readonly maxSilenceMs?: number | undefined;
  /** The clock is in doubt when a snapshot arrived this far in its future; not given turns it off. */
  readonly maxSkewMs?: number | undefined;
  /**
   * A group loses none while the newest snapshot of a source in it is empty, or smaller than usual by more than this share (0 to
   * 1), in files or in bytes; 1 or not given turns it off.
   */
  readonly maxShrink?: number | undefined;
  /** Sizes of snapshots from before do not count, as somebody knows that the source has become smaller since. */
  readonly sizesFromMs?: number | undefined;
}

/** How much a snapshot says that it holds. */
export interface SnapshotSize {
  readonly files: number;
  readonly bytes: number;
}

/** A snapshot, as far as retention is concerned. */
export interface Candidate {
  readonly id: string;
  /** When it says that it was taken, in nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** The offset in the text of that time, in seconds east of UTC. */
  readonly offsetSeconds: number;
  /** When the store received it, by the store's clock; `undefined` when the store does not say. */
  readonly receivedAtMs?: number | undefined;
  readonly hostname: string;
  readonly paths: readonly string[];
  readonly tags: readonly string[];
  /** False when something that should be in it could not be read when it was made, or is lost since. */
  readonly complete?: boolean | undefined;
  /** When a restore or check last proved it. */
  readonly verifiedAtMs?: number | undefined;
  /** How much it holds; `undefined` when it does not say. */
  readonly size?: SnapshotSize | undefined;
  readonly holds: readonly { readonly id: string; readonly reason: string }[];
  readonly pinned?: boolean | undefined;
}

/** What becomes of one snapshot. */
export interface Verdict {
  readonly id: string;
  readonly keep: boolean;
  /** Why, in plain words: everything that keeps it, or for each rule why it does not. Never empty. */
  readonly reasons: readonly string[];
  /** The rules that keep it, in restic's words (`daily snapshot`, `within 14d`); empty when only a floor keeps it. */
  readonly matches: readonly string[];
  /** True when the time that it claims cannot be true. */
  readonly suspicious: boolean;
}

/** The name by which a stop is overridden. */
export type StopCode = "too-large-share" | "too-many" | "group-unseen" | "shrunken" | "clock-behind" | "clock-ahead";

/** Why a plan must not be carried out as it is. */
export interface RetentionStop {
  readonly code: StopCode;
  readonly explanation: string;
  /** The key of the group that it is about; without it, the whole plan. */
  readonly group?: string | undefined;
}

/** Something that a person should look at; it stops nothing. */
export interface RetentionWarning {
  readonly code: "impossible-time" | "late-arrival" | "clock";
  readonly explanation: string;
  /** The key of the group that it is about. */
  readonly group?: string | undefined;
  readonly snapshots: readonly string[];
}

/** The verdicts on snapshots that belong together, newest first. */
export interface RetentionGroup {
  /** The engine's `groupKey`: JSON of the fields by which the snapshots are grouped. */
  readonly key: string;
  /** The same in words. */
  readonly title: string;
  readonly verdicts: readonly Verdict[];
}

export interface RetentionPlan {
  readonly groups: readonly RetentionGroup[];
  readonly stops: readonly RetentionStop[];
  readonly warnings: readonly RetentionWarning[];
  /** SHA-256 over policy, snapshots and verdicts, in hex. No clock is in it: the same state gives the same hash. */
  readonly hash: string;
}

/** A whole policy, and the clock by which it is applied. */
export interface RetentionOptions {
  readonly rules: RetentionRules;
  readonly floors: SafetyFloors;
  readonly limits: StopLimits;
  readonly grouping: SnapshotGrouping;
  /** Where days begin: at each snapshot's own offset, as for restic (`snapshot`), or in a zone of the IANA (`Europe/Berlin`). */
  readonly zone: string;
  /**
   * The zone of this machine. With `snapshot`, restic's durations go back by it from a snapshot that has its offset; give it
   * to decide as a restic that runs on this machine, to the hour at which clocks are changed.
   */
  readonly localZone?: string | undefined;
  readonly nowMs: number;
  /**
   * Whether the times that snapshots claim are compared with their arrival and the clock (`checked`, the default), or
   * taken as they are, as restic does (`believed`).
   */
  readonly times?: "checked" | "believed" | undefined;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What Holdfast keeps unless told otherwise. */
export const DEFAULT_FLOORS: SafetyFloors = {
  atLeast: 3,
  minAgeMs: 7 * DAY_MS,
  oldestWhileUnfilled: true,
  newestVerified: true,
  newest: true,
  spares: 1,
};

/** No floor at all: restic 0.14. Newer ones keep `oldestWhileUnfilled`. */
export const NO_FLOORS: SafetyFloors = {
  atLeast: 0,
  minAgeMs: 0,
  oldestWhileUnfilled: false,
  newestVerified: false,
  newest: false,
  spares: 0,
};

/** When Holdfast stops unless told otherwise. */
export const DEFAULT_LIMITS: StopLimits = {
  maxShare: 0.5,
  maxCount: 1000,
  shareFrom: 10,
  unseenPeriods: 2,
  maxSilenceMs: 30 * DAY_MS,
  maxSkewMs: HOUR_MS / 12,
  maxShrink: 0.3,
};

/** Nothing stops a plan: restic. */
export const NO_LIMITS: StopLimits = { maxShare: 1, maxCount: Number.POSITIVE_INFINITY };
