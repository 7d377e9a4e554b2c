/** Measures copies of a repository by reading a little of the snapshot that is to be restored from each of them at once. */
import { isHoldfastError, orAborted } from "@holdfast/base";
import { systemClock } from "@holdfast/storage";
import type { Id } from "../format/id.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { CopyReader, type OpenedCopy } from "./copy-reader.ts";
import { locateBlob } from "./file-content.ts";
import { LoadWindow } from "./load-window.ts";
import type { Pace } from "./pace.ts";

const SAMPLE_BYTES = 4 * 1024 * 1024;
const SAMPLE_BLOBS = 64;
/** Folders that are looked into for something to read. */
const SAMPLE_TREES = 64;
/** Once one copy has answered, the others get so many times its time, and at least this. */
const LATE_TIMES = 3;
const LEAST_LATE_MS = 500;
/** All of it takes no longer. */
const MOST_MS = 30_000;

/** What was read from a copy, and how long it took. */
export interface MeasuredCopy {
  readonly bytes: number;
  readonly elapsedMs: number;
  /** Absent when nothing came in time, or the copy failed. */
  readonly pace: Pace | undefined;
  /** Why it gave nothing. */
  readonly error: unknown;
}

/**
 * The measure of each, in their order. It ends soon after the fastest is done; what is slower is measured by what came until then.
 * @param root a tree that all of them have
 * @throws only the signal's reason
 */
export async function measureCopies(
  copies: readonly OpenedCopy[],
  root: Id,
  { signal }: { readonly signal: AbortSignal },
): Promise<MeasuredCopy[]> {
  const late = new AbortController();
  const ended = new AbortController();
  const both = AbortSignal.any([signal, late.signal]);
  const limit = systemClock.sleep(MOST_MS, { signal: AbortSignal.any([signal, ended.signal]) });
  limit.then(
    () => late.abort(),
    () => {},
  );
  let isFirst = true;
  const onDone = (elapsedMs: number): void => {
    if (!isFirst) return;
    isFirst = false;
    setTimeout(() => late.abort(), Math.max(LEAST_LATE_MS, elapsedMs * (LATE_TIMES - 1))).unref();
  };
  const measured = await Promise.all(copies.map((copy) => measure(copy, root, both, onDone)));
  ended.abort();
  signal.throwIfAborted();
  return measured;
}

async function measure(
  copy: OpenedCopy,
  root: Id,
  signal: AbortSignal,
  onDone: (elapsedMs: number) => void,
): Promise<MeasuredCopy> {
  let began = performance.now();
  let bytes = 0;
  let firstMs: number | undefined;
  const reader = new CopyReader(0, copy, signal, {
    onBytes: (more) => {
      firstMs ??= performance.now() - began;
      bytes += more;
    },
    onStall: () => {},
  });
  let error: unknown;
  try {
    const ids = await orAborted(sampleOf(reader, root), reader.signal);
    // Folders may have come from a cache on this machine; what counts is what comes from the place.
    began = performance.now();
    bytes = 0;
    firstMs = undefined;
    await orAborted(readBlobs(reader, ids), reader.signal);
    onDone(performance.now() - began);
  } catch (failure) {
    error = failure;
    if (!signal.aborted && !isHoldfastError(failure)) throw failure;
  } finally {
    reader.leave(undefined);
  }
  const elapsedMs = performance.now() - began;
  const isUsable = firstMs !== undefined && bytes > 0 && (error === undefined || signal.aborted);
  const pace = isUsable ? { latencyMs: firstMs as number, bytesPerSecond: (bytes * 1000) / elapsedMs } : undefined;
  return { bytes, elapsedMs, pace, error: pace === undefined ? error : undefined };
}

async function readBlobs(reader: CopyReader, ids: readonly Id[]): Promise<void> {
  const window = new LoadWindow();
  const folder = { id: 0, path: "", fresh: true };
  const file = { name: "", patch: false, replaces: undefined, node: undefined, piece: undefined, linkKey: undefined };
  const wanted = ids.map((id) => ({ ...locateBlob(reader.index, id), offset: 0 }));
  window.add({ ...file, folder, wanted, totalBytes: 0 });
  const { ranges, totalBytes } = window.plan(SAMPLE_BYTES);
  await reader.ranges.load(ranges, new SharedArrayBuffer(totalBytes), reader.signal);
}

/** Some blobs of the first files that are found. */
async function sampleOf({ repository, index, signal }: CopyReader, root: Id): Promise<Id[]> {
  const trees = new TreeReader(new BlobReader(repository, index));
  const waiting = [root];
  const ids = new Set<Id>();
  let bytes = 0;
  for (let read = 0; read < SAMPLE_TREES; read++) {
    const id = waiting.shift();
    if (id === undefined) break;
    for (const { subtree, content } of await trees.load(id, { signal })) {
      if (subtree !== undefined) waiting.push(subtree);
      for (const blob of content ?? []) {
        if (bytes >= SAMPLE_BYTES || ids.size >= SAMPLE_BLOBS) return [...ids];
        if (ids.has(blob)) continue;
        ids.add(blob);
        bytes += locateBlob(index, blob).place.lengthBytes;
      }
    }
  }
  return [...ids];
}
