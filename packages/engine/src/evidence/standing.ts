/**
 * What all records together say of a snapshot. Good news is narrow and bad news wide: proof is for the snapshot that was looked
 * at and for what was made of it without another tree, damage is for every snapshot with the same tree. Where records disagree
 * the later one counts, and where that cannot be told the bad one.
 */
import type { EvidenceSubject } from "../format/evidence.ts";
import type { Id } from "../format/id.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import type { EvidenceRecord } from "./records.ts";

/** What is known of one snapshot. Where nothing is, nothing was looked at: that is neither good nor bad. */
export interface Standing {
  /** Something that should be in it could not be read when it was made. */
  readonly isIncomplete: boolean;
  /** When a run last proved it, unless damage was found since. Milliseconds since 1970. */
  readonly provenAtMs: number | undefined;
  /** When damage of it was last found, unless a run proved it since. */
  readonly damagedAtMs: number | undefined;
}

/** A standing, and the records without which it would be another. */
export interface FoundedStanding extends Standing {
  readonly foundedOn: readonly Id[];
}

/** Proof from further in the future than this says nothing: the clock that it goes by was wrong. */
const TOLERANCE_MS = 5 * 60_000;

/** No clock that anybody goes by is further behind. */
const LATE_AFTER_MS = 24 * 3_600_000;

/** One record's word on one snapshot. */
interface Claim {
  readonly record: Id;
  readonly subject: EvidenceSubject;
  readonly atMs: number;
}

/** All records, by what they are about. */
export class Evidence {
  readonly #proofs = new Map<Id, Claim[]>();
  readonly #damage = new Map<Id, Claim[]>();
  readonly #incomplete = new Map<Id, Claim[]>();
  readonly #incompleteTrees = new Map<Id, Claim[]>();

  /** @param nowMs milliseconds since 1970 */
  constructor(records: readonly EvidenceRecord[], { nowMs }: { readonly nowMs: number }) {
    for (const record of records) {
      const claim = (subject: EvidenceSubject, atMs: number): Claim => ({ record: record.id, subject, atMs });
      for (const subject of isFromFuture(record, nowMs) ? [] : record.proven) {
        add(this.#proofs, subject.tree, claim(subject, provenAt(record)));
      }
      for (const subject of record.damaged) add(this.#damage, subject.tree, claim(subject, damagedAt(record)));
      for (const subject of record.incomplete) {
        add(this.#incomplete, subject.snapshot, claim(subject, record.beganAtMs));
        add(this.#incompleteTrees, subject.tree, claim(subject, record.beganAtMs));
      }
    }
  }

  /** What is known of a snapshot. */
  of({ id, snapshot: { tree, original } }: StoredSnapshot): FoundedStanding {
    const proofs = this.#proofs.get(tree) ?? [];
    const isMade = original !== undefined;
    const own = latest(proofs.filter(({ subject }) => isMade || subject.snapshot === id));
    const damage = latest(this.#damage.get(tree) ?? []);
    const incomplete = latest([
      ...(this.#incomplete.get(id) ?? []),
      ...(isMade ? [...(this.#incomplete.get(original) ?? []), ...(this.#incompleteTrees.get(tree) ?? [])] : []),
    ]);
    return foundedStanding({ own, any: latest(proofs), damage, incomplete });
  }
}

/** The last claim of each kind. */
interface LastClaims {
  /** Proof that is for the snapshot. */
  readonly own: Claim | undefined;
  /** Proof of any snapshot with its tree: that is no proof of this one, but it overrules damage. */
  readonly any: Claim | undefined;
  readonly damage: Claim | undefined;
  readonly incomplete: Claim | undefined;
}

function foundedStanding({ own, any, damage, incomplete }: LastClaims): FoundedStanding {
  const proof = isAfter(own, damage) ? own : undefined;
  const standing = isAfter(any, damage) ? undefined : damage;
  const founding = [proof, standing, incomplete];
  // Damage that was overruled by way of another snapshot: it still takes away the proof that was before it.
  if (proof === undefined && damage !== undefined && standing === undefined) {
    founding.push(any, own === undefined ? undefined : damage);
  }
  return {
    isIncomplete: incomplete !== undefined,
    provenAtMs: proof?.atMs,
    damagedAtMs: standing?.atMs,
    foundedOn: founding.flatMap((claim) => claim?.record ?? []),
  };
}

/** Whether there is proof, and it is later than the damage. */
function isAfter(proof: Claim | undefined, damage: Claim | undefined): boolean {
  return proof !== undefined && (damage === undefined || proof.atMs > damage.atMs);
}

/** Whether it says that it was made at a time that is still to come. */
export function isFromFuture(record: EvidenceRecord, nowMs: number): boolean {
  return provenAt(record) > nowMs + TOLERANCE_MS;
}

/** Proof goes by the earlier of the two clocks, damage by the later: so no wrong clock makes a proof outlast damage. */
function provenAt({ beganAtMs, receivedAtMs }: EvidenceRecord): number {
  return Math.min(beganAtMs, receivedAtMs ?? beganAtMs);
}

/** A record that arrived much later was copied with the repository, which tells nothing of when the damage was there. */
function damagedAt({ endedAtMs, receivedAtMs = endedAtMs }: EvidenceRecord): number {
  return receivedAtMs - endedAtMs > LATE_AFTER_MS ? endedAtMs : Math.max(endedAtMs, receivedAtMs);
}

function add(claims: Map<Id, Claim[]>, key: Id, claim: Claim): void {
  const known = claims.get(key);
  if (known === undefined) claims.set(key, [claim]);
  else known.push(claim);
}

function latest(claims: readonly Claim[]): Claim | undefined {
  let best: Claim | undefined;
  for (const claim of claims) {
    const isLater = best === undefined || claim.atMs > best.atMs;
    if (isLater || (claim.atMs === best?.atMs && claim.record < best.record)) best = claim;
  }
  return best;
}
