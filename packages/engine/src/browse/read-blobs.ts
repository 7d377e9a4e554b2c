/**
 * Reads data blobs in a given order, ahead of their use and by pack: upcoming blobs are gathered in windows, those that lie
 * close together in a pack are read in one go, and the next window is loaded while this one is handed out. Memory is bounded
 * by the window, not by the number or size of files.
 */
import { Semaphore } from "@holdfast/base";
import { loadBytes } from "@holdfast/storage";
import { SEAL_OVERHEAD } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { idToBytes, idOf, type Id } from "../format/id.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import { Decompressor } from "../platform/zstd.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import { isDamageError } from "./damage.ts";

/** What is wanted next: a mark, which comes out where it went in, or the bytes of a data blob. */
export type Wanted<M> = { readonly mark: M } | { readonly blob: Id };

/** What comes out: marks, and blobs as their plain bytes, which stay valid but must not be changed: repeated blobs share them. */
export type Delivered<M> = { readonly mark: M } | { readonly bytes: Uint8Array };

const WINDOW_BYTES = 8 * 1024 * 1024;
const WINDOW_STEPS = 2048;
const RANGE_BYTES = 4 * 1024 * 1024;
/** Reading this much that nobody asked for costs less than another call; times the steps, it bounds what a window holds. */
const GAP_BYTES = 16 * 1024;
const PARALLEL_LOADS = 4;
/** Larger blobs are left to `BlobReader`, which refuses what no program can have written. */
const LARGEST_BYTES = 128 * 1024 * 1024;

interface Range {
  readonly pack: number;
  readonly offset: number;
  end: number;
  bytes: Promise<Uint8Array | undefined>;
}

interface Window<M> {
  readonly steps: Wanted<M>[];
  readonly ranges: Map<string, Range>;
  /** What the input failed with after these steps. */
  failure: { readonly error: unknown } | undefined;
  isLast: boolean;
}

/** The plain length of a blob, as the index tells it. @throws ENGINE_BLOB_MISSING */
export function plainBytes(index: BlobIndex, id: Id): number {
  const place = index.find("data", idToBytes(id), 0);
  if (place === undefined) throw engineError("ENGINE_BLOB_MISSING", { type: "data", id });
  return place.uncompressedBytes > 0 ? place.uncompressedBytes : place.lengthBytes - SEAL_OVERHEAD;
}

/** One reader serves one pass at a time. */
export class BlobSequenceReader {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #single: BlobReader;
  readonly #decompressor = new Decompressor();
  readonly #loads = new Semaphore(PARALLEL_LOADS);

  constructor(repository: Repository, index: BlobIndex) {
    this.#repository = repository;
    this.#index = index;
    this.#single = new BlobReader(repository, index);
  }

  /**
   * Delivers in order. A copy of a blob that is damaged is replaced by another one if the repository has it. An error comes
   * after everything that was wanted before it.
   * @throws ENGINE_BLOB_MISSING and other damage, what the input throws, what the backend throws; on abort the signal's reason
   */
  async *read<M>(wanted: AsyncIterable<Wanted<M>>, { signal }: { signal: AbortSignal }): AsyncGenerator<Delivered<M>> {
    const stop = new AbortController();
    const inner = AbortSignal.any([signal, stop.signal]);
    const input = wanted[Symbol.asyncIterator]();
    let next = this.#gather(input, inner);
    try {
      for (;;) {
        const window = await next;
        if (!window.isLast) next = this.#gather(input, inner);
        yield* this.#deliver(window, inner);
        if (window.failure !== undefined) throw window.failure.error;
        if (window.isLast) return;
      }
    } finally {
      stop.abort(engineError("ENGINE_ABORTED"));
      await next;
      await input.return?.();
    }
  }

