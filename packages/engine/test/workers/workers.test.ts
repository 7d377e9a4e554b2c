/** Threads with a synchronous loop: messages, shared locks and counters, and how they end. */
import { isHoldfastError } from "@holdfast/base";
import { afterEach, describe, expect, test } from "vitest";
import { Counters } from "../../src/workers/counters.ts";
import { Mutex } from "../../src/workers/mutex.ts";
import { startAhead } from "../../src/workers/started-threads.ts";
import { workerEntry } from "@holdfast/base";
import { WorkerThread } from "../../src/workers/worker-thread.ts";
import type { Answer, Order } from "./obedient.ts";

interface Started {
  readonly thread: WorkerThread<Order, Answer>;
  readonly failures: unknown[];
  /** The next message, or the failure. */
  answer(): Promise<Answer>;
}

const running: WorkerThread<Order, Answer>[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((thread) => thread.terminate()));
});

function start(): Started {
  const failures: unknown[] = [];
  const answers: Answer[] = [];
  const waiting: { resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = [];
  const thread = new WorkerThread<Order, Answer>(workerEntry("./obedient", import.meta.url), "hello", {
    onMessage: (message) => {
      const first = waiting.shift();
      if (first === undefined) answers.push(message);
      else first.resolve(message);
    },
    onFailure: (error) => {
      failures.push(error);
      for (const { reject } of waiting.splice(0)) reject(error);
    },
  });
  running.push(thread);
  const answer = (): Promise<Answer> => {
    const first = answers.shift();
    if (first !== undefined) return Promise.resolve(first);
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  };
  return { thread, failures, answer };
}

describe("a worker thread", () => {
  test("gets every message in order, whether it sleeps or not", async () => {
    const { thread, answer } = start();
    for (let n = 0; n < 200; n++) thread.post({ kind: "echo", text: String(n) });
    for (let n = 0; n < 200; n++) expect(await answer()).toEqual({ kind: "echo", text: `hello ${n}` });
    thread.post({ kind: "echo", text: "again" });
    expect(await answer()).toEqual({ kind: "echo", text: "hello again" });
  });

  test("reports an error of ours as it is, and another one as a defect", async () => {
    for (const [what, code] of [
      ["holdfast-error", "ENGINE_ABORTED"],
      ["error", "ENGINE_WORKER_FAILED"],
    ] as const) {
      const { thread, answer, failures } = start();
      thread.post({ kind: "throw", what });
      await expect(answer()).rejects.toSatisfy((error) => isHoldfastError(error, code));
      await thread.stop({ kind: "end" }, 2_000);
      expect(failures).toHaveLength(1);
    }
  });

  test("that dies is reported once", async () => {
    const { thread, answer, failures } = start();
    thread.post({ kind: "exit", code: 7 });
    await expect(answer()).rejects.toMatchObject({ code: "ENGINE_WORKER_DIED", details: { exitCode: 7 } });
    await thread.stop({ kind: "end" }, 2_000);
    expect(failures).toHaveLength(1);
  });

  test("ends when it is asked to, and nothing of that is a failure", async () => {
    const { thread, failures } = start();
    await thread.stop({ kind: "end" }, 60_000);
    expect(failures).toEqual([]);
  });

  test("that does not listen is ended by force", async () => {
    const { thread, failures } = start();
    thread.post({ kind: "hang" });
    await thread.stop({ kind: "end" }, 100);
    expect(failures).toEqual([]);
  });
});

describe("threads that are started ahead", () => {
  const entry = workerEntry("./obedient", import.meta.url);

  test("are taken first, each by one", async () => {
    startAhead(entry, 2);
    const [first, second, third] = [start(), start(), start()];
    for (const [n, { thread, answer }] of [first, second, third].entries()) {
      thread.post({ kind: "echo", text: String(n) });
      expect(await answer()).toEqual({ kind: "echo", text: `hello ${n}` });
    }
  });

  test("and cannot be started leave the error to who needs one", async () => {
    const absent = workerEntry("./absent", import.meta.url);
    startAhead(absent, 1);
    const failure = Promise.withResolvers<unknown>();
    const thread = new WorkerThread<Order, Answer>(absent, "hello", {
      onMessage: () => {},
      onFailure: (error) => failure.resolve(error),
    });
    running.push(thread);
    expect(String(await failure.promise)).toContain("absent");
  });
});

describe("shared memory", () => {
  test("a mutex lets one thread in at a time, and counters lose nothing", async () => {
    const words = new SharedArrayBuffer(12);
    const counters = Counters.create(["sum"]);
    const threads = [start(), start(), start()];
    for (const { thread } of threads) thread.post({ kind: "add", words, counters: counters.shared, times: 20_000 });
    for (const { answer } of threads) expect(await answer()).toEqual({ kind: "added" });
    expect(new Int32Array(words)[1]).toBe(60_000);
    expect(counters.read()).toEqual({ sum: 180_000 });
    expect(new Int32Array(words)[0]).toBe(0);
  });

  test("a mutex is free again after a section that throws", () => {
    const mutex = new Mutex(new Int32Array(new SharedArrayBuffer(4)), 0);
    expect(() =>
      mutex.run(() => {
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(mutex.run(() => 5)).toBe(5);
  });

  test("a mutex that a dead thread holds is an error, not a wait for ever", () => {
    const words = new Int32Array(new SharedArrayBuffer(4));
    words[0] = 1;
    const mutex = new Mutex(words, 0, { giveUpMs: 50 });
    expect(() => mutex.run(() => 5)).toThrow(
      expect.toSatisfy((error: unknown) => isHoldfastError(error, "ENGINE_WORKER_FAILED")),
    );
  });
});
