/**
 * Gives searched trees to whoever walks through snapshots. Each is read and searched once, by worker threads, and kept as far
 * as memory allows (`tree-memo.ts`).
 */
import { HoldfastError } from "@holdfast/base";
import { loadInto } from "@holdfast/storage";
import { isDamageError } from "../browse/damage.ts";
import { engineError } from "../errors.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import { TreePackCache } from "../packs/tree-pack-cache.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import type { TreeResult } from "./messages.ts";
import { unpackTree } from "./packed-tree.ts";
import type { FindQuery } from "./query.ts";
import { SearchPool } from "./search-pool.ts";
import { threadsAtOnce } from "./threads-at-once.ts";
import { TreeMemo } from "./tree-memo.ts";
import { TreeQueue } from "./tree-queue.ts";
import type { SearchedTree } from "./tree-search.ts";
import { TreeUnits } from "./tree-units.ts";
import { keyOf, type WantedTree } from "./wanted-tree.ts";

/** Units that are kept, as the trees that a tree names mostly lie beside it. */
const UNIT_CACHE_BYTES = 48 * 1024 * 1024;
/** Sealed bytes that a worker gets at once; so few that all of them have something to do. */
const BATCH_BYTES = 256 * 1024;
/** A tree of a million entries has some 400 MB. What claims more is left to `BlobReader`, which refuses it. */
const MAX_UNIT_BYTES = 512 * 1024 * 1024;
/** While one batch is searched, the next is on its way to the worker, or being read. */
const JOBS_PER_WORKER = 3;
/** Trees that are requested but not searched yet, unless somebody waits for them. */
const MAX_PENDING = 20_000;

export interface TreeSourceOptions {
  readonly query: FindQuery;
  readonly withNodes: boolean;
  readonly workers: number;
  /** How much searched trees may take. */
  readonly memoryBytes: number;
  readonly signal: AbortSignal;
  /** Called for each tree in which something was kept, with the path that it was requested for. */
  onTree(wanted: WantedTree, tree: SearchedTree, path: string): void;
}

