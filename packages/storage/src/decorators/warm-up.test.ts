import { describe, expect, test } from "vitest";
import { loadBytes } from "../bytes-source.ts";
import type { Backend, ByteRange, Capabilities, FileKey, LoadOptions, RequestWarm } from "../backend.ts";
import { storageError } from "../errors.ts";
import { MemoryBackend } from "../memory/memory-backend.ts";
import { put, unaborted } from "../testing/conformance-subject.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { sampleFile } from "../testing/sample-files.ts";
import { ForwardingBackend } from "./forwarding.ts";
import { type WarmUpInfo, WarmUpBackend } from "./warm-up.ts";

/** A place in which files are cold until they were asked for, and then for some looks more. */
class ColdBackend extends ForwardingBackend {
  /** Every request to bring a file back. */
  readonly requests: string[] = [];
  #looks: number;
  #warmUp: Capabilities["warmUp"];

  constructor(inner: Backend, { looks, timeoutMs }: { looks: number; timeoutMs?: number }) {
    super(inner);
    this.#looks = looks;
    this.#warmUp = timeoutMs === undefined ? undefined : { timeoutMs };
  }

  override get capabilities(): Capabilities {
    const { warmUp: _, ...others } = super.capabilities;
    return this.#warmUp === undefined ? others : { ...others, warmUp: this.#warmUp };
  }

  override load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T> {
    if (this.requests.length <= this.#looks) {
      return Promise.reject(storageError("STORAGE_COLD", { location: this.location, ...key }));
    }
    return super.load(key, range, consume, options);
  }

  override get requestWarm(): RequestWarm {
    return async (key) => {
      this.requests.push(key.name);
      return this.requests.length > this.#looks ? "warm" : "warming";
    };
  }
}

async function made(options: { looks: number; timeoutMs?: number }) {
  const memory = new MemoryBackend();
  const file = sampleFile("pack", 1000);
  await put(memory, file);
  const cold = new ColdBackend(memory, options);
  const clock = new FakeClock();
  const told: WarmUpInfo[] = [];
  const backend = new WarmUpBackend(cold, { clock, onWaiting: (info) => told.push(info) });
  return { backend, cold, clock, told, file };
}

const HOUR_MS = 3_600_000;

describe("a file in a cold class", () => {
  test("is asked for and waited for, with ever rarer looks, and then read", async () => {
    const { backend, clock, told, file } = await made({ looks: 10, timeoutMs: HOUR_MS });
    expect(await loadBytes(backend, file.key, undefined, unaborted())).toEqual(file.bytes);
    expect(clock.sleeps.slice(0, 3)).toEqual([1000, 2000, 4000]);
    expect(Math.max(...clock.sleeps)).toBe(60_000);
    expect(told.at(-1)).toMatchObject({ asked: 1, waiting: 1 });
  });

  test("is waited for once, however many ranges of it are wanted", async () => {
    const { backend, cold, file } = await made({ looks: 3, timeoutMs: HOUR_MS });
    const ranges = [0, 100, 200, 300].map((offset) => ({ offset, length: 50 }));
    const loaded = await Promise.all(ranges.map((range) => loadBytes(backend, file.key, range, unaborted())));
    expect(loaded.map(({ length }) => length)).toEqual([50, 50, 50, 50]);
    expect(cold.requests).toHaveLength(4);
  });

  test("is not waited for longer than was said", async () => {
    const { backend, clock, file } = await made({ looks: Number.POSITIVE_INFINITY, timeoutMs: 2 * HOUR_MS });
    await expect(loadBytes(backend, file.key, undefined, unaborted())).rejects.toMatchObject({
      code: "STORAGE_COLD_TIMEOUT",
      transient: false,
      message: expect.stringContaining("2 hours"),
    });
    expect(clock.elapsedMs()).toBeLessThan(2 * HOUR_MS + 120_000);
  });

  test("is an error at once where nothing may be asked for", async () => {
    const { backend, cold, file } = await made({ looks: 1 });
    await expect(loadBytes(backend, file.key, undefined, unaborted())).rejects.toMatchObject({ code: "STORAGE_COLD" });
    expect(cold.requests).toEqual([]);
  });

  test("that one waits for who gives up is waited for by the next", async () => {
    const { backend, file } = await made({ looks: 5, timeoutMs: HOUR_MS });
    const abort = new AbortController();
    const reason = new Error("enough");
    const first = loadBytes(backend, file.key, undefined, { signal: abort.signal });
    const second = loadBytes(backend, file.key, undefined, unaborted());
    abort.abort(reason);
    await expect(first).rejects.toBe(reason);
    expect(await second).toEqual(file.bytes);
  });
});
