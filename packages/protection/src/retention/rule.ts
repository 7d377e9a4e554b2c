/** What a rule of retention is. */
import type { Entry } from "./entry.ts";
import type { Period } from "./periods.ts";
import type { Count } from "./policy.ts";

/** What a rule says of a snapshot. */
export interface Finding {
  /** The reasons in restic's words, when the rule keeps the snapshot; else none. */
  readonly matches: readonly string[];
  /** Why it keeps the snapshot, or does not, in plain words. */
  readonly reason: string;
}

/** A rule at work on one group. It holds what it has seen, and is used for one pass over the group. */
export interface Rule {
  /** Called for each snapshot, newest first. */
  judge(entry: Entry): Finding;
  /** Asked after the pass, of the oldest one: why it is to be kept although `judge` did not, as the rule may keep more than it found. */
  oldest?(entry: Entry): Finding | undefined;
  /** Further snapshots of the same such period may be kept beside one that this rule keeps. */
  readonly spareWithin?: Period;
}

/** Whether a rule that keeps so many may keep no more. */
export function isFull(count: Count, kept: number): boolean {
  return count !== "unlimited" && kept >= count;
}
