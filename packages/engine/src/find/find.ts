/**
 * Searches snapshots. A tree that several snapshots share, which most are, is read and searched once; for every snapshot and
 * every path that it lies at, only what was found in it is gone through again.
 */
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { startAhead } from "../workers/started-threads.ts";
import { idToBytes } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import { Descent } from "./descent.ts";
import type { FindProblem, FoundBatch } from "./found.ts";
import type { FindQuery } from "./query.ts";
import { FIND_WORKER } from "./search-pool.ts";
import { SnapshotWalk } from "./snapshot-walk.ts";
import { threadsAtOnce } from "./threads-at-once.ts";
import { TreeSource } from "./tree-source.ts";

const MEMORY_BYTES = 160 * 1024 * 1024;
/** Signals are heard, and workers answered, at least this often. */
const BREATH_MS = 20;

export interface FindOptions {
  readonly query: FindQuery;
  /** Whether `FoundEntry.node` is wanted. */
  readonly withNodes?: boolean;
  readonly workers?: number;
  /** About what searched trees may take in memory; more are searched again when they are met again. Default: 160 MiB. */
  readonly memoryBytes?: number;
  readonly signal: AbortSignal;
  /** Called for damage, once for each damaged tree; the search goes on without that part. */
  onProblem(problem: FindProblem): void;
}

export class Find {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #options: FindOptions;
  readonly #ahead: Descent;

  /** @throws ENGINE_PATTERN_INVALID */
  constructor(repository: Repository, index: BlobIndex, options: FindOptions) {
    this.#repository = repository;
    this.#index = index;
    this.#options = options;
    this.#ahead = new Descent(options.query);
  }

  /**
   * Starts the threads of a search that is about to come, while the repository is still being opened. Only saves time.
   * @param query as far as it is known by then
   */
  static startThreads(query?: FindQuery): void {
    startAhead(FIND_WORKER, threadsAtOnce(query, threadsFor(undefined)));
  }

  /**
   * What is found, snapshot by snapshot in the order given, and in the order of the trees; in batches, as soon as it is known.
   * @throws what the backend throws when it is out of reach; damage is a problem, not an exception; on abort the signal's reason
   */
  async *run(snapshots: readonly StoredSnapshot[]): AsyncGenerator<FoundBatch> {
    const { query, withNodes = false, workers, memoryBytes = MEMORY_BYTES, signal, onProblem } = this.#options;
    signal.throwIfAborted();
    if (snapshots.length === 0) return;
    const ahead = this.#ahead;
    const source: TreeSource = new TreeSource(this.#repository, this.#index, {
      query,
      withNodes,
      workers: threadsFor(workers),
      memoryBytes,
      signal,
      onTree: (wanted, tree, path) => {
        if (source.hasRoom) ahead.requestBelow(source, { wanted, tree, path }, 0, ahead.stepsAhead);
      },
    });
    const walk = new SnapshotWalk({ index: this.#index, source, query, signal, onProblem });
    try {
      for (const { snapshot } of snapshots) {
        const entry = this.#index.entryOf("tree", idToBytes(snapshot.tree), 0);
        if (entry >= 0) source.request({ entry, mode: "by-name" }, "");
      }
      let breathAtMs = performance.now();
      for (const stored of snapshots) {
        for await (const entries of walk.entriesOf(stored)) {
          yield { stored, entries };
          // All that is left may have been read already, so that nothing else notices.
          signal.throwIfAborted();
          if (performance.now() - breathAtMs < BREATH_MS) continue;
          await setImmediate();
          signal.throwIfAborted();
          breathAtMs = performance.now();
        }
      }
    } finally {
      await source.stop();
    }
  }
}

function threadsFor(workers: number | undefined): number {
  return workers ?? Math.max(2, availableParallelism());
}
