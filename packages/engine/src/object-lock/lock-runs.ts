/** Records of runs that extended locks. They are only notes: nothing that is stored needs them, and nothing fails because of them. */
import { isHoldfastError, mapConcurrent } from "@holdfast/base";
import type { FileInfo } from "@holdfast/storage";
import { MAX_LOCK_RUN_BYTES, type LockRunFields, decodeLockRun, encodeLockRun } from "../format/lock-run.ts";
import type { Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";

/** A run, and when the store received its record; `undefined` where the store cannot tell. */
export interface LockRun extends LockRunFields {
  readonly id: Id;
  readonly receivedAtMs: number | undefined;
}

const PARALLEL_LOADS = 8;
/** So many records stay, for whoever wants to know how it went. */
const KEPT = 10;

interface ListOptions {
  readonly signal: AbortSignal;
  /** Called for a record that cannot be read. */
  readonly onDamaged?: (id: Id, error: unknown) => void;
}

/** All that can be read, the last one first. @throws what the backend throws when it is out of reach */
export async function listLockRuns(repository: Repository, { signal, onDamaged }: ListOptions): Promise<LockRun[]> {
  const load = async (
    { id, receivedAtMs }: FileInfo & { id: Id },
    inner: AbortSignal,
  ): Promise<LockRun | undefined> => {
    try {
      const limits = { signal: inner, maxBytes: MAX_LOCK_RUN_BYTES };
      const fields = decodeLockRun(await repository.loadDocument("retention", id, limits), `record of locks ${id}`);
      return { id, receivedAtMs, ...fields };
    } catch (error) {
      if (!isHoldfastError(error) || inner.aborted) throw error;
      if (error.kind === "not-found") return undefined;
      if (error.kind !== "corrupt") throw error;
      onDamaged?.(id, error);
      return undefined;
    }
  };
  const files = repository.files("retention", { signal });
  const found = (await mapConcurrent(files, PARALLEL_LOADS, load, { signal })).filter((run) => run !== undefined);
  return found.sort((a, b) => ranAtMs(b) - ranAtMs(a));
}

/** When a run ended, by the earlier of two clocks: a wrong one makes a job look late, and never in time. */
export function ranAtMs({ endedAtMs, receivedAtMs = endedAtMs }: LockRun): number {
  return Math.min(endedAtMs, receivedAtMs);
}

/** Stores the record of a run, and takes away old ones, as far as that is allowed. @throws what the backend throws */
export async function saveLockRun(
  repository: Repository,
  fields: LockRunFields,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  await repository.saveDocument("retention", encodeLockRun(fields), { signal });
  for (const { id } of (await listLockRuns(repository, { signal })).slice(KEPT)) {
    try {
      await repository.removeFile("retention", id, { signal });
    } catch (error) {
      if (!isHoldfastError(error) || signal.aborted) throw error;
      if (error.kind !== "permission" && error.kind !== "not-found") throw error;
    }
  }
}
