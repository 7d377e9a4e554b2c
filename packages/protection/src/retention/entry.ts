/** A snapshot of a group while the group is judged, and the words in which it is named. */
import { clockText } from "./periods.ts";
import type { Candidate } from "./policy.ts";
import type { LocalTime, Zone } from "./zone.ts";

export interface Entry {
  readonly candidate: Candidate;
  /** The wall clock at its time, in the zone of the policy. */
  readonly local: LocalTime;
}

const NS_PER_MS = 1_000_000n;
const SHORT_ID = 8;

/** The entries of snapshots, newest first; those of one instant by their ids, so that every order of input gives this one. */
export function entriesOf(candidates: readonly Candidate[], zone: Zone): Entry[] {
  return candidates
    .map((candidate) => ({ candidate, local: zone.localTime(candidate.timeNs, candidate.offsetSeconds) }))
    .sort((a, b) => compare(b.candidate.timeNs, a.candidate.timeNs) || compare(a.candidate.id, b.candidate.id));
}

/** When it says that it was taken, in milliseconds since 1970. */
export function claimedMs({ timeNs }: Candidate): number {
  return Number(timeNs / NS_PER_MS);
}

/** When it arrived, as far as that is known: else when it says that it was taken. */
export function arrivedMs(candidate: Candidate): number {
  return candidate.receivedAtMs ?? claimedMs(candidate);
}

/** The beginning of an id, as people write it. */
export function shortId({ id }: { readonly id: string }): string {
  return id.slice(0, SHORT_ID);
}

/** An instant as the clock of a zone shows it, at the offset of a snapshot where the policy has no zone. */
export function instantText(ms: number, { zone, ownOffset }: { zone: Zone; ownOffset: number }): string {
  return clockText(zone.localTime(BigInt(Math.floor(ms)) * NS_PER_MS, ownOffset));
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
