/**
 * Takes finished packs from workers: saves them, records their blobs in the index, and writes index files. The order of
 * writes is the repository's safety: a pack is stored before an index names it, and an index before a snapshot needs it.
 */
import { bytesSource } from "@holdfast/storage";
import { Semaphore } from "@holdfast/base";
import { idFromBytes, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { IndexFileBuilder, type PackBlob } from "../index/index-file.ts";
import type { Repository } from "../repository/repository.ts";
import { ENTRY_BYTES, type FinishedPack, type PackPool } from "./pack-pool.ts";

export class PackIntake {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #pool: PackPool;
  readonly #signal: AbortSignal;
  readonly #saves: Semaphore;
  readonly #running = new Set<Promise<void>>();
  readonly #builder = new IndexFileBuilder();
  #failure: { error: unknown } | undefined;
  readonly #onFailure: (error: unknown) => void;
  readonly #onTreePack: (id: Id, bytes: Uint8Array) => Promise<void>;

  constructor(parts: {
    repository: Repository;
    index: BlobIndex;
    pool: PackPool;
    signal: AbortSignal;
    /** Called once, at the first pack or index that cannot be stored. */
    onFailure: (error: unknown) => void;
    /** Called with each stored tree pack, so that a cache can keep it. */
    onTreePack?: (id: Id, bytes: Uint8Array) => Promise<void>;
  }) {
    this.#repository = parts.repository;
    this.#index = parts.index;
    this.#pool = parts.pool;
    this.#signal = parts.signal;
    this.#onFailure = parts.onFailure;
    this.#onTreePack = parts.onTreePack ?? (() => Promise.resolve());
    this.#saves = new Semaphore(Math.max(1, parts.repository.backend.capabilities.maxConcurrency));
  }

  /** Starts saving a pack. Errors are reported through `onFailure` and again by `settle`. */
  accept(pack: FinishedPack): void {
    const task: Promise<void> = this.#save(pack)
      .catch((error: unknown) => {
        if (this.#failure !== undefined) return;
        this.#failure = { error };
        this.#onFailure(error);
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  /** Waits for every pack accepted so far. @throws the first failure */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits for all packs and writes what the index files still lack. @throws the first failure */
  async finish(): Promise<void> {
    await this.settle();
    const rest = this.#builder.takeRest();
    if (rest !== undefined) await this.#repository.saveDocument("index", rest, { signal: this.#signal });
  }

  /**
   * After a failed or interrupted run: records the packs that are stored, so that the next run need not store their blobs
   * again. Does what it can until the signal ends; a pack that stays unrecorded is only unused.
   */
  async recordInterrupted(signal: AbortSignal): Promise<void> {
    const ended = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([Promise.all(this.#running), ended]);
    const rest = this.#builder.takeRest();
    if (rest === undefined) return;
    await this.#repository.saveDocument("index", rest, { signal }).catch(() => {});
  }

  async #save(pack: FinishedPack): Promise<void> {
    const release = await this.#saves.acquire();
    try {
      const bytes = this.#pool.bytesOf(pack);
      await this.#repository.backend.save({ type: "pack", name: pack.id }, bytesSource(bytes), { signal: this.#signal });
      if (pack.type === "tree") await this.#onTreePack(pack.id, bytes);
      const blobs = this.#record(pack);
      this.#pool.free(pack);
      const full = this.#builder.add({ id: pack.id, blobs });
      if (full !== undefined) await this.#repository.saveDocument("index", full, { signal: this.#signal });
    } finally {
      release();
    }
  }

  #record(pack: FinishedPack): PackBlob[] {
    const number = this.#index.addPack(pack.id);
    const view = new DataView(pack.entries.buffer, pack.entries.byteOffset);
    const blobs: PackBlob[] = [];
    let offset = 0;
    for (let at = 0; at < pack.entries.length; at += ENTRY_BYTES) {
      const lengthBytes = view.getUint32(at + 1, true);
      const uncompressedBytes = view.getUint32(at + 5, true);
      this.#index.add(pack.type, pack.entries, at + 9, number, offset, lengthBytes, uncompressedBytes);
      blobs.push({ id: idFromBytes(pack.entries, at + 9), type: pack.type, offset, lengthBytes, uncompressedBytes });
      offset += lengthBytes;
    }
    return blobs;
  }
}
