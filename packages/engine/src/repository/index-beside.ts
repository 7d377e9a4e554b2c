/** Loads the index while snapshots are still being read: over a long line, one wait in place of two. */
import type { BlobIndex } from "../index/blob-index.ts";
import { loadIndex, type LoadIndexOptions } from "./load-index.ts";
import type { Repository } from "./repository.ts";

/**
 * Runs `find`, and loads the index as soon as that has listed the snapshots it works on, or has ended: an index that is listed
 * after the snapshots covers them (the format's order of reading).
 * @param find calls `onListed` once it has listed them
 * @throws what the two throw; both have ended by then
 */
export async function withIndexBeside<T>(
  repository: Repository,
  find: (onListed: () => void, signal: AbortSignal) => Promise<T>,
  options: LoadIndexOptions,
): Promise<{ readonly found: T; readonly index: BlobIndex }> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const listed = Promise.withResolvers<void>();
  const finding = find(listed.resolve, signal);
  const loading = Promise.race([listed.promise, finding]).then(() => loadIndex(repository, { ...options, signal }));
  try {
    const [found, index] = await Promise.all([finding, loading]);
    return { found, index };
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled([finding, loading]);
    throw error;
  }
}