export class TreeSource {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #onTree: TreeSourceOptions["onTree"];
  readonly #units: TreeUnits;
  readonly #unitBytes: TreePackCache;
  readonly #pool: SearchPool;
  readonly #single: BlobReader;
  readonly #ending = new AbortController();
  readonly #signal: AbortSignal;
  readonly #memo: TreeMemo;
  readonly #queue = new TreeQueue({ batchBytes: BATCH_BYTES });
  /** Trees that are queued or worked on, with the paths that they were requested for. */
  readonly #pending = new Map<number, string>();
  readonly #jobs = new Set<Promise<void>>();
  readonly #maxJobs: number;
  #awaited: { readonly key: number; readonly settle: () => void } | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(repository: Repository, index: BlobIndex, options: TreeSourceOptions) {
    const { query, withNodes, workers, memoryBytes, signal } = options;
    this.#repository = repository;
    this.#index = index;
    this.#onTree = options.onTree;
    this.#units = new TreeUnits(index);
    this.#unitBytes = new TreePackCache({ load: (unit) => this.#loadUnit(unit), maxBytes: UNIT_CACHE_BYTES });
    this.#pool = new SearchPool(
      { atOnce: threadsAtOnce(query, workers), most: workers },
      { key: repository.masterKey, index: index.shared, query, withNodes },
    );
    this.#single = new BlobReader(repository, index);
    this.#memo = new TreeMemo({ entries: index.count, maxBytes: memoryBytes });
    this.#maxJobs = workers * JOBS_PER_WORKER;
    this.#signal = AbortSignal.any([signal, this.#ending.signal]);
    this.#signal.addEventListener("abort", () => this.#fail(this.#signal.reason), { once: true });
  }

  /** True while trees may be requested that nobody waits for yet. */
  get hasRoom(): boolean {
    return this.#memo.hasRoom && this.#pending.size < MAX_PENDING;
  }

  /** True when nothing can be found in a tree, nor below it. */
  isBarren(wanted: WantedTree): boolean {
    return this.#memo.isBarren(wanted);
  }

  /** Notes that nothing can be found in a tree, nor below it. */
  markBarren(wanted: WantedTree): void {
    this.#memo.setBarren(wanted);
  }

  /** Has a tree searched, unless it was. @param path where it lies, for `onTree` */
  request(wanted: WantedTree, path: string): void {
    if (this.#failure !== undefined || this.#pending.has(keyOf(wanted)) || this.#memo.knows(wanted)) return;
    this.#pending.set(keyOf(wanted), path);
    const place = this.#placeOf(wanted);
    this.#queue.add(this.#units.unitAt(place), wanted, place.lengthBytes);
    this.#startJobs();
  }

  /** A tree that is known already. */
  get(wanted: WantedTree): SearchedTree | undefined {
    return this.#memo.get(wanted);
  }

  /**
   * A tree, once it is searched; `undefined` when it is barren. One call at a time.
   * @throws damage of all copies of the tree, and what the backend throws; on abort the signal's reason
   */
  async load(wanted: WantedTree, path: string): Promise<SearchedTree | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const damage = this.#memo.damageOf(wanted);
      if (damage !== undefined) throw damage;
      const tree = this.get(wanted);
      if (tree !== undefined || this.isBarren(wanted)) return tree;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#awaited = { key: keyOf(wanted), settle: resolve };
      this.#queue.putFirst(this.#units.unitAt(this.#placeOf(wanted)), wanted);
      this.request(wanted, path);
      await promise;
    }
  }

  /** Ends the threads, and waits for all that was started. */
  async stop(): Promise<void> {
    const reason = engineError("ENGINE_ABORTED");
    this.#ending.abort(reason);
    await this.#pool.stop(reason);
    await Promise.all(this.#jobs);
  }

  #placeOf({ entry }: WantedTree): BlobLocation {
    return this.#index.locationAt(entry) as BlobLocation;
  }

  #startJobs(): void {
    while (this.#jobs.size < this.#maxJobs && !this.#queue.isEmpty) {
      const job = this.#work()
        .catch((error: unknown) => this.#fail(error))
        .finally(() => this.#jobs.delete(job));
      this.#jobs.add(job);
    }
  }

  /** Takes batches until none is left. */
  async #work(): Promise<void> {
    let unit: number | undefined;
    for (let batch = this.#queue.take(unit); batch !== undefined; batch = this.#queue.take(unit)) {
      unit = batch.unit;
      this.#signal.throwIfAborted();
      const bytes = await this.#unitBytes.get(unit);
      if (bytes === undefined) {
        for (const wanted of batch.wanted) await this.#searchSingle(wanted);
        continue;
      }
      const { offset } = this.#units.unit(unit);
      const task = { kind: "unit", bytes: new Uint8Array(bytes), offset, wanted: keysOf(batch.wanted) } as const;
      const results = await this.#pool.search(task);
      const failed = batch.wanted.filter((wanted, n) => !this.#take(wanted, results[n]));
      for (const wanted of failed) await this.#searchSingle(wanted);
    }
  }

  /** A tree that could not be read with its neighbours: tries every copy of it. */
  async #searchSingle(wanted: WantedTree): Promise<void> {
    try {
      const bytes = await this.#single.load("tree", this.#index.idAt(wanted.entry), { signal: this.#signal });
      const [result] = await this.#pool.search({ kind: "plain", bytes, wanted: keysOf([wanted]) });
      if (result !== undefined && "error" in result) throw HoldfastError.fromJSON(result.error);
      this.#take(wanted, result);
    } catch (error) {
      if (this.#signal.aborted || !isDamageError(error)) throw error;
      this.#memo.setDamage(wanted, error);
      this.#settle(wanted);
    }
  }

  /** Takes what a worker found; false when it found damage. */
  #take(wanted: WantedTree, result: TreeResult): boolean {
    if (result === undefined) {
      this.#settle(wanted);
      this.#memo.setBarren(wanted);
      return true;
    }
    if ("error" in result) return false;
    const tree = unpackTree(result);
    const path = this.#settle(wanted);
    this.#memo.set(wanted, tree);
    this.#onTree(wanted, tree, path);
    return true;
  }

  #settle(wanted: WantedTree): string {
    const key = keyOf(wanted);
    const path = this.#pending.get(key) ?? "";
    this.#pending.delete(key);
    if (this.#awaited?.key === key) this.#awaited.settle();
    return path;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#awaited?.settle();
  }

  /** `undefined` when the pack does not have these bytes: its trees are then tried one by one. */
  async #loadUnit(number: number): Promise<SharedArrayBuffer | undefined> {
    const { pack, offset, lengthBytes } = this.#units.unit(number);
    if (lengthBytes > MAX_UNIT_BYTES) return undefined;
    const memory = new SharedArrayBuffer(lengthBytes);
    try {
      const key = { type: "pack", name: this.#index.packId(pack) } as const;
      await loadInto(this.#repository.backend, key, offset, new Uint8Array(memory), { signal: this.#signal });
      return memory;
    } catch (error) {
      if (this.#signal.aborted || !isDamageError(error)) throw error;
      return undefined;
    }
  }
}

function keysOf(wanted: readonly WantedTree[]): Uint32Array {
  return Uint32Array.from(wanted, keyOf);
}
