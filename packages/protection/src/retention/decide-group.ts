/** Decides about the snapshots of one group. */
import { arrivedMs, claimedMs, type Entry, instantText, shortId } from "./entry.ts";
import { judge, type Judgement } from "./judge.ts";
import type { Candidate, RetentionGroup, RetentionOptions, RetentionWarning, Verdict } from "./policy.ts";
import { isTrustedLike, suspicionOf, trust } from "./trust.ts";
import { impossibleTimes, lateArrivals } from "./warnings.ts";
import { durationText } from "./words.ts";
import type { Zone } from "./zone.ts";

export interface GroupOptions extends Omit<RetentionOptions, "zone"> {
  readonly zone: Zone;
}

/** A group with its verdicts, and what the stops look at. */
export interface DecidedGroup extends RetentionGroup {
  /** The snapshots whose claimed times are possible, newest first. */
  readonly trusted: readonly Entry[];
  /** When its snapshots arrived, suspicious ones too, as far as the store says. */
  readonly received: readonly number[];
  readonly warnings: readonly RetentionWarning[];
}

interface UndecidedGroup {
  readonly key: string;
  readonly title: string;
  /** Newest first. */
  readonly entries: readonly Entry[];
}

/** The verdicts on a group, in the order of its entries. */
export function decideGroup({ key, title, entries }: UndecidedGroup, options: GroupOptions): DecidedGroup {
  const isChecked = options.times !== "believed";
  const suspicious = new Map<Entry, string>();
  for (const entry of isChecked ? entries : []) {
    const why = suspicionOf(entry, options);
    if (why !== undefined) suspicious.set(entry, why);
  }
  const trusted = entries.filter((entry) => !suspicious.has(entry));
  const { judgements, displaced } = judgeByTrust(trusted, options);
  const verdicts = entries.map((entry): Verdict => {
    const { id } = entry.candidate;
    const doubt = suspicious.get(entry);
    if (doubt !== undefined) {
      const reasons = [doubt, ...heldReasons(entry.candidate)];
      return { id, keep: true, reasons, matches: [], suspicious: true };
    }
    const { matches, kept, lost } = judgements.get(entry) as Judgement;
    const reasons = [...kept, ...ownReasons(entry, options)];
    const keep = reasons.length > 0;
    return { id, keep, reasons: keep ? reasons : lost, matches, suspicious: false };
  });
  const group = { key, title };
  const warnings = [...impossibleTimes(group, suspicious), ...lateArrivals(group, { trusted, displaced })];
  const received = entries.flatMap(({ candidate: { receivedAtMs } }) => receivedAtMs ?? []);
  return { key, title, verdicts, trusted, received, warnings };
}

interface TrustJudgements {
  readonly judgements: ReadonlyMap<Entry, Judgement>;
  /** What rules keep only because others arrived too late to take its place. */
  readonly displaced: readonly Entry[];
}

/**
 * Judges each snapshot among those that are at least as trustworthy. Those among all count too: where they keep more, which
 * offsets that change back and forth can bring about, so does restic.
 */
function judgeByTrust(entries: readonly Entry[], options: GroupOptions): TrustJudgements {
  const judgements = judgeAll(entries, options);
  const displaced: Entry[] = [];
  if (options.times === "believed") return { judgements, displaced };
  const trusts = new Map(entries.map((entry) => [entry, trust(entry)]));
  for (const level of new Set(trusts.values())) {
    const peers = entries.filter((entry) => isTrustedLike(trusts.get(entry) as number, level));
    if (peers.length === entries.length) continue;
    for (const [entry, own] of judgeAll(peers, options)) {
      if (trusts.get(entry) !== level) continue;
      const among = judgements.get(entry) as Judgement;
      if (own.kept.length === 0 && among.kept.length > 0) continue;
      if (among.matches.length === 0 && own.matches.length > 0) displaced.push(entry);
      judgements.set(entry, own);
    }
  }
  return { judgements, displaced };
}

function judgeAll(entries: readonly Entry[], options: GroupOptions): Map<Entry, Judgement> {
  const found = judge(entries, options);
  return new Map(entries.map((entry, at) => [entry, found[at] as Judgement]));
}

/** What keeps a snapshot whatever the others are. */
function ownReasons({ candidate, local }: Entry, { floors, nowMs, zone }: GroupOptions): string[] {
  const reasons: string[] = [];
  const youngest = Math.max(arrivedMs(candidate), claimedMs(candidate));
  if (floors.minAgeMs > 0 && nowMs - youngest < floors.minAgeMs) {
    const since = instantText(youngest, { zone, ownOffset: local.offsetSeconds });
    const what = youngest > claimedMs(candidate) ? "arrived" : "made";
    reasons.push(`floor: it is younger than ${durationText(floors.minAgeMs)} (${what} ${since})`);
  }
  return [...reasons, ...heldReasons(candidate)];
}

/** What keeps a snapshot because a person said so. */
function heldReasons({ pinned, holds }: Candidate): string[] {
  const held = holds.map(({ id, reason }) => `hold ${shortId({ id })}: ${reason}`);
  return pinned === true ? ["floor: it is pinned", ...held] : held;
}
