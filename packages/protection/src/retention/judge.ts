/** Applies rules and floors to snapshots that are all trusted alike. */
import type { Entry } from "./entry.ts";
import { applyFloors } from "./floors.ts";
import type { RetentionRules, SafetyFloors } from "./policy.ts";
import type { Rule } from "./rule.ts";
import { activeRules } from "./rules.ts";
import { keepSpares, keepSparesOfOldest } from "./spares.ts";
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
  const oldest = { entry: entries.at(-1), judgement: judgements.at(-1), isKept: false };
  const passes = activeRules(rules, latest, zone).map((rule) => {
    const kept = entries.map((entry, at) => applyTo(rule, entry, judgements[at]));
    if (floors.oldestWhileUnfilled && kept.at(-1) === false) {
      oldest.isKept = keepOldest(rule, oldest.entry, oldest.judgement) || oldest.isKept;
    }
    return { rule, kept };
  });
  // Only now, as a snapshot that any rule keeps needs no place as a spare.
  const spares = floors.spares ?? 0;
  for (const { rule, kept } of passes) keepSpares(rule, { entries, kept, judgements, spares });
  if (oldest.isKept) keepSparesOfOldest({ entries, judgements, spares });
  applyFloors(entries, judgements, { floors, zone });
  return judgements;
}

function applyTo(rule: Rule, entry: Entry, judgement: Judgement | undefined): boolean {
  const { matches, reason } = rule.judge(entry);
  judgement?.matches.push(...matches);
  (matches.length > 0 ? judgement?.kept : judgement?.lost)?.push(reason);
  return matches.length > 0;
}

function keepOldest(rule: Rule, entry: Entry | undefined, judgement: Judgement | undefined): boolean {
  const finding = entry === undefined ? undefined : rule.oldest?.(entry);
  if (finding === undefined) return false;
  judgement?.matches.push(...finding.matches);
  judgement?.kept.push(finding.reason);
  return true;
}
