/** Snapshots and holds as the rules of retention see them. */
import {
  type Id,
  PINNED_TAG,
  type Repository,
  type SnapshotFilter,
  type Standing,
  type StoredSnapshot,
  holdsOf,
  listHolds,
  listSnapshots,
} from "@holdfast/engine";
import { type Candidate, candidateOf } from "@holdfast/protection";
import type { CommandContext } from "../context.ts";
import { readEvidence } from "../evidence/known.ts";

/** All that a decision is made of. */
export interface Situation {
  /** The snapshots that meet the filter, oldest first. */
  readonly snapshots: readonly StoredSnapshot[];
  readonly candidates: readonly Candidate[];
  /** Snapshots that cannot be read. */
  readonly unreadable: readonly Id[];
  /** Records of evidence that cannot be read: each may say of one more snapshot that it is incomplete. */
  readonly unreadableEvidence: number;
}

/** Reads snapshots, holds, and what is known of the snapshots. @throws ENGINE_HOLD_DAMAGED, and what the backend throws */
export async function readSituation(
  context: Pick<CommandContext, "output">,
  repository: Repository,
  { signal, filter }: { signal: AbortSignal; filter: SnapshotFilter },
): Promise<Situation> {
  const holds = await listHolds(repository, { signal });
  const unreadable: Id[] = [];
  const onDamaged = (id: Id): void => void unreadable.push(id);
  const arrivals = new Map<Id, number | undefined>();
  const snapshots = await listSnapshots(repository, {
    signal,
    filter,
    onDamaged,
    onFile: ({ id, receivedAtMs }) => arrivals.set(id, receivedAtMs),
  });
  const { evidence, unreadable: unreadableEvidence } = await readEvidence(context, repository, {
    signal,
    during: "forget",
  });
  const candidates = snapshots.map((stored) =>
    candidateOf(stored, {
      receivedAtMs: arrivals.get(stored.id),
      ...factsOf(evidence.of(stored)),
      holds: holdsOf(holds, stored).map(({ id, reason }) => ({ id, reason })),
      pinned: stored.snapshot.tags.includes(PINNED_TAG),
    }),
  );
  return { snapshots, candidates, unreadable, unreadableEvidence };
}

/** A snapshot of which something was lost since is no more complete than one that never had it. */
function factsOf({ isIncomplete, provenAtMs, damagedAtMs }: Standing): Pick<Candidate, "complete" | "verifiedAtMs"> {
  const complete = isIncomplete || damagedAtMs !== undefined ? false : undefined;
  return { complete, verifiedAtMs: provenAtMs };
}
