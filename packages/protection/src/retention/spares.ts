/**
 * Spares: neighbours of what a rule keeps, of the same day. Whoever adds a snapshot a day becomes the newest or the oldest of
 * its day, and the real one is next to it.
 */
import { type Entry, shortId } from "./entry.ts";
import type { Judgement } from "./judge.ts";
import { type Period, periodNumber, periodText } from "./periods.ts";
import type { Rule } from "./rule.ts";

interface SpareOptions {
  /** Newest first. */
  readonly entries: readonly Entry[];
  readonly judgements: readonly Judgement[];
  /** How many beside each. */
  readonly spares: number;
}

/** Keeps the next older ones beside each that a rule keeps. @param options.kept which entries the rule keeps */
export function keepSpares(
  rule: Rule,
  { kept, ...options }: SpareOptions & { readonly kept: readonly boolean[] },
): void {
  if (rule.spareWithin === undefined || options.spares === 0) return;
  for (const [at, isKept] of kept.entries()) {
    if (isKept) keepNeighbours(at, { period: rule.spareWithin, step: 1, ...options });
  }
}

/** Keeps the next newer ones beside the oldest. */
export function keepSparesOfOldest(options: SpareOptions): void {
  keepNeighbours(options.entries.length - 1, { period: "day", step: -1, ...options });
}

interface NeighbourOptions extends SpareOptions {
  readonly period: Period;
  /** 1 towards the older ones, -1 towards the newer ones. */
  readonly step: 1 | -1;
}

function keepNeighbours(at: number, { entries, judgements, spares, period, step }: NeighbourOptions): void {
  const entry = entries[at];
  if (entry === undefined) return;
  for (let n = 1; n <= spares; n++) {
    const spare = entries[at + n * step];
    const judgement = judgements[at + n * step];
    if (spare === undefined || judgement === undefined) return;
    if (periodNumber(period, spare.local) !== periodNumber(period, entry.local)) return;
    if (judgement.kept.length > 0) continue;
    const place = `it is next to ${shortId(entry.candidate)} of ${periodText(period, entry.local)}`;
    judgement.kept.push(`spare: ${place}, should that one be false`);
  }
}
