/**
 * The worker's end of a connection whose worker never returns to its event loop: it takes messages when it wants them and
 * sleeps on shared memory when there are none. A loop without promises is what makes byte work fast and simple.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";

/** What every worker thread is started with; what its loop needs comes as the first message. */
export interface SyncWorkerData {
  readonly wake: SharedArrayBuffer;
}

export class SyncPort<In, Out> {
  readonly #port: MessagePort;
  readonly #wake: Int32Array;

  constructor(port: MessagePort, wake: SharedArrayBuffer) {
    this.#port = port;
    this.#wake = new Int32Array(wake);
  }

  /** The port of this worker thread. */
  static ofThisThread<In, Out>(): SyncPort<In, Out> {
    if (parentPort === null) throw new Error("not a worker thread");
    return new SyncPort(parentPort, (workerData as SyncWorkerData).wake);
  }

  /** The next message, or `undefined` when none is waiting. */
  poll(): In | undefined {
    const received: { message: In } | undefined = receiveMessageOnPort(this.#port);
    return received?.message;
  }

  /** The next message; sleeps until there is one. Ends only by a message or by the thread's termination. */
  receive(): In {
    for (;;) {
      // Read the counter before the queue: a message posted in between changes it, so the wait below returns at once.
      const seen = Atomics.load(this.#wake, 0);
      const message = this.poll();
      if (message !== undefined) return message;
      Atomics.wait(this.#wake, 0, seen);
    }
  }

  send(message: Out, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer as ArrayBuffer[]);
  }
}
