/** Removes records of evidence that say nothing any more. */
import { isHoldfastError } from "@holdfast/base";
import { listForgotten } from "../forget/forgotten.ts";
import type { Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots } from "../repository/snapshots.ts";
import { listEvidence } from "./records.ts";
import { Evidence, isFromFuture } from "./standing.ts";

interface TidyOptions {
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Nothing else is removed. Absent: all that is not needed may go. */
  readonly only?: ReadonlySet<Id> | undefined;
}

/**
 * Removes every record without which all snapshots, forgotten ones too, stand as they did: those that later ones supersede, and
 * those of snapshots that are gone. At most three records for each snapshot stay, and those that cannot be read: only whoever
 * understands one may say that it is not needed. May be cut off anywhere. Needs an exclusive lock.
 * @returns how many were removed
 * @throws when a snapshot or a forgotten one cannot be read, as any record could be about it; and what the backend throws
 */
export async function tidyEvidence(repository: Repository, { signal, nowMs, only }: TidyOptions): Promise<number> {
  const superfluous = await superfluousEvidence(repository, { signal, nowMs });
  const removable = superfluous.filter((id) => only?.has(id) !== false);
  for (const id of removable) await removeIfThere(repository, id, signal);
  return removable.length;
}

/** What `tidyEvidence` would remove. @throws as it does */
export async function superfluousEvidence(
  repository: Repository,
  { signal, nowMs }: Pick<TidyOptions, "signal" | "nowMs">,
): Promise<Id[]> {
  const records = await listEvidence(repository, { signal, onDamaged: () => {} });
  if (records.length === 0) return [];
  const evidence = new Evidence(records, { nowMs });
  const needed = new Set<Id>();
  const snapshots = [await listSnapshots(repository, { signal }), await listForgotten(repository, { signal })].flat();
  for (const stored of snapshots) for (const id of evidence.of(stored).foundedOn) needed.add(id);
  return records.filter((record) => !needed.has(record.id) && !isFromFuture(record, nowMs)).map(({ id }) => id);
}

async function removeIfThere(repository: Repository, id: Id, signal: AbortSignal): Promise<void> {
  try {
    await repository.removeFile("evidence", id, { signal });
  } catch (error) {
    if (!isHoldfastError(error, "STORAGE_NOT_FOUND")) throw error;
  }
}
