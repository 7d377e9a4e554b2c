/**
 * Reads blobs that a backup relies on and has not stored itself. A name that the index knows is only somebody's word: whoever has the
 * key of a repository can put other bytes under it, and all who back up the same data later would store nothing.
 */
import { forEachConcurrent, isHoldfastError } from "@holdfast/base";
import { idToBytes, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import type { PresentBlob } from "./present-sample.ts";

const PARALLEL_READS = 4;

/** A blob that is not what its name says, with the packs that are to hold it. */
export interface FalseBlob extends PresentBlob {
  readonly packs: readonly Id[];
  readonly reason: string;
}

/** What came of it. */
export interface PresentResult {
  /** How many blobs were read and are what their names say, and the bytes that they take in packs. */
  readonly blobs: number;
  readonly bytes: number;
  readonly damaged: readonly FalseBlob[];
  /** Why some could not be read at all, such as a role that may not; they say nothing. */
  readonly unread: unknown;
}

interface VerifyOptions {
  readonly signal: AbortSignal;
  /** Bytes in packs to read at most; one blob is read in any case. */
  readonly maxBytes: number;
}

/** Reads the first of these blobs, as many as the limit allows. @throws the signal's reason */
export async function verifyPresent(
  repository: Repository,
  index: BlobIndex,
  blobs: readonly PresentBlob[],
  { signal, maxBytes }: VerifyOptions,
): Promise<PresentResult> {
  const reader = new BlobReader(repository, index);
  const result = { blobs: 0, bytes: 0, damaged: [] as FalseBlob[], unread: undefined as unknown };
  const read = async ({ blob, bytes }: { blob: PresentBlob; bytes: number }, inner: AbortSignal): Promise<void> => {
    if (result.unread !== undefined) return;
    try {
      await reader.load(blob.type, blob.id, { signal: inner });
      result.blobs++;
      result.bytes += bytes;
    } catch (error) {
      inner.throwIfAborted();
      if (!isHoldfastError(error)) throw error;
      if (error.kind !== "corrupt" && error.kind !== "not-found") result.unread ??= error;
      else result.damaged.push({ ...blob, packs: packsOf(index, blob), reason: error.message });
    }
  };
  await forEachConcurrent(chosen(index, blobs, maxBytes), PARALLEL_READS, read, { signal });
  return result;
}

function chosen(
  index: BlobIndex,
  blobs: readonly PresentBlob[],
  maxBytes: number,
): { readonly blob: PresentBlob; readonly bytes: number }[] {
  const found: { blob: PresentBlob; bytes: number }[] = [];
  let total = 0;
  for (const blob of blobs) {
    const bytes = index.find(blob.type, idToBytes(blob.id), 0)?.lengthBytes ?? 0;
    if (found.length > 0 && total + bytes > maxBytes) continue;
    total += bytes;
    found.push({ blob, bytes });
  }
  return found;
}

function packsOf(index: BlobIndex, { type, id }: PresentBlob): Id[] {
  return index.findAll(type, idToBytes(id), 0).map(({ pack }) => index.packId(pack));
}
