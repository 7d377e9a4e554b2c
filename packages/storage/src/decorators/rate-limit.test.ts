import { describe, expect, test } from "vitest";
import { loadBytes } from "../bytes-source.ts";
import { MemoryBackend } from "../memory/memory-backend.ts";
import { put, unaborted } from "../testing/conformance-subject.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { sampleFile } from "../testing/sample-files.ts";
import { ByteRate } from "./byte-rate.ts";
import { RateLimitBackend } from "./rate-limit.ts";

describe("ByteRate", () => {
  test("lets a burst of a quarter of a second pass, then keeps to the rate", async () => {
    const clock = new FakeClock();
    const rate = new ByteRate(1000, clock);
    await rate.take(250, unaborted());
    expect(clock.elapsedMs()).toBe(0);
    for (let i = 0; i < 10; i++) await rate.take(100, unaborted());
    expect(clock.elapsedMs()).toBeCloseTo(1000);
  });

  test("does not save up more than a burst over a long pause", async () => {
    const clock = new FakeClock();
    const rate = new ByteRate(1000, clock);
    clock.advance(3_600_000);
    await rate.take(1250, unaborted());
    expect(clock.elapsedMs() - 3_600_000).toBeCloseTo(1000);
  });

  test("keeps to the rate over several takers at once", async () => {
    const times: number[] = [];
    // Here sleeping ends when the time has come, for each on its own.
    const clock = { nowMs: () => 0, elapsedMs: () => 0, sleep: async (ms: number) => void times.push(ms) };
    const rate = new ByteRate(1000, clock);
    await Promise.all([250, 100, 100, 100].map((bytes) => rate.take(bytes, unaborted())));
    expect(times).toEqual([100, 200, 300]);
  });
});

test("uploads and downloads take the time that their bytes need, each with its own rate", async () => {
  const clock = new FakeClock();
  const limits = { uploadBytesPerSecond: 100_000, downloadBytesPerSecond: 200_000, clock };
  const backend = new RateLimitBackend(new MemoryBackend(), limits);
  const file = sampleFile("pack", 1_025_000);
  await put(backend, file);
  expect(clock.elapsedMs()).toBeCloseTo(10_000);
  const uploaded = clock.elapsedMs();
  await loadBytes(backend, file.key, undefined, unaborted());
  expect(clock.elapsedMs() - uploaded).toBeCloseTo(4875);
});

test("a limit for one direction leaves the other alone", async () => {
  const clock = new FakeClock();
  const file = sampleFile("pack", 1_000_000);
  const upload = new RateLimitBackend(new MemoryBackend(), { downloadBytesPerSecond: 1, clock });
  await put(upload, file);
  const download = new RateLimitBackend(upload, { uploadBytesPerSecond: 1, clock });
  expect((await loadBytes(download, file.key, { offset: 0, length: 0 }, unaborted())).length).toBe(0);
  expect(clock.sleeps).toEqual([]);
});

test("an abort ends the wait of an upload, and nothing is stored", async () => {
  const aborter = new AbortController();
  const reason = new Error("enough");
  const clock = new FakeClock();
  const sleep = async (ms: number, options: { signal: AbortSignal }): Promise<void> => {
    if (clock.sleeps.length === 3) aborter.abort(reason);
    await clock.sleep(ms, options);
  };
  const limits = { uploadBytesPerSecond: 1000, clock: { nowMs: () => 0, elapsedMs: () => clock.elapsedMs(), sleep } };
  const store = new MemoryBackend();
  const file = sampleFile("pack", 1_000_000);
  const body = { sizeBytes: file.bytes.length, open: () => [file.bytes] };
  const save = new RateLimitBackend(store, limits).save(file.key, body, { signal: aborter.signal });
  expect(await save.catch((error: unknown) => error)).toBe(reason);
  expect(await store.stat(file.key, unaborted())).toBeUndefined();
});
