/** Which of the packs that an index lists are in the store, and how large they are. */
import type { BlobIndex } from "../index/blob-index.ts";
import type { Repository } from "./repository.ts";

/**
 * Sizes of the packs of an index by their number; -1 for those that the store does not have.
 * @throws what the backend throws; on abort the signal's reason
 */
export async function packSizes(
  repository: Repository,
  index: BlobIndex,
  { signal }: { signal: AbortSignal },
): Promise<Float64Array> {
  const packBytes = new Float64Array(index.packCount).fill(-1);
  for await (const { id, sizeBytes } of repository.files("pack", { signal })) {
    const pack = index.packNumber(id);
    if (pack !== undefined) packBytes[pack] = sizeBytes;
  }
  return packBytes;
}
