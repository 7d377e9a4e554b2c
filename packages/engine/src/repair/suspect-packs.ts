/** Finds packs in which something must be wrong without reading all of them: by the list of files and the index. */
import { PacksOfIndex } from "../check/packs-of-index.ts";
import { idOf, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import { loadPack } from "./load-pack.ts";

/**
 * Packs that the index lists and the store does not have, or has with a size that they cannot have. A file that still has the
 * hash that names it is not among them, whatever its size: then it is the index that is wrong.
 * @throws what the backend throws; on abort the signal's reason
 */
export async function suspectPacks(
  repository: Repository,
  index: BlobIndex,
  { signal }: { signal: AbortSignal },
): Promise<Id[]> {
  const { expectedBytes } = new PacksOfIndex(index);
  const isSeen = new Uint8Array(index.packCount);
  const suspects: Id[] = [];
  const wrongSize: Id[] = [];
  for await (const { id, sizeBytes } of repository.files("pack", { signal })) {
    const pack = index.packNumber(id);
    if (pack === undefined) continue;
    isSeen[pack] = 1;
    if (sizeBytes !== expectedBytes[pack]) wrongSize.push(id);
  }
  for (let pack = 0; pack < isSeen.length; pack++) if (isSeen[pack] === 0) suspects.push(index.packId(pack));
  for (const id of wrongSize) {
    const { bytes } = await loadPack(repository, id, { signal });
    if (bytes === undefined || idOf(bytes) !== id) suspects.push(id);
  }
  return suspects;
}