  /** Takes steps from the input until the window is full, and starts loading. Never rejects. */
  async #gather<M>(input: AsyncIterator<Wanted<M>>, signal: AbortSignal): Promise<Window<M>> {
    const window: Window<M> = { steps: [], ranges: new Map(), failure: undefined, isLast: true };
    const places = new Map<string, BlobLocation>();
    let bytes = 0;
    try {
      while (bytes < WINDOW_BYTES && window.steps.length < WINDOW_STEPS) {
        const { done, value } = await input.next();
        if (done === true) return window;
        window.steps.push(value);
        if (!("blob" in value)) continue;
        const place = this.#index.find("data", idToBytes(value.blob), 0);
        if (place === undefined || Math.max(place.lengthBytes, place.uncompressedBytes) > LARGEST_BYTES) continue;
        if (!places.has(value.blob)) bytes += place.lengthBytes;
        places.set(value.blob, place);
      }
      window.isLast = false;
    } catch (error) {
      window.failure = { error };
    } finally {
      this.#startLoads(window, places, signal);
    }
    return window;
  }

  #startLoads<M>(window: Window<M>, places: ReadonlyMap<string, BlobLocation>, signal: AbortSignal): void {
    const sorted = [...places].sort(([, a], [, b]) => a.pack - b.pack || a.offset - b.offset);
    const ranges: Range[] = [];
    for (const [id, { pack, offset, lengthBytes }] of sorted) {
      const last = ranges.at(-1);
      const end = offset + lengthBytes;
      const joins = last?.pack === pack && offset - last.end <= GAP_BYTES && end - last.offset <= RANGE_BYTES;
      const range = joins ? last : { pack, offset, end, bytes: Promise.resolve(undefined) };
      range.end = Math.max(range.end, end);
      if (!joins) ranges.push(range);
      window.ranges.set(id, range);
    }
    for (const range of ranges) {
      range.bytes = this.#load(range, signal);
      // Whoever needs it sees the failure; until then it is no unhandled rejection.
      range.bytes.catch(() => {});
    }
  }

  /** The bytes of a range, or `undefined` when the pack does not have them: its blobs are then tried one by one. */
  async #load({ pack, offset, end }: Range, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const release = await this.#loads.acquire();
    try {
      signal.throwIfAborted();
      const key = { type: "pack", name: this.#index.packId(pack) } as const;
      return await loadBytes(this.#repository.backend, key, { offset, length: end - offset }, { signal });
    } catch (error) {
      if (signal.aborted || !isDamageError(error)) throw error;
      return undefined;
    } finally {
      release();
    }
  }

  async *#deliver<M>(window: Window<M>, signal: AbortSignal): AsyncGenerator<Delivered<M>> {
    let last: { id: Id; bytes: Uint8Array } | undefined;
    for (const step of window.steps) {
      signal.throwIfAborted();
      if ("mark" in step) {
        yield step;
        continue;
      }
      // Long runs of one blob are the holes of sparse files.
      if (last?.id !== step.blob) last = { id: step.blob, bytes: await this.#open(window, step.blob, signal) };
      yield { bytes: last.bytes };
    }
  }

  async #open<M>(window: Window<M>, id: Id, signal: AbortSignal): Promise<Uint8Array> {
    const range = window.ranges.get(id);
    const bytes = await range?.bytes;
    const plain = range === undefined || bytes === undefined ? undefined : this.#tryOpen(id, range, bytes);
    return plain ?? this.#single.load("data", id, { signal });
  }

  /** The plain bytes, or `undefined` when this copy is damaged. */
  #tryOpen(id: Id, range: Range, bytes: Uint8Array): Uint8Array | undefined {
    const place = this.#index.find("data", idToBytes(id), 0) as BlobLocation;
    const start = place.offset - range.offset;
    try {
      const stored = this.#repository.sealer.open(bytes.subarray(start, start + place.lengthBytes));
      const plain =
        place.uncompressedBytes > 0 ? this.#decompressor.decompressApart(stored, place.uncompressedBytes) : stored;
      return idOf(plain) === id ? plain : undefined;
    } catch (error) {
      if (!isDamageError(error)) throw error;
      return undefined;
    }
  }
}
