/** The workers of a search: one task at a time each. */
import { workerEntry } from "@holdfast/base";
import { WorkerThread } from "../workers/worker-thread.ts";
import type { FindAnswer, FindTask, FindWorkerData, TreeResult } from "./messages.ts";

/** The module that the threads of a search run. */
export const FIND_WORKER = workerEntry("./find.worker", import.meta.url);

type Thread = WorkerThread<FindTask, FindAnswer>;
type Results = readonly TreeResult[];

/** Trees that wait together before one more thread is worth the 50 ms that it takes to start. */
const WORTH_A_THREAD = 32;

interface Request {
  readonly task: FindTask;
  readonly resolve: (results: Results) => void;
  readonly reject: (error: unknown) => void;
}

export class SearchPool {
  readonly #data: FindWorkerData;
  readonly #maxThreads: number;
  readonly #threads: Thread[] = [];
  readonly #free: Thread[] = [];
  readonly #waiting: Request[] = [];
  readonly #running = new Map<Thread, Request>();
  #failure: { readonly error: unknown } | undefined;

  /** @param atOnce threads that there are from the beginning; the others come when there is enough to do, up to `most` */
  constructor({ atOnce, most }: { atOnce: number; most: number }, data: FindWorkerData) {
    this.#data = data;
    this.#maxThreads = most;
    for (let n = 0; n < atOnce; n++) this.#addThread();
  }

  /** Searches trees. Rejects when a worker fails, and when the pool is stopped meanwhile. */
  search(task: FindTask): Promise<Results> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure.error);
      this.#waiting.push({ task, resolve, reject });
      this.#startNext();
    });
  }

  /** Ends the threads; what is not done yet rejects with `reason`. */
  async stop(reason: unknown): Promise<void> {
    this.#fail(reason);
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }

  #addThread(): void {
    const thread: Thread = new WorkerThread(FIND_WORKER, this.#data, {
      onMessage: ({ results }) => {
        this.#running.get(thread)?.resolve(results);
        this.#running.delete(thread);
        this.#free.push(thread);
        this.#startNext();
      },
      onFailure: (error) => this.#fail(error),
    });
    this.#threads.push(thread);
    this.#free.push(thread);
  }

  #startNext(): void {
    if (this.#free.length === 0 && this.#threads.length < this.#maxThreads && this.#isBehind()) this.#addThread();
    const thread = this.#waiting.length > 0 ? this.#free.pop() : undefined;
    const request = thread === undefined ? undefined : this.#waiting.shift();
    if (thread === undefined || request === undefined) return;
    this.#running.set(thread, request);
    thread.post(request.task);
  }

  #isBehind(): boolean {
    return this.#waiting.reduce((sum, { task }) => sum + task.wanted.length, 0) >= WORTH_A_THREAD;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of [...this.#running.values(), ...this.#waiting.splice(0)]) reject(error);
    this.#running.clear();
  }
}
