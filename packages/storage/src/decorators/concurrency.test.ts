import { describe, expect, test } from "vitest";
import type { Backend, FileKey } from "../backend.ts";
import { storageError } from "../errors.ts";
import { MemoryBackend } from "../memory/memory-backend.ts";
import { listAll, put, unaborted } from "../testing/conformance-subject.ts";
import { sampleFile } from "../testing/sample-files.ts";
import { ConcurrencyBackend } from "./concurrency.ts";
import { scriptedFaults } from "./faults.ts";
import { FaultyBackend } from "./faulty.ts";
import { RetryBackend } from "./retry.ts";

/** Counts loads that are under way; they go on when told. */
function gate() {
  const waiting: (() => void)[] = [];
  let active = 0;
  let most = 0;
  const consume = async (): Promise<void> => {
    most = Math.max(most, ++active);
    await new Promise<void>((resolve) => waiting.push(resolve));
    active--;
  };
  return { consume, waiting, most: () => most, active: () => active };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

async function store(): Promise<{ backend: MemoryBackend; key: FileKey }> {
  const backend = new MemoryBackend();
  const file = sampleFile("pack", 10);
  await put(backend, file);
  return { backend, key: file.key };
}

test("no more calls than allowed run at once, and all run in the end", async () => {
  const { backend: inner, key } = await store();
  const backend = new ConcurrencyBackend(inner, 3);
  const { consume, waiting, most, active } = gate();
  const loads = Array.from({ length: 10 }, () => backend.load(key, undefined, consume, unaborted()));
  for (let done = 0; done < 10; done++) {
    await turns();
    expect(active()).toBe(Math.min(3, 10 - done));
    waiting.shift()?.();
  }
  await Promise.all(loads);
  expect(most()).toBe(3);
});

test("the limit is the backend's own unless another is given", async () => {
  const { backend: inner, key } = await store();
  const backend = new ConcurrencyBackend(inner);
  const { consume, waiting, active } = gate();
  const loads = Array.from({ length: 10 }, () => backend.load(key, undefined, consume, unaborted()));
  await turns();
  expect(active()).toBe(inner.capabilities.maxConcurrency);
  for (let i = 0; i < 10; i++) {
    waiting.shift()?.();
    await turns();
  }
  await Promise.all(loads);
});

test("an aborted call stops waiting at once, and its turn goes to the next", async () => {
  const { backend: inner, key } = await store();
  const backend = new ConcurrencyBackend(inner, 1);
  const { consume, waiting } = gate();
  const first = backend.load(key, undefined, consume, unaborted());
  await turns();
  const aborter = new AbortController();
  const reason = new Error("enough");
  const second = backend.stat(key, { signal: aborter.signal }).catch((error: unknown) => error);
  const third = backend.stat(key, unaborted());
  aborter.abort(reason);
  expect(await second).toBe(reason);
  waiting.shift()?.();
  await first;
  expect((await third)?.sizeBytes).toBe(10);
});

test("a failed call gives its turn back", async () => {
  const { backend: inner, key } = await store();
  const backend = new ConcurrencyBackend(inner, 1);
  const failing = backend.load(key, undefined, () => Promise.reject(new Error("theirs")), unaborted());
  await expect(failing).rejects.toThrow("theirs");
  expect((await backend.stat(key, unaborted()))?.sizeBytes).toBe(10);
});

describe("while calls are paused", () => {
  test("none passes but those about locks, also when they are repeated; then all go on", async () => {
    const memory = new MemoryBackend();
    const plan = scriptedFaults([{ operation: "save", call: 1, fault: { kind: "fail", when: "before" } }]);
    const limited = new ConcurrencyBackend(new FaultyBackend(memory, plan), 1);
    const backend = new RetryBackend(limited, { initialDelayMs: 1 });
    const resume = backend.pauseCalls?.();
    const resumeToo = backend.pauseCalls?.();
    const pack = sampleFile("pack", 10);
    const lock = sampleFile("lock", 10);
    const saving = put(backend, pack);
    const listing = Array.fromAsync(backend.list("pack", unaborted()));
    // The lock meets the failure, and is repeated meanwhile.
    await put(backend, lock);
    expect((await listAll(backend, "lock")).length).toBe(1);
    resume?.();
    resume?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await memory.stat(pack.key, unaborted())).toBeUndefined();
    resumeToo?.();
    await saving;
    expect(await memory.stat(pack.key, unaborted())).toBeDefined();
    await listing;
  });

  test("an abort ends the wait", async () => {
    const backend = new ConcurrencyBackend(new MemoryBackend());
    backend.pauseCalls();
    const aborter = new AbortController();
    const reason = new Error("enough");
    const waiting = backend.stat(sampleFile("pack", 1).key, { signal: aborter.signal });
    aborter.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test("a call that waited for its turn meanwhile waits on, and holds no turn", async () => {
    const backend = new ConcurrencyBackend(new MemoryBackend(), 1);
    const { promise, resolve } = Promise.withResolvers<void>();
    const file = sampleFile("index", 5);
    await put(backend, file);
    const first = backend.load(file.key, undefined, () => promise, unaborted());
    let isThrough = false;
    const second = backend.stat(file.key, unaborted()).then(() => (isThrough = true));
    await turns();
    const resume = backend.pauseCalls();
    resolve();
    await first;
    await put(backend, sampleFile("lock", 5));
    expect(isThrough).toBe(false);
    resume();
    await second;
  });
});

describe("where more may be tried", () => {
  /** Its calls take 20 ms; with more than `bears` at once they are refused. */
  class Far extends MemoryBackend {
    override readonly capabilities = { ...new MemoryBackend().capabilities, maxConcurrency: 4, mostConcurrency: 16 };
    active = 0;
    most = 0;
    refused = 0;
    readonly #bears: number;
    constructor(bears: number) {
      super();
      this.#bears = bears;
    }
    override async stat(...args: Parameters<MemoryBackend["stat"]>): ReturnType<MemoryBackend["stat"]> {
      if (this.active >= this.#bears) {
        this.refused++;
        throw storageError("STORAGE_UNAVAILABLE", { location: "x", reason: "429", isBusy: true });
      }
      this.most = Math.max(this.most, ++this.active);
      await new Promise((resolve) => setTimeout(resolve, 20));
      this.active--;
      return super.stat(...args);
    }
  }

  async function work(backend: Backend, calls: number): Promise<void> {
    const { key } = sampleFile("pack", 1);
    await Promise.all(Array.from({ length: calls }, () => backend.stat(key, unaborted())));
  }

  test("more calls are let through while that moves more", async () => {
    const far = new Far(100);
    const backend = new ConcurrencyBackend(far);
    expect(backend.capabilities.maxConcurrency).toBe(16);
    await work(backend, 1600);
    expect(far.most).toBeGreaterThan(4);
    expect(far.most).toBeLessThanOrEqual(16);
  });

  test("fewer are when the store is too busy, and none is lost", async () => {
    const far = new Far(2);
    const backend = new RetryBackend(new ConcurrencyBackend(far), { initialDelayMs: 1, maxDelayMs: 5 });
    await work(backend, 300);
    expect(far.refused).toBeLessThan(60);
  });

  test("a limit that was given stays as it is", async () => {
    const far = new Far(100);
    const backend = new ConcurrencyBackend(far, 3);
    expect(backend.capabilities.maxConcurrency).toBe(3);
    await work(backend, 300);
    expect(far.most).toBe(3);
  });
});
