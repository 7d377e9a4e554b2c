/** Loads the index while snapshots are still being listed and read: over a long line, one wait in place of three. */
import type { Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { loadIndex, type LoadIndexOptions } from "./load-index.ts";
import type { Repository } from "./repository.ts";
import type { OnListed } from "./snapshots.ts";

/**
 * Runs `find`, and loads the index meanwhile. An index that is listed after the snapshots covers them (the format's order of
 * reading). So it is loaded as soon as `find` has listed those it works on, or has ended; and at once where the repository's
 * snapshots were seen before, then once more if there is one among them that was not.
 * @param find calls `onListed` once it has listed them
 * @throws what the two throw; both have ended by then
 */
export async function withIndexBeside<T>(
  repository: Repository,
  find: (onListed: OnListed, signal: AbortSignal) => Promise<T>,
  options: LoadIndexOptions,
): Promise<{ readonly found: T; readonly index: BlobIndex }> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const listed = Promise.withResolvers<readonly Id[]>();
  const finding = find(listed.resolve, signal);
  const names = Promise.race([listed.promise, finding.then(() => [])]);
  const loading = loadCovering(repository, names, { ...options, signal });
  try {
    const [found, index] = await Promise.all([finding, loading]);
    return { found, index };
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled([finding, loading]);
    throw error;
  }
}

/** An index that covers these snapshots. A file that cannot be used is told once. */
async function loadCovering(
  repository: Repository,
  names: Promise<readonly Id[]>,
  options: LoadIndexOptions,
): Promise<BlobIndex> {
  const { onDamaged } = options;
  const told = new Set<Id>();
  const once = (id: Id, error: unknown): void => {
    if (!told.has(id)) onDamaged?.(id, error);
    told.add(id);
  };
  const load = (): Promise<BlobIndex> =>
    loadIndex(repository, { ...options, ...(onDamaged === undefined ? {} : { onDamaged: once }) });
  // Whoever fails first is heard of; the other one as well, by whoever waits for both.
  names.catch(() => {});
  const seen = await repository.seenSnapshots;
  const early = seen === undefined ? undefined : load();
  early?.catch(() => {});
  const listed = await names;
  if (early === undefined || seen === undefined) return load();
  const index = await early;
  return listed.every((name) => seen.has(name)) ? index : load();
}
