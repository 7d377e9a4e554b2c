/** Stores blobs from one thread, a few at a time: repairs write little. Packs and index files are made as a backup makes them. */
import { hashInto, ID_BYTES, idFromBytes, idToBytes, type BlobType, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { PackIntake } from "../packs/pack-intake.ts";
import { PackPool, PackSealer } from "../packs/pack-pool.ts";
import { type CompressionMode, Compressor } from "../platform/zstd.ts";
import type { Repository } from "../repository/repository.ts";

const USUAL_PACK_BYTES = 16 * 1024 * 1024;
/** Three open packs and one on its way: a store that fills a pack waits for it, so a free slot is always there. */
const SLOTS = 4;

/** How new packs are made. */
export interface PackSettings {
  /** 16 MiB if absent. */
  readonly packSizeBytes?: number;
  /** `auto` if absent. Trees are compressed with `off` as well. */
  readonly compression?: CompressionMode;
}

export class BlobWriter {
  readonly #repository: Repository;
  readonly #signal: AbortSignal;
  readonly #compressor: Compressor;
  readonly #compressesData: boolean;
  readonly #sealer: PackSealer;
  readonly #intake: PackIntake;
  #isPackFull = false;

  /** @param index gets the new blobs as their packs are stored */
  constructor(
    repository: Repository,
    index: BlobIndex,
    { signal, packSizeBytes = USUAL_PACK_BYTES, compression = "auto" }: PackSettings & { signal: AbortSignal },
  ) {
    this.#repository = repository;
    this.#signal = signal;
    this.#compressesData = compression !== "off";
    this.#compressor = new Compressor(compression === "off" ? "auto" : compression);
    const pool = PackPool.create({ packSizeBytes, slots: SLOTS });
    // A failure comes out of `settle`, which every store that filled a pack waits for.
    this.#intake = new PackIntake({ repository, index, pool, signal, onFailure: () => {} });
    this.#sealer = new PackSealer(pool, repository.masterKey, (pack) => {
      this.#intake.accept(pack);
      this.#isPackFull = true;
    });
  }

  /** Stores a blob, also when the repository has one with this id. @throws what the backend throws */
  async put(type: BlobType, plain: Uint8Array): Promise<Id> {
    const id = new Uint8Array(ID_BYTES);
    hashInto(plain, id, 0);
    const compressed = this.#compresses(type) ? this.#compressor.compress(plain) : plain;
    const isSmaller = compressed.length < plain.length;
    await this.#store(type, id, isSmaller ? compressed : plain, isSmaller ? plain.length : 0);
    return idFromBytes(id);
  }

  /**
   * Stores a blob whose stored form is at hand: the blob itself, or compressed, and then `plainBytes` is its plain length.
   * @throws what the backend throws
   */
  putStored(type: BlobType, id: Id, stored: Uint8Array, plainBytes: number): Promise<void> {
    return this.#store(type, idToBytes(id), stored, plainBytes);
  }

  /** Stores what is still open, and the index files of all that was stored. @throws what the backend throws */
  async finish(): Promise<void> {
    this.#sealer.flush();
    await this.#intake.finish();
  }

  #compresses(type: BlobType): boolean {
    return this.#repository.config.version >= 2 && (type === "tree" || this.#compressesData);
  }

  async #store(type: BlobType, id: Uint8Array, payload: Uint8Array, plainBytes: number): Promise<void> {
    this.#signal.throwIfAborted();
    this.#sealer.store(type, id, 0, payload, plainBytes);
    if (!this.#isPackFull) return;
    this.#isPackFull = false;
    await this.#intake.settle();
  }
}
