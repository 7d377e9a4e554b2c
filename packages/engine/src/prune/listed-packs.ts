/** Which packs some index files list. */
import { ID_BYTES, type Id, idFromBytes } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { IndexParser } from "../index/index-parser.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import type { Repository } from "../repository/repository.ts";

/**
 * The packs of these files, by their numbers in an index that was loaded from them and others.
 * @throws what reading a file throws; on abort the signal's reason
 */
export async function listedPacks(
  repository: Repository,
  index: BlobIndex,
  files: readonly Id[],
  { signal }: { signal: AbortSignal },
): Promise<ReadonlySet<number>> {
  const packs = new Set<number>();
  for (const id of files) {
    const json = await repository.loadDocument("index", id, { signal });
    const { batch } = new IndexParser(json, `index ${id}`).parse();
    for (let at = 0; at < batch.packCount; at++) {
      const pack = index.packNumber(idFromBytes(batch.packIds, at * ID_BYTES));
      if (pack !== undefined) packs.add(pack);
    }
    releaseBytes(json);
  }
  return packs;
}
