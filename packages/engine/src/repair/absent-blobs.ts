/** Finds every blob that snapshots need and the repository does not have. */
import { isDamageError } from "../browse/damage.ts";
import { idFromBytes, idToBytes, type BlobType, type Id } from "../format/id.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { markUsed } from "../prune/mark-used.ts";
import { TreeReferences } from "../prune/tree-references.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { packSizes } from "../repository/pack-sizes.ts";
import type { Repository } from "../repository/repository.ts";

interface Options {
  readonly signal: AbortSignal;
  /** Called after each tree, or many of them, with how many were read so far. */
  readonly onTrees?: ((trees: number) => void) | undefined;
}

/** A set of blobs that a repository of any size may lack all of: an index in which they are claimed and have no place. */
export type BlobSet = BlobIndex;

/** The blobs of a set. */
export function* blobsOf(set: BlobSet): Generator<{ readonly type: BlobType; readonly id: Id }> {
  for (let entry = 0; entry < set.count; entry++) yield { type: set.typeAt(entry), id: set.idAt(entry) };
}

/**
 * What these trees and all below them need and the index does not have, and trees that cannot be read. What is below those is
 * not known. Data is not read: it is there when the index has it.
 * @param index without what is known to be lost
 * @throws what the backend throws; on abort the signal's reason
 */
export async function absentBlobs(
  repository: Repository,
  index: BlobIndex,
  roots: readonly Id[],
  options: Options,
): Promise<BlobSet> {
  const absent = BlobIndex.create();
  if (await isWhole(repository, index, roots, options)) return absent;
  await new Search(repository, index, absent, options).run(roots);
  return absent;
}

/** Whether nothing is lacking: worker threads find that out in a fraction of the time. */
async function isWhole(
  repository: Repository,
  index: BlobIndex,
  roots: readonly Id[],
  { signal, onTrees }: Options,
): Promise<boolean> {
  const packBytes = await packSizes(repository, index, { signal });
  const trees = { live: roots, forgotten: [] };
  const options = { signal, packBytes, workers: undefined, onTrees };
  return (await markUsed(repository, index, trees, options)).isLiveComplete;
}

class Search {
  readonly #index: BlobIndex;
  readonly #blobs: BlobReader;
  readonly #absent: BlobSet;
  readonly #options: Options;
  /** Entries whose trees were read, or wait to be. */
  readonly #seen: Uint8Array;
  readonly #waiting: Id[] = [];
  readonly #references: TreeReferences;

  constructor(repository: Repository, index: BlobIndex, absent: BlobSet, options: Options) {
    this.#index = index;
    this.#blobs = new BlobReader(repository, index);
    this.#absent = absent;
    this.#options = options;
    this.#seen = new Uint8Array(index.count);
    this.#references = new TreeReferences({
      data: (id) => this.#needData(id),
      tree: (id) => this.#needTree(id),
    });
  }

  async run(roots: readonly Id[]): Promise<void> {
    const { signal, onTrees } = this.#options;
    for (const root of roots) this.#needTree(idToBytes(root));
    let trees = 0;
    for (let id = this.#waiting.pop(); id !== undefined; id = this.#waiting.pop()) {
      signal.throwIfAborted();
      try {
        this.#references.read(await this.#blobs.load("tree", id, { signal }), `tree ${id}`);
      } catch (error) {
        if (signal.aborted || !isDamageError(error)) throw error;
        this.#absent.claim("tree", idToBytes(id), 0);
      }
      onTrees?.(++trees);
    }
  }

  #needData(id: Uint8Array): void {
    if (!this.#index.has("data", id, 0)) this.#absent.claim("data", id, 0);
  }

  #needTree(id: Uint8Array): void {
    const entry = this.#index.entryOf("tree", id, 0);
    if (entry < 0) {
      this.#absent.claim("tree", id, 0);
      return;
    }
    if (this.#seen[entry] === 1) return;
    this.#seen[entry] = 1;
    this.#waiting.push(idFromBytes(id));
  }
}
