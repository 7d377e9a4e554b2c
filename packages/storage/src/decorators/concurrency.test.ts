import { expect, test } from "vitest";
import type { FileKey } from "../backend.ts";
import { MemoryBackend } from "../memory/memory-backend.ts";
import { put, unaborted } from "../testing/conformance-subject.ts";
import { sampleFile } from "../testing/sample-files.ts";
import { ConcurrencyBackend } from "./concurrency.ts";

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
