/**
 * Restores a random sample of a snapshot into a temporary folder, compares it with the snapshot's hashes and metadata and with
 * the live files, and removes it again.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { displayPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { Restore } from "../restore/restore.ts";
import { compareRestored } from "./compare.ts";
import { drawSample, type SampleSize } from "./sample.ts";

export interface SpotCheckResult {
  /** Entries restored and compared with the snapshot: content by hash, metadata by value. */
  readonly restored: number;
  readonly restoredBytes: number;
  /** Of these, found equal to the live source, byte for byte. */
  readonly equalToSource: number;
  /** Of these, changed on the source since, or without a source, so that only the snapshot was compared. */
  readonly changedSince: number;
  /** What was not as it should be; empty when the check succeeded. */
  readonly failures: readonly { readonly path: string; readonly reason: string }[];
  readonly elapsedMs: number;
}

export interface SpotCheckOptions {
  readonly tree: Id;
  readonly index: BlobIndex;
  readonly size: SampleSize;
  /** Folder in which the temporary folder is made. */
  readonly temporary: string;
  /** Where the live file of an entry is, from its path in the tree; `undefined` when there is none. Default: the same path. */
  readonly livePath?: (path: string) => string | undefined;
  readonly signal: AbortSignal;
  readonly random?: () => number;
}

/** @throws what the backend throws, and the signal's reason; the temporary folder is removed in every case */
export async function spotCheck(repository: Repository, options: SpotCheckOptions): Promise<SpotCheckResult> {
  const { index, signal, tree, livePath = (path) => path } = options;
  const started = performance.now();
  const trees = new TreeReader(new BlobReader(repository, index));
  const sample = await drawSample(trees, tree, options.size, options);
  const folder = await mkdtemp(join(options.temporary, "holdfast-proof-"));
  // Restored secrets are nobody else's business.
  await chmod(folder, 0o700);
  try {
    const failures: { path: string; reason: string }[] = [];
    const restore = new Restore(repository, index, tree, {
      target: folder,
      paths: sample.map(({ path }) => path),
      verify: true,
      signal,
      onProblem: ({ path, reason }) => failures.push({ path: displayPath(path), reason }),
    });
    await restore.run();
    let equalToSource = 0;
    let changedSince = 0;
    for (const { path, node } of sample) {
      signal.throwIfAborted();
      // The restore has said already what is wrong with it.
      if (failures.some((failure) => failure.path === displayPath(path))) continue;
      const result = compareRestored(node, `${folder}${path}`, livePath(path));
      if (result.kind === "same") equalToSource++;
      else if (result.kind === "source-changed") changedSince++;
      else failures.push({ path: displayPath(path), reason: result.reasons.join("; ") });
    }
    return {
      restored: sample.length,
      restoredBytes: sample.reduce((sum, { node }) => sum + node.size, 0),
      equalToSource,
      changedSince,
      failures,
      elapsedMs: performance.now() - started,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
