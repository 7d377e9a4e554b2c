/**
 * Proves that a snapshot can be restored: restores a random sample into a temporary folder, compares it with the snapshot's
 * hashes and metadata and with the live files, and removes it again.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  BlobReader,
  displayPath,
  Restore,
  TreeReader,
  type BlobIndex,
  type Id,
  type Repository,
} from "@holdfast/engine";
import { compareRestored } from "./compare.ts";
import { drawSample, type SampleSize } from "./sample.ts";

export interface RestoreProof {
  /** Entries restored and found equal to the snapshot: content by hash, metadata by value. */
  readonly restored: number;
  readonly restoredBytes: number;
  /** Of these, found equal to the live source, byte for byte. */
  readonly equalToSource: number;
  /** Of these, changed on the source since, so that only the snapshot was compared. */
  readonly changedSince: number;
  /** What was not as it should be; empty when the proof succeeded. */
  readonly failures: readonly { readonly path: string; readonly reason: string }[];
  readonly elapsedMs: number;
}

export interface ProofOptions {
  readonly tree: Id;
  readonly index: BlobIndex;
  readonly size: SampleSize;
  /** Folder in which the temporary folder is made. */
  readonly temporary: string;
  readonly signal: AbortSignal;
  readonly random?: () => number;
}

/** @throws what the backend throws, and the signal's reason; the temporary folder is removed in every case */
export async function proveRestore(repository: Repository, options: ProofOptions): Promise<RestoreProof> {
  const { index, signal, tree } = options;
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
      const result = compareRestored(node, `${folder}${path}`, path);
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
