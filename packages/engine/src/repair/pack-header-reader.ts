/** Reads the list of blobs at the end of a stored pack. */
import { loadBytes } from "@holdfast/storage";
import { engineError } from "../errors.ts";
import type { Id } from "../format/id.ts";
import { decodePackHeader, HEADER_LENGTH_BYTES, sealedHeaderBytes, type PackEntry } from "../format/pack-header.ts";
import { openSealed, type Repository } from "../repository/repository.ts";

/** Enough for the header of nearly every data pack, so that one read does. */
const TAIL_BYTES = 16 * 1024;

/**
 * The blobs of a pack by its own header, which must account for every byte of the file.
 * @throws ENGINE_MALFORMED, ENGINE_UNAUTHENTIC, and what the backend throws
 */
export async function readPackHeader(
  repository: Repository,
  { id, sizeBytes }: { id: Id; sizeBytes: number },
  { signal }: { signal: AbortSignal },
): Promise<PackEntry[]> {
  const readEnd = (length: number): Promise<Uint8Array> =>
    loadBytes(repository.backend, { type: "pack", name: id }, { offset: sizeBytes - length, length }, { signal });
  const tail = await readEnd(Math.min(sizeBytes, TAIL_BYTES));
  const needed = sealedHeaderBytes(tail, sizeBytes, `pack ${id}`) + HEADER_LENGTH_BYTES;
  return openPackHeader(repository, { id, sizeBytes }, needed > tail.length ? await readEnd(needed) : tail);
}

/**
 * The same from bytes at hand.
 * @param tail the end of the pack, long enough to hold the header
 * @throws ENGINE_MALFORMED, ENGINE_UNAUTHENTIC
 */
export function openPackHeader(
  repository: Repository,
  { id, sizeBytes }: { id: Id; sizeBytes: number },
  tail: Uint8Array,
): PackEntry[] {
  const what = `pack ${id}`;
  const sealedBytes = sealedHeaderBytes(tail, sizeBytes, what);
  const end = tail.length - HEADER_LENGTH_BYTES;
  const plain = openSealed(repository.sealer, tail.subarray(end - sealedBytes, end), `the header of ${what}`);
  const entries = decodePackHeader(plain, what);
  const listed = entries.reduce((sum, { lengthBytes }) => sum + lengthBytes, sealedBytes + HEADER_LENGTH_BYTES);
  if (listed !== sizeBytes) {
    throw engineError("ENGINE_MALFORMED", {
      what,
      reason: `it has ${sizeBytes} bytes, its header accounts for ${listed}`,
    });
  }
  return entries;
}
