/** Applies rules and floors to snapshots that are all trusted alike. */
import { type Entry, shortId } from "./entry.ts";
import { periodNumber, periodText } from "./periods.ts";
import type { RetentionRules, SafetyFloors } from "./policy.ts";
import type { Rule } from "./rule.ts";
import { activeRules } from "./rules.ts";
import type { Zone } from "./zone.ts";

/** What was found about one snapshot. */
export interface Judgement {
  /** The rules that keep it, in restic's words. */
  readonly matches: string[];
  /** What keeps it: rules and floors, in plain words. Empty when nothing does. */
  readonly kept: string[];
  /** Why rules do not keep it. */
  readonly lost: string[];
}

interface JudgeOptions {
  readonly rules: RetentionRules;
  readonly floors: SafetyFloors;
  readonly zone: Zone;
  readonly nowMs: number;
}

const NS_PER_MS = 1_000_000n;

/** One judgement for each entry, in their order. @param entries newest first */
export function judge(entries: readonly Entry[], { rules, floors, zone, nowMs }: JudgeOptions): Judgement[] {
  const nowNs = BigInt(Math.floor(nowMs)) * NS_PER_MS;
  const latest = entries.find(({ candidate }) => candidate.timeNs < nowNs);
  const judgements = entries.map((): Judgement => ({ matches: [], kept: [], lost: [] }));
  const spares: (() => void)[] = [];
  for (const rule of activeRules(rules, latest, zone)) {
    const kept = entries.map((entry, at) => applyTo(rule, entry, judgements[at]));
    const last = entries.length - 1;
    if (floors.oldestWhileUnfilled && kept[last] === false) keepOldest(rule, entries[last], judgements[last]);
    spares.push(() => keepSpares(rule, { entries, kept, judgements, spares: floors.spares ?? 0 }));
  }
  // Only now, as a snapshot that any rule keeps needs no place as a spare.
  for (const keep of spares) keep();
  applyFloors(entries, judgements, floors);
  return judgements;
}

function applyTo(rule: Rule, entry: Entry, judgement: Judgement | undefined): boolean {
  const { matches, reason } = rule.judge(entry);
  judgement?.matches.push(...matches);
  (matches.length > 0 ? judgement?.kept : judgement?.lost)?.push(reason);
  return matches.length > 0;
}

function keepOldest(rule: Rule, entry: Entry | undefined, judgement: Judgement | undefined): void {
  const finding = entry === undefined ? undefined : rule.oldest?.(entry);
  if (finding === undefined) return;
  judgement?.matches.push(...finding.matches);
  judgement?.kept.push(finding.reason);
}

interface SpareOptions {
  readonly entries: readonly Entry[];
  /** Which entries the rule keeps. */
  readonly kept: readonly boolean[];
  readonly judgements: readonly Judgement[];
  readonly spares: number;
}

function keepSpares({ spareWithin }: Rule, { entries, kept, judgements, spares }: SpareOptions): void {
  if (spareWithin === undefined || spares === 0) return;
  for (const [at, entry] of entries.entries()) {
    if (kept[at] !== true) continue;
    const period = periodNumber(spareWithin, entry.local);
    for (let next = at + 1; next <= at + spares; next++) {
      const spare = entries[next];
      const judgement = judgements[next];
      if (spare === undefined || judgement === undefined || periodNumber(spareWithin, spare.local) !== period) break;
      if (judgement.kept.length > 0) continue;
      const place = `it is next to the newest of ${periodText(spareWithin, entry.local)}`;
      judgement.kept.push(`spare: ${place}, should ${shortId(entry.candidate)} not be what it says`);
    }
  }
}

function applyFloors(entries: readonly Entry[], judgements: readonly Judgement[], floors: SafetyFloors): void {
  const keep = (at: number, reason: string): void => void judgements[at]?.kept.push(reason);
  if (floors.newest ?? true) keep(0, "floor: it is the newest");
  if (floors.newestVerified) {
    const at = entries.findIndex(({ candidate }) => candidate.verifiedAtMs !== undefined);
    if (at >= 0) keep(at, "floor: it is the newest that is verified");
  }
  let complete = 0;
  for (const [at, { candidate }] of entries.entries()) {
    if (complete === floors.atLeast) break;
    if (candidate.complete === false) continue;
    complete++;
    keep(at, `floor: it is number ${complete} of at least ${floors.atLeast} complete ones`);
  }
}
