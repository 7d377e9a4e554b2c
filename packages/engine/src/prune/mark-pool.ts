/** Runs marking tasks: in worker threads, or on the main thread where there is too little work for threads. */
import { workerEntry } from "@holdfast/base";
import type { MasterKey } from "../crypto/sealing.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { startAhead } from "../workers/started-threads.ts";
import { WorkerThread } from "../workers/worker-thread.ts";
import type { MarkResult, MarkTask, MarkWorkerData } from "./messages.ts";
import type { SharedBitmap } from "./shared-bitmap.ts";
import { TreeMarker } from "./tree-marker.ts";

const MARK_WORKER = workerEntry("./mark.worker", import.meta.url);

interface Parts {
  readonly key: MasterKey;
  readonly index: BlobIndex;
  readonly used: SharedBitmap;
}

/** Where marking tasks go. */
export interface MarkPool {
  /** Rejects on abort and when a worker fails. */
  mark(task: MarkTask, signal: AbortSignal): Promise<MarkResult>;
  /** Ends the threads. No task may be under way any more. */
  stop(): Promise<void>;
}

/** Starts the threads of a prune that is about to come, while the repository is still being opened. Only saves time. */
export function startMarkThreads(workers: number): void {
  startAhead(MARK_WORKER, workers);
}

/** @param workers 0: everything on the calling thread */
export function createMarkPool(parts: Parts, workers: number): MarkPool {
  if (workers > 0) return new ThreadPool(parts, workers);
  const marker = new TreeMarker(parts);
  return { mark: async (task) => marker.mark(task), stop: async () => {} };
}

type Thread = WorkerThread<MarkTask, MarkResult>;

class ThreadPool implements MarkPool {
  readonly #threads: Thread[] = [];
  readonly #free: Thread[] = [];
  readonly #waiting: ((thread: Thread) => void)[] = [];
  readonly #results = new Map<Thread, (result: MarkResult) => void>();
  readonly #failure = Promise.withResolvers<never>();

  constructor({ key, index, used }: Parts, workers: number) {
    // Whoever waits for a task hears of it.
    this.#failure.promise.catch(() => {});
    const data: MarkWorkerData = { key, index: index.shared, used: used.shared };
    for (let n = 0; n < workers; n++) {
      const thread: Thread = new WorkerThread(MARK_WORKER, data, {
        onMessage: (result) => {
          this.#results.get(thread)?.(result);
          this.#release(thread);
        },
        onFailure: (error) => this.#failure.reject(error),
      });
      this.#threads.push(thread);
      this.#free.push(thread);
    }
  }

  async mark(task: MarkTask, signal: AbortSignal): Promise<MarkResult> {
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => {});
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      signal.throwIfAborted();
      const thread = await Promise.race([this.#take(), this.#failure.promise, aborted.promise]);
      const result = new Promise<MarkResult>((resolve) => this.#results.set(thread, resolve));
      thread.post(task);
      return await Promise.race([result, this.#failure.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }

  #take(): Promise<Thread> {
    const thread = this.#free.pop();
    if (thread !== undefined) return Promise.resolve(thread);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(thread: Thread): void {
    this.#results.delete(thread);
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(thread);
    else next(thread);
  }
}
