/**
 * Reads trees for work that goes through whole snapshots: blocks of packs are read and kept, as trees of one snapshot lie close
 * together. Where a copy is damaged, the others are tried.
 */
import { Semaphore } from "@holdfast/base";
import { isDamageError } from "../browse/damage.ts";
import { engineError } from "../errors.ts";
import { idOf, idToBytes, type Id } from "../format/id.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import { Decompressor } from "../platform/zstd.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeLoader } from "../restore/tree-loader.ts";

/** Larger trees are left to `BlobReader`, which refuses what no program can have written. */
const LARGEST_BYTES = 1024 * 1024 * 1024;

export class TreeSource {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #blocks: TreeLoader;
  readonly #single: BlobReader;
  readonly #decompressor = new Decompressor();

  constructor(repository: Repository, index: BlobIndex) {
    this.#repository = repository;
    this.#index = index;
    const calls = new Semaphore(Math.max(1, repository.backend.capabilities.maxConcurrency));
    this.#blocks = new TreeLoader(repository.backend, index, calls);
    this.#single = new BlobReader(repository, index);
  }

  /**
   * The plain bytes of a tree, checked against its id. They belong to the caller.
   * @throws ENGINE_BLOB_MISSING and other damage, and what the backend throws; on abort the signal's reason
   */
  async load(id: Id, { signal }: { signal: AbortSignal }): Promise<Uint8Array> {
    const place = this.#index.find("tree", idToBytes(id), 0);
    if (place === undefined) throw engineError("ENGINE_BLOB_MISSING", { type: "tree", id });
    if (Math.max(place.lengthBytes, place.uncompressedBytes) <= LARGEST_BYTES) {
      try {
        const bytes = this.#open(await this.#blocks.load(place, signal), place);
        if (idOf(bytes) === id) return bytes;
      } catch (error) {
        if (signal.aborted || !isDamageError(error)) throw error;
      }
    }
    return this.#single.load("tree", id, { signal });
  }

  #open(sealed: Uint8Array, { uncompressedBytes }: BlobLocation): Uint8Array {
    const { sealer } = this.#repository;
    if (uncompressedBytes === 0) return sealer.open(sealed);
    return new Uint8Array(this.#decompressor.decompress(sealer.openTransient(sealed), uncompressedBytes));
  }
}
