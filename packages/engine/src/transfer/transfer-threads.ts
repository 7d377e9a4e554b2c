/** The worker threads of a transfer: one task at a time each. */
import { workerEntry } from "@holdfast/base";
import type { FinishedPack } from "../packs/pack-pool.ts";
import { WorkerThread } from "../workers/worker-thread.ts";
import type { FromTransferWorker, Moved, MoveTask, ToTransferWorker, TransferWorkerData } from "./messages.ts";

/** The module that the threads run. */
export const TRANSFER_WORKER = workerEntry("./transfer.worker", import.meta.url);

/** How long a thread may take to finish what it is at before it is ended by force. */
const STOP_MS = 300;

type Thread = WorkerThread<ToTransferWorker, FromTransferWorker>;

interface Waiting {
  readonly task: MoveTask;
  readonly resolve: (moved: Moved) => void;
  readonly reject: (error: unknown) => void;
}

export class TransferThreads {
  readonly #threads: Thread[] = [];
  readonly #resting: Thread[] = [];
  readonly #running = new Map<Thread, Waiting>();
  readonly #waiting: Waiting[] = [];
  readonly #onPack: (pack: FinishedPack) => void;
  readonly #onFailure: (error: unknown) => void;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param onPack gets the packs that the threads complete, each before the result of the task that completed it
   * @param onFailure called when a thread fails; the owner then calls `fail`
   */
  constructor(parts: {
    workers: number;
    data: TransferWorkerData;
    onPack: (pack: FinishedPack) => void;
    onFailure: (error: unknown) => void;
  }) {
    this.#onPack = parts.onPack;
    this.#onFailure = parts.onFailure;
    for (let n = 0; n < parts.workers; n++) {
      const thread: Thread = new WorkerThread<ToTransferWorker, FromTransferWorker>(TRANSFER_WORKER, parts.data, {
        onMessage: (message) => this.#receive(thread, message),
        onFailure: (error) => this.#onFailure(error),
      });
      this.#threads.push(thread);
      this.#resting.push(thread);
    }
  }

  /** Rejects with the error of `fail`. */
  run(task: MoveTask): Promise<Moved> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure.error);
      this.#waiting.push({ task, resolve, reject });
      this.#dispatch();
    });
  }

  /** Nothing is run any more; everything that waits for a result gets this error. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    for (const { reject } of [...this.#running.values(), ...this.#waiting]) reject(error);
  }

  /** Ends the threads outside of any lock. The pool of packs must have been ended, or nothing be running. */
  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop({ kind: "stop" }, STOP_MS)));
  }

  #receive(thread: Thread, message: FromTransferWorker): void {
    if (message.kind === "packed") return this.#onPack(message.pack);
    const done = this.#running.get(thread);
    this.#running.delete(thread);
    this.#resting.push(thread);
    done?.resolve(message);
    this.#dispatch();
  }

  #dispatch(): void {
    if (this.#failure !== undefined) return;
    while (this.#resting.length > 0 && this.#waiting.length > 0) {
      const thread = this.#resting.pop() as Thread;
      const next = this.#waiting.shift() as Waiting;
      this.#running.set(thread, next);
      thread.post(next.task);
    }
  }
}
