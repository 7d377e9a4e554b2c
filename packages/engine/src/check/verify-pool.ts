/** The workers of a check: one pack at a time each. */
import { workerEntry } from "@holdfast/base";
import type { MasterKey } from "../crypto/sealing.ts";
import type { SharedBlobIndex } from "../index/blob-index.ts";
import { WorkerThread } from "../workers/worker-thread.ts";
import type { CheckWorkerData, PackResult, PackTask } from "./messages.ts";

/** No restic or Holdfast blob is larger: files are cut at 8 MiB, and a tree of a million entries has some 400 MB. */
const MAX_BLOB_BYTES = 1024 * 1024 * 1024;

/** The module that the threads of a check run. */
export const CHECK_WORKER = workerEntry("./check.worker", import.meta.url);

type Thread = WorkerThread<PackTask, PackResult>;

export class VerifyPool {
  readonly #threads: Thread[] = [];
  readonly #free: Thread[] = [];
  readonly #waiting: ((thread: Thread) => void)[] = [];
  readonly #results = new Map<Thread, (result: PackResult) => void>();
  #fail: (error: unknown) => void = () => {};
  readonly #failed = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });

  constructor({ workers, key, index }: { workers: number; key: MasterKey; index: SharedBlobIndex }) {
    this.#failed.catch(() => {});
    const data: CheckWorkerData = { key, index, maxBlobBytes: MAX_BLOB_BYTES };
    for (let n = 0; n < workers; n++) {
      const thread: Thread = new WorkerThread(CHECK_WORKER, data, {
        onMessage: (result) => {
          this.#results.get(thread)?.(result);
          this.#release(thread);
        },
        onFailure: (error) => this.#fail(error),
      });
      this.#threads.push(thread);
      this.#free.push(thread);
    }
  }

  /** Verifies a pack, whose bytes must be in shared memory. Rejects on abort and when a worker fails. */
  async verify(task: PackTask, signal: AbortSignal): Promise<PackResult> {
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    aborted.catch(() => {});
    const thread = await Promise.race([this.#take(), this.#failed, aborted]);
    const result = new Promise<PackResult>((resolve) => this.#results.set(thread, resolve));
    thread.post(task);
    return Promise.race([result, this.#failed, aborted]);
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
