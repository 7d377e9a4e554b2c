/** The main thread's end of a worker that runs a synchronous loop (`sync-port.ts`). */
import type { Worker } from "node:worker_threads";
import { HoldfastError, type SerializedError } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { takeThread } from "./started-threads.ts";

/** A failure that a worker reports; every worker protocol includes it. */
export interface WorkerFailure {
  readonly kind: "failed";
  readonly error: SerializedError;
}

export interface WorkerHandlers<Out> {
  onMessage(message: Out): void;
  /** Called once at most, when the worker reports a failure or dies. The worker does no more work. */
  onFailure(error: unknown): void;
}

export class WorkerThread<In, Out extends { kind: string }> {
  readonly #worker: Worker;
  readonly #wake: Int32Array<SharedArrayBuffer>;
  readonly #exited: Promise<void>;
  #ended = false;

  /**
   * Takes a thread that `startAhead` has started, or starts one.
   * @param entry the worker's module; `.js` in a build, `.ts` when run from source
   */
  constructor(entry: URL, data: unknown, handlers: WorkerHandlers<Out>) {
    const { worker, wake } = takeThread(entry);
    this.#worker = worker;
    this.#wake = wake;
    const fail = (error: unknown): void => {
      if (this.#ended) return;
      this.#ended = true;
      handlers.onFailure(error);
    };
    this.#worker.on("message", (message: Out | WorkerFailure) => {
      if (message.kind === "failed") fail(HoldfastError.fromJSON((message as WorkerFailure).error));
      else if (!this.#ended) handlers.onMessage(message as Out);
    });
    this.#worker.on("error", fail);
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        resolve();
        fail(engineError("ENGINE_WORKER_DIED", { exitCode: code }));
      });
    });
    // The loop's first message, before any other.
    this.#send(data, []);
  }

  post(message: In, transfer: readonly ArrayBuffer[] = []): void {
    this.#send(message, transfer);
  }

  #send(message: unknown, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer as ArrayBuffer[]);
    Atomics.add(this.#wake, 0, 1);
    Atomics.notify(this.#wake, 0);
  }

  /**
   * Asks the thread to end with a last message, so that it ends outside of any lock. One that does not listen is ended by
   * force after `graceMs`, and left behind when even that takes as long: it is in a system call that does not return.
   */
  async stop(last: In, graceMs: number): Promise<void> {
    this.#ended = true;
    this.post(last);
    if (await settledWithin(this.#exited, graceMs)) return;
    await settledWithin(this.#worker.terminate(), graceMs);
  }

  /** Ends the thread wherever it is. */
  async terminate(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
  }
}

/** True when the promise settles in that time. */
async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
