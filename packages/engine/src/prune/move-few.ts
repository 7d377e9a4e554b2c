/** Moves a few blobs to new packs on the calling thread: for so little, starting threads takes longer than the work. */
import type { BlobIndex } from "../index/blob-index.ts";
import { Compressor, type CompressionMode } from "../platform/zstd.ts";
import { BlobWriter } from "../repair/blob-writer.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import type { EntriesOfPack } from "../transfer/transfer.ts";

/** More than this is work for threads. Each blob is a call of the backend, one after the other. */
export const FEW_BLOBS = 100;
export const FEW_BYTES = 1024 * 1024;

interface Options {
  readonly signal: AbortSignal;
  readonly packSizeBytes: number;
  readonly compression: CompressionMode;
  /** Called after each blob. */
  readonly onBlob: () => void;
}

/**
 * Stores these blobs anew, and index files that list them. A blob whose copy is damaged is read from another one.
 * @returns how many bytes they take now. @throws damage of a blob that has no good copy, and what the backend throws
 */
export async function moveFew(
  repository: Repository,
  index: BlobIndex,
  moves: Iterable<EntriesOfPack>,
  { signal, packSizeBytes, compression, onBlob }: Options,
): Promise<number> {
  const reader = new BlobReader(repository, index);
  const writer = new BlobWriter(repository, index, { signal, packSizeBytes, compression });
  const compressor = new Compressor(compression === "off" ? "auto" : compression);
  let storedBytes = 0;
  for (const { entries } of moves) {
    for (const entry of entries) {
      const id = index.idAt(entry);
      const type = index.typeAt(entry);
      const isCompressed = (index.locationAt(entry)?.uncompressedBytes ?? 0) > 0;
      const plain = await reader.load(type, id, { signal });
      const compresses =
        repository.config.version >= 2 &&
        (type === "tree" || isCompressed || compression !== "off") &&
        plain.length > 0;
      // Compressed even where that is no smaller, so that nobody wants to compress it again.
      const stored = compresses ? compressor.compress(plain) : plain;
      await writer.putStored(type, id, stored, compresses ? plain.length : 0);
      storedBytes += stored.length;
      onBlob();
    }
  }
  await writer.finish();
  return storedBytes;
}
