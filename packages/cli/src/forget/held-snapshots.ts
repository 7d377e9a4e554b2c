/** How much each hold keeps at present, of what is there and of what was forgotten. */
import { type Hold, type Id, type Repository, holdsOf, listForgotten, listSnapshots } from "@holdfast/engine";

/** The number of snapshots that each hold is for. Those that cannot be read do not count. */
export async function countHeld(
  repository: Repository,
  holds: readonly Hold[],
  { signal }: { signal: AbortSignal },
): Promise<ReadonlyMap<Id, number>> {
  const counts = new Map(holds.map(({ id }) => [id, 0]));
  const onDamaged = (): void => {};
  const live = await listSnapshots(repository, { signal, onDamaged });
  const forgotten = await listForgotten(repository, { signal, onDamaged });
  for (const stored of [...live, ...forgotten]) {
    for (const { id } of holdsOf(holds, stored)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}
