/**
 * Asks for packs in a cold class before they are read, all of them together: each takes hours, and they take them at the same
 * time. Reading one then waits in the backend until it is there, so that work goes on with those that are.
 */
import { forEachConcurrent, isHoldfastError } from "@holdfast/base";
import type { Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";

/** Whether a file only cannot be read at once: that is no damage. */
export function isCold(error: unknown): boolean {
  return isHoldfastError(error, "STORAGE_COLD") || isHoldfastError(error, "STORAGE_COLD_TIMEOUT");
}

/** Whether packs may have to be asked for, so that it is worth finding out which are needed. */
export function needsWarmUp({ backend }: Pick<Repository, "backend">): boolean {
  return backend.capabilities.warmUp !== undefined && backend.requestWarm !== undefined;
}

/**
 * Does nothing where nothing is cold, or nothing may be asked for. A pack that is not there is left to whoever reads it. May be
 * cut off and run again: what was asked for is passed over. @throws what the backend throws; on abort the signal's reason
 */
export async function warmPacks(
  repository: Repository,
  packs: Iterable<Id>,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  if (!needsWarmUp(repository)) return;
  const { backend } = repository;
  const ask = async (name: Id, inner: AbortSignal): Promise<void> => {
    try {
      await backend.requestWarm?.({ type: "pack", name }, { signal: inner });
    } catch (error) {
      if (!isHoldfastError(error, "STORAGE_NOT_FOUND")) throw error;
    }
  };
  await forEachConcurrent(packs, Math.max(1, backend.capabilities.maxConcurrency), ask, { signal });
}
