/** Reads sealed trees on the main thread. Trees of one snapshot lie close together, so blocks of packs are read and kept. */
import { Semaphore } from "@holdfast/base";
import { loadBytes, type Backend } from "@holdfast/storage";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";

const BLOCK_BYTES = 1024 * 1024;
const CACHE_BYTES = 24 * 1024 * 1024;

export class TreeLoader {
  readonly #backend: Backend;
  readonly #index: BlobIndex;
  readonly #calls: Semaphore;
  readonly #sizes = new Map<number, Promise<number>>();
  /** Most recently used last. */
  readonly #blocks = new Map<string, Promise<Uint8Array>>();

  constructor(backend: Backend, index: BlobIndex, calls: Semaphore) {
    this.#backend = backend;
    this.#index = index;
    this.#calls = calls;
  }

  /** The sealed bytes of a blob. @throws what the backend throws */
  async load(place: BlobLocation, signal: AbortSignal): Promise<Uint8Array> {
    const end = place.offset + place.lengthBytes;
    const first = Math.floor(place.offset / BLOCK_BYTES);
    const last = Math.floor((end - 1) / BLOCK_BYTES);
    const blocks = await Promise.all(
      Array.from({ length: last - first + 1 }, (_, n) => this.#block(place.pack, first + n, end, signal)),
    );
    const start = place.offset - first * BLOCK_BYTES;
    const [only] = blocks;
    if (only !== undefined && blocks.length === 1) return only.subarray(start, start + place.lengthBytes);
    return Buffer.concat(blocks).subarray(start, start + place.lengthBytes);
  }

  /** @param needed an offset up to which the pack must reach */
  #block(pack: number, block: number, needed: number, signal: AbortSignal): Promise<Uint8Array> {
    const key = `${pack}:${block}`;
    const known = this.#blocks.get(key);
    const loading = known ?? this.#loadBlock(pack, block, needed, signal);
    if (known !== undefined) this.#blocks.delete(key);
    this.#blocks.set(key, loading);
    // A failed read is tried again by whoever asks next.
    if (known === undefined) loading.catch(() => this.#blocks.delete(key));
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > CACHE_BYTES / BLOCK_BYTES && oldest !== undefined) this.#blocks.delete(oldest);
    return loading;
  }

  async #loadBlock(pack: number, block: number, needed: number, signal: AbortSignal): Promise<Uint8Array> {
    const key = { type: "pack" as const, name: this.#index.packId(pack) };
    let size = this.#sizes.get(pack);
    if (size === undefined) {
      size = this.#backend.stat(key, { signal }).then((info) => info?.sizeBytes ?? 0);
      this.#sizes.set(pack, size);
      size.catch(() => this.#sizes.delete(pack));
    }
    // At least up to what the index says there is: if the pack is shorter, that is the backend's error to raise.
    const end = Math.min((block + 1) * BLOCK_BYTES, Math.max(await size, needed));
    const release = await this.#calls.acquire();
    try {
      const range = { offset: block * BLOCK_BYTES, length: end - block * BLOCK_BYTES };
      return await loadBytes(this.#backend, key, range, { signal });
    } finally {
      release();
    }
  }
}
