/** Snapshots and holds as the rules of retention see them. */
import {
  type Id,
  PINNED_TAG,
  type Repository,
  type SnapshotFilter,
  type StoredSnapshot,
  holdsOf,
  listHolds,
  listSnapshots,
} from "@holdfast/engine";
import { type Candidate, candidateOf } from "@holdfast/protection";

/** All that a decision is made of. */
export interface Situation {
  /** The snapshots that meet the filter, oldest first. */
  readonly snapshots: readonly StoredSnapshot[];
  readonly candidates: readonly Candidate[];
  /** Snapshots that cannot be read. */
  readonly unreadable: readonly Id[];
}

/** Reads snapshots and holds. @throws ENGINE_HOLD_DAMAGED, and what the backend throws */
export async function readSituation(
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
  const candidates = snapshots.map((stored) =>
    candidateOf(stored, {
      receivedAtMs: arrivals.get(stored.id),
      holds: holdsOf(holds, stored).map(({ id, reason }) => ({ id, reason })),
      pinned: stored.snapshot.tags.includes(PINNED_TAG),
    }),
  );
  return { snapshots, candidates, unreadable };
}
