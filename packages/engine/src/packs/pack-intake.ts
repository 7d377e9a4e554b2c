/**
 * Takes finished packs from workers: saves them, records their blobs in the index, and writes index files. The order of
 * writes is the repository's safety: a pack is stored before an index names it, and an index before a snapshot needs it.
 */
import { bytesSource } from "@holdfast/storage";
import { Semaphore } from "@holdfast/base";
import { idToBytes } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { IndexFileBuilder, type IndexedPack } from "../index/index-file.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import type { Repository } from "../repository/repository.ts";
import { ENTRY_BYTES, ENTRY_ID_AT, encodePackJson } from "./pack-json.ts";
import type { FinishedPack, PackPool } from "./pack-pool.ts";
import { readBack } from "./read-back.ts";

export class PackIntake {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #pool: PackPool;
  readonly #signal: AbortSignal;
  readonly #saves: Semaphore;
  readonly #running = new Set<Promise<void>>();
  readonly #builder = new IndexFileBuilder();
  /** Index files that are complete and not stored yet. */
  readonly #unsaved = new Set<Uint8Array>();
  readonly #givenUp = new AbortController();
  /** Aborts when the run does, and when what is still on its way is given up. */
  readonly #saving: AbortSignal;
  readonly #mayWrite: Promise<void> | undefined;
  #interrupted = false;
  #failure: { error: unknown } | undefined;
  readonly #onFailure: (error: unknown) => void;
  readonly #onReadBack: ((sizeBytes: number) => void) | undefined;

  constructor(parts: {
    repository: Repository;
    index: BlobIndex;
    pool: PackPool;
    signal: AbortSignal;
    /** Nothing is written before it has resolved. Default: at once. */
    mayWrite?: Promise<void> | undefined;
    /** Called once, at the first pack or index that cannot be stored. */
    onFailure: (error: unknown) => void;
    /** When given, each pack is read again before an index names it, and told with its size when it is as it was stored. */
    onReadBack?: ((sizeBytes: number) => void) | undefined;
  }) {
    this.#repository = parts.repository;
    this.#index = parts.index;
    this.#pool = parts.pool;
    this.#signal = parts.signal;
    this.#mayWrite = parts.mayWrite;
    this.#saving = AbortSignal.any([parts.signal, this.#givenUp.signal]);
    this.#onFailure = parts.onFailure;
    this.#onReadBack = parts.onReadBack;
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

  /** Takes a pack that is stored already and that no index file lists, so that the next one does. */
  async adopt(pack: IndexedPack): Promise<void> {
    const number = this.#index.addPack(pack.id);
    for (const blob of pack.blobs) {
      this.#index.add(blob.type, idToBytes(blob.id), 0, number, blob.offset, blob.lengthBytes, blob.uncompressedBytes);
    }
    await this.#storeFull(this.#builder.add(pack), this.#signal);
  }

  /** Waits for all packs and writes what the index files still lack. @throws the first failure */
  async finish(): Promise<void> {
    await this.settle();
    await this.#saveRest(this.#signal);
  }

  /**
   * The run has failed: from now on shared memory is left alone, where a worker that is ended by force may hold a lock. Call
   * it before the workers are stopped.
   */
  interrupt(): void {
    this.#interrupted = true;
  }

  /**
   * After a failed or interrupted run: records the packs that are stored, so that the next run need not store their blobs
   * again. Does what it can until the signal ends; then everything that is still on its way is given up, so that nothing is
   * written once the repository is unlocked. A pack that stays unrecorded is only unused.
   */
  async recordInterrupted(signal: AbortSignal): Promise<void> {
    const ended = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    // The run's own failure is what counts: the packs of an index that cannot be written now are adopted by the next run.
    const recorded = Promise.all(this.#running)
      .then(() => this.#saveRest(signal))
      .catch(() => {});
    await Promise.race([recorded, ended]);
    this.#givenUp.abort();
  }

  async #save(pack: FinishedPack): Promise<void> {
    await this.#mayWrite;
    const release = await this.#saves.acquire();
    try {
      const signal = this.#saving;
      const bytes = this.#pool.bytesOf(pack);
      const sizeBytes = bytes.length;
      // Before it is stored: a cache keeps a copy of a pack with trees on its way.
      if (pack.type === "tree" && !this.#interrupted) this.#index.markTreePack(this.#index.addPack(pack.id));
      const mayBeCold = pack.type === "data";
      const file = { type: "pack", name: pack.id } as const;
      const saving = this.#repository.backend.save(file, bytesSource(bytes), { signal, mayBeCold });
      // While it is on its way: what comes after the last pack is waited for by everybody.
      const json = encodePackJson(pack.id, pack.type, pack.entries);
      await saving;
      if (!this.#interrupted) this.#pool.free(pack);
      if (this.#onReadBack !== undefined) {
        await readBack(this.#repository.backend, pack.id, { signal });
        this.#onReadBack(sizeBytes);
      }
      if (!this.#interrupted) addToIndex(this.#index, pack);
      await this.#storeFull(this.#builder.addEncoded(json, pack.entries.length / ENTRY_BYTES), signal);
      releaseBytes(pack.entries);
    } finally {
      release();
    }
  }

  async #storeFull(full: Uint8Array | undefined, signal: AbortSignal): Promise<void> {
    if (full === undefined) return;
    this.#unsaved.add(full);
    await this.#saveIndex(full, signal);
  }

  async #saveRest(signal: AbortSignal): Promise<void> {
    const rest = this.#builder.takeRest();
    if (rest !== undefined) this.#unsaved.add(rest);
    for (const json of this.#unsaved) await this.#saveIndex(json, signal);
  }

  async #saveIndex(json: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#repository.saveDocument("index", json, { signal });
    this.#unsaved.delete(json);
    releaseBytes(json);
  }
}

function addToIndex(index: BlobIndex, { id, type, entries }: FinishedPack): void {
  const pack = index.addPack(id);
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  for (let at = 0, offset = 0; at < entries.length; at += ENTRY_BYTES) {
    const lengthBytes = view.getUint32(at + 1, true);
    index.add(type, entries, at + ENTRY_ID_AT, pack, offset, lengthBytes, view.getUint32(at + 5, true));
    offset += lengthBytes;
  }
}
