/** Loads every index file of a repository into one blob index. */
import { forEachConcurrent, isHoldfastError, messageOf } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { readIndexFile } from "../index/index-file.ts";
import type { Id } from "../format/id.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import type { Repository } from "./repository.ts";

/** Sealed index files compress to about a fifth; a blob takes about 170 bytes of JSON. Only a hint for the first size. */
const BLOBS_PER_SEALED_BYTE = 5 / 170;
const PARALLEL_LOADS = 4;

export interface LoadIndexOptions {
  readonly signal: AbortSignal;
  /** Called after each file. */
  readonly onFile?: (done: number, total: number) => void;
  /** Called for a file that cannot be used; without it ENGINE_INDEX_DAMAGED is thrown. */
  readonly onDamaged?: (id: Id, error: unknown) => void;
}

/**
 * The list of files is taken before any is read: snapshots listed earlier are covered (the format's order of reading).
 * Index files that vanish meanwhile were replaced by another client's maintenance; the list is then taken again.
 * @throws ENGINE_INDEX_DAMAGED, and what the backend throws
 */
export async function loadIndex(repository: Repository, options: LoadIndexOptions): Promise<BlobIndex> {
  for (let attempt = 1; ; attempt++) {
    try {
      const index = await loadListed(repository, options);
      repository.onIndex?.(index);
      return index;
    } catch (error) {
      const replaced = isHoldfastError(error, "STORAGE_NOT_FOUND");
      if (!replaced || attempt === 3) throw error;
    }
  }
}

async function loadListed(repository: Repository, { signal, onFile, onDamaged }: LoadIndexOptions): Promise<BlobIndex> {
  const files: Id[] = [];
  let sealedBytes = 0;
  for await (const info of repository.files("index", { signal })) {
    files.push(info.id);
    sealedBytes += info.sizeBytes;
  }
  const index = BlobIndex.create({ expectedBlobs: Math.ceil(sealedBytes * BLOBS_PER_SEALED_BYTE) });
  let done = 0;
  await forEachConcurrent(
    files,
    PARALLEL_LOADS,
    async (id, inner) => {
      try {
        const json = await repository.loadDocument("index", id, { signal: inner });
        readIndexFile(json, index, { what: `index ${id}` });
        releaseBytes(json);
      } catch (error) {
        if (inner.aborted || !isHoldfastError(error) || error.kind !== "corrupt") throw error;
        if (onDamaged === undefined) throw engineError("ENGINE_INDEX_DAMAGED", { id, reason: messageOf(error) }, error);
        onDamaged(id, error);
      }
      onFile?.(++done, files.length);
    },
    { signal },
  );
  return index;
}
