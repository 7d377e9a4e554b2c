/**
 * Finds out which blobs snapshots need, as bits over the entries of the blob index. Each tree is read once. What is to be read is
 * queued by pack, and a pack's trees are followed together, so that a pack is seldom loaded twice.
 */
import { availableParallelism } from "node:os";
import { isHoldfastError } from "@holdfast/base";
import { loadInto } from "@holdfast/storage";
import { idToBytes, type Id } from "../format/id.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import { SegmentMemory } from "../transfer/segment-memory.ts";
import { createMarkPool, type MarkPool } from "./mark-pool.ts";
import { type MarkResult, PLACE_WORDS } from "./messages.ts";
import { SharedBitmap } from "./shared-bitmap.ts";

/** Packs in memory at once, in bytes; a larger one is alone. */
const LOADED_BYTES = 64 * 1024 * 1024;
/** A larger file is no pack. */
const MAX_PACK_BYTES = 2 ** 31;
/** Below this an index holds so few trees that threads take longer to start than the work does. */
const ALONE_BELOW_BLOBS = 5_000;

interface MarkOptions {
  readonly signal: AbortSignal;
  /** Sizes of the packs in the store, by their number in the index; negative for one that is not there. */
  readonly packBytes: Float64Array;
  /** Threads; as many as are worth it if absent. */
  readonly workers: number | undefined;
  /** Called after each pack. */
  readonly onTrees?: ((trees: number) => void) | undefined;
}

/** Trees that are followed, and what is not there of them. */
export interface Roots {
  /** The trees of snapshots. Nothing may be removed when these need something that is in no index, or cannot be read. */
  readonly live: Iterable<Id>;
  /** Those of forgotten ones. Other programs do not know these, and may have removed what only they need. */
  readonly forgotten: Iterable<Id>;
}

/** What is needed, as far as it could be followed. */
export interface UsedBlobs {
  /** An entry for every needed blob; of several copies the first in the index. */
  readonly used: SharedBitmap;
  /** False when something that they need is in no index, or cannot be read. */
  readonly isLiveComplete: boolean;
  readonly isForgottenComplete: boolean;
}

/** @throws what the backend throws; damage makes the result incomplete */
export async function markUsed(
  repository: Repository,
  index: BlobIndex,
  { live, forgotten }: Roots,
  options: MarkOptions,
): Promise<UsedBlobs> {
  const used = SharedBitmap.create(index.count);
  const workers = options.workers ?? (index.count < ALONE_BELOW_BLOBS ? 0 : Math.max(2, availableParallelism()));
  const pool = createMarkPool({ key: repository.masterKey, index, used }, workers);
  const marking = new Marking(repository, index, used, { ...options, pool, atOnce: workers + 1 });
  try {
    const isLiveComplete = await marking.follow(live);
    const isForgottenComplete = await marking.follow(forgotten);
    return { used, isLiveComplete, isForgottenComplete };
  } finally {
    await pool.stop();
  }
}

interface Parts extends MarkOptions {
  readonly pool: MarkPool;
  /** Packs that are worked on at once. */
  readonly atOnce: number;
}

class Marking {
  #isComplete = true;
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #used: SharedBitmap;
  readonly #options: Parts;
  /** Trees to be read, `PLACE_WORDS` each, by the number of their pack. The first pack that was asked for comes first. */
  readonly #queue = new Map<number, number[]>();
  /** Packs from which a tree could not be read, by its entry. */
  readonly #failed = new Map<number, Set<number>>();
  readonly #memory = new SegmentMemory(LOADED_BYTES);
  #trees = 0;

  constructor(repository: Repository, index: BlobIndex, used: SharedBitmap, options: Parts) {
    this.#repository = repository;
    this.#index = index;
    this.#used = used;
    this.#options = options;
  }

  /** Marks these trees and all that they lead to. @returns whether all of it is there */
  async follow(trees: Iterable<Id>): Promise<boolean> {
    this.#isComplete = true;
    for (const tree of trees) {
      const entry = this.#index.entryOf("tree", idToBytes(tree), 0);
      if (entry < 0) this.#isComplete = false;
      else if (this.#used.add(entry)) this.#want(entry);
    }
    await this.#run();
    return this.#isComplete;
  }

  /** Follows what is queued. The first failure ends it, once all that was started has ended. */
  async #run(): Promise<void> {
    const failure = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, failure.signal]);
    const running = new Set<Promise<void>>();
    while ((this.#queue.size > 0 && !signal.aborted) || running.size > 0) {
      for (const [pack, places] of this.#queue) {
        if (running.size >= this.#options.atOnce || signal.aborted) break;
        this.#queue.delete(pack);
        const task: Promise<void> = this.#followPack(pack, Uint32Array.from(places), signal)
          .catch((error: unknown) => failure.abort(error))
          .finally(() => running.delete(task));
        running.add(task);
      }
      await Promise.race(running);
    }
    signal.throwIfAborted();
  }

  async #followPack(pack: number, places: Uint32Array, signal: AbortSignal): Promise<void> {
    const sizeBytes = this.#options.packBytes[pack] ?? -1;
    const result =
      sizeBytes < 0 || sizeBytes > MAX_PACK_BYTES
        ? undefined
        : await this.#memory.lend(sizeBytes, (bytes) => this.#mark(pack, bytes, places, signal));
    if (result === undefined) {
      for (let at = 0; at < places.length; at += PLACE_WORDS) this.#tryOtherCopy(places[at] as number, pack);
      return;
    }
    this.#trees += result.trees - result.unreadable.length;
    if (result.missing.length > 0) this.#isComplete = false;
    for (const entry of result.elsewhere) this.#want(entry);
    for (const { entry } of result.unreadable) this.#tryOtherCopy(entry, pack);
    this.#options.onTrees?.(this.#trees);
  }

  /** `undefined` when the pack cannot be read. */
  async #mark(
    pack: number,
    bytes: Uint8Array,
    places: Uint32Array,
    signal: AbortSignal,
  ): Promise<MarkResult | undefined> {
    try {
      await loadInto(this.#repository.backend, { type: "pack", name: this.#index.packId(pack) }, 0, bytes, { signal });
    } catch (error) {
      // Damage and absence leave other copies to be tried. What is out of reach may be whole.
      if (signal.aborted || !isHoldfastError(error)) throw error;
      if (error.kind !== "corrupt" && error.kind !== "not-found") throw error;
      return undefined;
    }
    return this.#options.pool.mark({ kind: "mark", pack, bytes, places }, signal);
  }

  #want(entry: number, place = this.#index.locationAt(entry) as BlobLocation): void {
    const places = this.#queue.get(place.pack) ?? [];
    places.push(entry, place.offset, place.lengthBytes, place.uncompressedBytes);
    this.#queue.set(place.pack, places);
  }

  #tryOtherCopy(entry: number, pack: number): void {
    const failed = this.#failed.get(entry) ?? new Set();
    this.#failed.set(entry, failed.add(pack));
    const copies = this.#index.findAll("tree", idToBytes(this.#index.idAt(entry)), 0);
    const other = copies.find((copy) => !failed.has(copy.pack));
    if (other === undefined) this.#isComplete = false;
    else this.#want(entry, other);
  }
}
