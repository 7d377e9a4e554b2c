/** Reads from one copy of a repository, on the main thread, until that copy is left. */
import { Semaphore } from "@holdfast/base";
import type { BlobIndex } from "../index/blob-index.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { Repository } from "../repository/repository.ts";
import { type Pace, StallWatch, type StallWatchOptions, WatchedBackend } from "./pace.ts";
import { RangeLoader } from "./range-loader.ts";
import { TreeLoader } from "./tree-loader.ts";

const MAX_CALLS = 16;

/** A copy that can be read. */
export interface OpenedCopy {
  readonly repository: Repository;
  readonly index: BlobIndex;
  /** Aborts when this copy can no longer be used, for example as its lock was lost. */
  readonly signal?: AbortSignal | undefined;
  /** What was measured of it. */
  readonly pace?: Pace | undefined;
}

/** Another copy of what is restored. */
export interface StandbyCopy {
  /** For people and messages; holds no secret. */
  readonly location: string;
  /** May be called again and again, and answers the same. Rejects when the copy cannot be used. */
  open(): Promise<OpenedCopy>;
}

export class CopyReader {
  /** Which of the sources in the course of one restore. */
  readonly number: number;
  readonly index: BlobIndex;
  readonly repository: Repository;
  readonly trees: TreeLoader;
  readonly ranges: RangeLoader;
  /** Single blobs. Neighbours are read along, as those of a lost pack are wanted together. */
  readonly blobs: BlobReader;
  /** Aborts when this copy is left. */
  readonly signal: AbortSignal;
  /** Packs from which something could not be read. */
  readonly damagedPacks = new Set<number>();
  readonly #abort = new AbortController();
  readonly #watch: StallWatch | undefined;

  /** @param watch absent where there is no other copy to go to */
  constructor(number: number, copy: OpenedCopy, signal: AbortSignal, watch: StallWatchOptions | undefined) {
    this.number = number;
    this.index = copy.index;
    this.#watch = watch === undefined ? undefined : new StallWatch(watch);
    this.repository = this.#watch === undefined ? copy.repository : watched(copy.repository, this.#watch);
    const { backend } = this.repository;
    const calls = new Semaphore(Math.max(1, Math.min(MAX_CALLS, backend.capabilities.maxConcurrency)));
    this.trees = new TreeLoader(backend, this.index, calls);
    this.ranges = new RangeLoader(backend, this.index, calls);
    const rest = copy.signal === undefined ? [] : [copy.signal];
    this.signal = AbortSignal.any([signal, this.#abort.signal, ...rest]);
    const blocks = this.#watch === undefined ? undefined : this.trees;
    this.blobs = new BlobReader(this.repository, this.index, blocks === undefined ? {} : { blocks });
    this.#watch?.start();
  }

  get location(): string {
    return this.repository.backend.location;
  }

  /** Ends all reads from it. */
  leave(reason: unknown): void {
    this.#watch?.stop();
    this.#abort.abort(reason);
  }
}

function watched(repository: Repository, watch: StallWatch): Repository {
  const { config, masterKey, keyId } = repository;
  return new Repository({ backend: new WatchedBackend(repository.backend, watch), config, masterKey, keyId });
}
