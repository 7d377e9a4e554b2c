/**
 * Hashes bodies of uploads on a thread of its own: the largest part of what an upload costs goes on while sockets are read. The
 * thread is started with the first body that needs it, does one block after the other, and answers in that order.
 */
import { Worker } from "node:worker_threads";
import { messageOf, workerEntry } from "@holdfast/base";
import { serverError } from "../errors.ts";

/** What the thread is told. Without a block: nothing more of this body comes. */
export interface HashTask {
  readonly body: number;
  readonly block?: Uint8Array;
  readonly isLast?: boolean;
}

/** SHA-256 in hex after a last block, else nothing: the block was read. */
export type HashAnswer = string | undefined;

interface Waiting {
  readonly resolve: (answer: HashAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** One body. Blocks lie in shared memory, and must stay as they are until the promise that they gave has settled. */
export interface BodyHash {
  /** @throws SERVER_HASHING when the thread has died */
  update(block: Uint8Array): Promise<void>;
  /** The hash of all, in hex, when this was the last block. @throws SERVER_HASHING */
  finish(block: Uint8Array): Promise<string>;
  /** Of a body that does not come to its end. */
  drop(): void;
}

export class HashThread {
  #worker: Worker | undefined;
  #waiting: Waiting[] = [];
  #next = 0;

  begin(): BodyHash {
    const body = this.#next++;
    const worker = this.#worker ?? this.#start();
    // A body that began on a thread which died is lost with it.
    const ask = (task: HashTask): Promise<HashAnswer> =>
      worker === this.#worker ? this.#ask(worker, task) : Promise.reject(died("it was started anew"));
    return {
      update: async (block) => void (await ask({ body, block })),
      finish: async (block) => (await ask({ body, block, isLast: true })) ?? "",
      drop: () => void ask({ body }).catch(() => {}),
    };
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #ask(worker: Worker, task: HashTask): Promise<HashAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage(task, []);
    });
  }

  #start(): Worker {
    // It keeps next to nothing on its heap. Flags of the process, which may be about its first module, are not for it.
    const worker = new Worker(workerEntry("hash.worker", import.meta.url), {
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    const waiting: Waiting[] = [];
    this.#worker = worker;
    this.#waiting = waiting;
    const fail = (error: Error): void => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of waiting.splice(0)) reject(error);
    };
    worker.on("message", (answer: HashAnswer) => waiting.shift()?.resolve(answer));
    worker.on("error", (error) => fail(died(messageOf(error))));
    worker.on("exit", (code) => fail(died(`it ended with ${code}`)));
    worker.unref();
    return worker;
  }
}

function died(reason: string): Error {
  return serverError("SERVER_HASHING", { reason });
}
