import { describe, expect, test } from "vitest";
import type { Backend, FileKey } from "../backend.ts";
import { bytesSource, loadBytes } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import { MemoryBackend } from "../memory/memory-backend.ts";
import { listAll, put, unaborted } from "../testing/conformance-subject.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { sampleBytes, sampleFile } from "../testing/sample-files.ts";
import type { RecoveryInfo, RetryInfo } from "./attempts.ts";
import { type Fault, type FaultOperation, type FaultPlan, scriptedFaults } from "./faults.ts";
import { FaultyBackend } from "./faulty.ts";
import { RetryBackend } from "./retry.ts";

const CONFIG: FileKey = { type: "config", name: "" };

interface Setup {
  readonly store: MemoryBackend;
  readonly backend: Backend;
  readonly clock: FakeClock;
  readonly retries: RetryInfo[];
}

function setup(plan: FaultPlan): Setup {
  const store = new MemoryBackend();
  const clock = new FakeClock();
  const retries: RetryInfo[] = [];
  const onRetry = (info: RetryInfo): void => void retries.push(info);
  const backend = new RetryBackend(new FaultyBackend(store, plan), { clock, random: () => 0.5, onRetry });
  return { store, backend, clock, retries };
}

function always(operation: FaultOperation, fault: Fault): FaultPlan {
  return { next: (called) => (called === operation ? fault : undefined) };
}

function once(operation: FaultOperation, when: "before" | "middle" | "after"): FaultPlan {
  return scriptedFaults([{ operation, call: 1, fault: { kind: "fail", when } }]);
}

describe("back-off", () => {
  test("doubles from half a second to a minute, tells of each wait, and gives up after 15 minutes", async () => {
    const { backend, clock, retries } = setup(always("stat", { kind: "fail", when: "before" }));
    await expect(backend.stat(CONFIG, unaborted())).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(clock.sleeps.slice(0, 9)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect(clock.elapsedMs()).toBeGreaterThan(14 * 60_000);
    expect(clock.elapsedMs()).toBeLessThanOrEqual(15 * 60_000);
    expect(retries.length).toBe(clock.sleeps.length);
    expect(retries[2]).toMatchObject({ operation: "stat", subject: "config", failures: 3, delayMs: 2000 });
    expect(retries[2]?.error.code).toBe("STORAGE_UNAVAILABLE");
  });

  test("spreads its waits by jitter", async () => {
    const clock = new FakeClock();
    const numbers = [0, 1, 0.25];
    const random = (): number => numbers.shift() ?? 0.5;
    const plan = scriptedFaults(
      [1, 2, 3].map((call) => ({ operation: "stat", call, fault: { kind: "fail", when: "before" } })),
    );
    await new RetryBackend(new FaultyBackend(new MemoryBackend(), plan), { clock, random }).stat(CONFIG, unaborted());
    expect(clock.sleeps).toEqual([250, 1500, 1500]);
  });

  test("tries again at least once, however long the first try took", async () => {
    const clock = new FakeClock();
    class SlowOnce extends MemoryBackend {
      #isFirst = true;
      override async stat(...args: Parameters<MemoryBackend["stat"]>) {
        if (!this.#isFirst) return super.stat(...args);
        this.#isFirst = false;
        clock.advance(3_600_000);
        throw storageError("STORAGE_UNAVAILABLE", { location: "x", reason: "timed out" });
      }
    }
    expect(await new RetryBackend(new SlowOnce(), { clock }).stat(CONFIG, unaborted())).toBeUndefined();
    expect(clock.sleeps.length).toBe(1);
  });

  test("does not repeat what cannot get better", async () => {
    const { backend, clock } = setup(
      always("save", { kind: "fail", when: "before", error: storageError("STORAGE_FULL") }),
    );
    await expect(put(backend, sampleFile("pack", 10))).rejects.toMatchObject({ code: "STORAGE_FULL" });
    expect(clock.sleeps).toEqual([]);
  });

  test("ends with the reason of an abort while it waits", async () => {
    const aborter = new AbortController();
    const reason = new Error("enough");
    const plan = always("stat", { kind: "fail", when: "before" });
    const onRetry = ({ failures }: RetryInfo): void => (failures === 3 ? aborter.abort(reason) : undefined);
    const clock = new FakeClock();
    const backend = new RetryBackend(new FaultyBackend(new MemoryBackend(), plan), { clock, onRetry });
    const outcome = await backend.stat(CONFIG, { signal: aborter.signal }).catch((error: unknown) => error);
    expect(outcome).toBe(reason);
    expect(clock.sleeps.length).toBe(2);
  });
});

describe.each(["before", "middle", "after"] as const)("a failure %s", (when) => {
  test("of a save does not stop the file from being stored", async () => {
    const { backend, store } = setup(once("save", when));
    const file = sampleFile("pack", 300_000);
    await put(backend, file);
    expect(Buffer.compare(await loadBytes(store, file.key, undefined, unaborted()), file.bytes)).toBe(0);
  });

  test("of a save with ifAbsent does not take our own file for another's", async () => {
    const { backend, store } = setup(once("save", when));
    const file = sampleFile("config", 155);
    await backend.save(file.key, bytesSource(file.bytes), { ...unaborted(), ifAbsent: true });
    expect((await store.stat(CONFIG, unaborted()))?.sizeBytes).toBe(155);
  });

  test("of a load lets the consumer start afresh", async () => {
    const { backend, store } = setup(once("load", when));
    const file = sampleFile("pack", 1_000_000);
    await put(store, file);
    expect(Buffer.compare(await loadBytes(backend, file.key, undefined, unaborted()), file.bytes)).toBe(0);
  });

  test("of a remove is not made worse by its having worked", async () => {
    const { backend, store } = setup(once("remove", when));
    const file = sampleFile("lock", 10);
    await put(store, file);
    await backend.remove(file.key, unaborted());
    expect(await store.stat(file.key, unaborted())).toBeUndefined();
  });

  test("of a list yields no name twice and none too few", async () => {
    const { backend, store } = setup(once("list", when));
    for (let seed = 0; seed < 20; seed++) await put(store, sampleFile("index", 10, seed));
    const names = (await listAll(backend, "index")).map(({ name }) => name);
    expect(new Set(names).size).toBe(20);
    expect(names.length).toBe(20);
  });
});

test("a repeated save with ifAbsent does not take another writer's file of the same size for its own", async () => {
  const { backend, store } = setup(once("save", "before"));
  await store.save(CONFIG, bytesSource(sampleBytes(155, 1)), unaborted());
  const save = backend.save(CONFIG, bytesSource(sampleBytes(155, 2)), { ...unaborted(), ifAbsent: true });
  await expect(save).rejects.toMatchObject({ code: "STORAGE_EXISTS" });
});

test("a first save with ifAbsent of what is there fails, also when the content is the same", async () => {
  const { backend, store } = setup(scriptedFaults([]));
  const file = sampleFile("key", 100);
  await put(store, file);
  const save = backend.save(file.key, bytesSource(file.bytes), { ...unaborted(), ifAbsent: true });
  await expect(save).rejects.toMatchObject({ code: "STORAGE_EXISTS" });
});

test("a first remove of what is not there fails", async () => {
  const { backend } = setup(scriptedFaults([]));
  await expect(backend.remove(CONFIG, unaborted())).rejects.toMatchObject({ code: "STORAGE_NOT_FOUND" });
});

test("a failure of the consumer is not repeated, even when it looks transient", async () => {
  const { backend, store, clock } = setup(scriptedFaults([]));
  const file = sampleFile("pack", 10);
  await put(store, file);
  const theirs = storageError("STORAGE_UNAVAILABLE", { location: "elsewhere", reason: "the target of the copy" });
  let calls = 0;
  const consume = async (chunks: AsyncIterable<Uint8Array>): Promise<never> => {
    calls++;
    for await (const chunk of chunks) if (chunk.length > 0) throw theirs;
    throw new Error("not reached");
  };
  const outcome = await backend.load(file.key, undefined, consume, unaborted()).catch((error: unknown) => error);
  expect(outcome).toBe(theirs);
  expect(calls).toBe(1);
  expect(clock.sleeps).toEqual([]);
});

test("a list that goes on after each failure does not run out of time", async () => {
  const store = new MemoryBackend();
  for (let seed = 0; seed < 100; seed++) await put(store, sampleFile("index", 10, seed));
  class OneMoreEachTime extends MemoryBackend {
    #reach = 0;
    override async *list(...args: Parameters<MemoryBackend["list"]>) {
      let left = ++this.#reach;
      for await (const info of store.list(...args)) {
        yield info;
        if (--left === 0) throw storageError("STORAGE_UNAVAILABLE", { location: "x", reason: "y" });
      }
    }
  }
  const clock = new FakeClock();
  const backend = new RetryBackend(new OneMoreEachTime(), { clock, maxElapsedMs: 600, random: () => 0.5 });
  expect((await listAll(backend, "index")).length).toBe(100);
  expect(clock.sleeps.every((ms) => ms === 500)).toBe(true);
});

describe("a store that asks to be left alone", () => {
  const busy = (retryAfterMs: number) =>
    storageError("STORAGE_UNAVAILABLE", { location: "x", reason: "429", retryAfterMs });

  test("is, for as long as it asks and a little more", async () => {
    const plan = scriptedFaults([
      { operation: "stat", call: 1, fault: { kind: "fail", when: "before", error: busy(120_000) } },
    ]);
    const { backend, clock, retries } = setup(plan);
    expect(await backend.stat(CONFIG, unaborted())).toBeUndefined();
    expect(clock.sleeps).toEqual([126_000]);
    expect(retries).toMatchObject([{ failures: 1, delayMs: 126_000, elapsedMs: 0 }]);
  });

  test("is not asked sooner than the back-off either", async () => {
    const { backend, clock } = setup(always("stat", { kind: "fail", when: "before", error: busy(1000) }));
    await expect(backend.stat(CONFIG, unaborted())).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(clock.sleeps.slice(0, 5)).toEqual([1050, 1050, 2000, 4000, 8000]);
  });

  test("for longer than there is patience is an error at once", async () => {
    const { backend, clock } = setup(always("stat", { kind: "fail", when: "before", error: busy(16 * 60_000) }));
    await expect(backend.stat(CONFIG, unaborted())).rejects.toMatchObject({ details: { retryAfterMs: 960_000 } });
    expect(clock.sleeps).toEqual([]);
  });
});

test("tells once when a call has got its answer, also one that is no success", async () => {
  const failures = [1, 2].map((call) => ({ operation: "stat" as const, call }));
  const plan = scriptedFaults(failures.map((rule) => ({ ...rule, fault: { kind: "fail", when: "before" } })));
  const clock = new FakeClock();
  const recoveries: RecoveryInfo[] = [];
  const onRecovery = (info: RecoveryInfo): void => void recoveries.push(info);
  const patient = new RetryBackend(new FaultyBackend(new MemoryBackend(), plan), {
    clock,
    random: () => 0.5,
    onRecovery,
  });
  await patient.stat(CONFIG, unaborted());
  await patient.stat(CONFIG, unaborted());
  expect(recoveries).toEqual([{ operation: "stat", subject: "config", failures: 2, elapsedMs: 1500 }]);

  const gone = scriptedFaults([{ operation: "remove", call: 1, fault: { kind: "fail", when: "before" } }]);
  const absent = new RetryBackend(new FaultyBackend(new MemoryBackend(), gone), { clock, onRecovery });
  await absent.remove(CONFIG, unaborted());
  await expect(absent.load(CONFIG, undefined, async () => {}, unaborted())).rejects.toMatchObject({
    code: "STORAGE_NOT_FOUND",
  });
  expect(recoveries.length).toBe(2);
});

test("has patience for hours when it is told to", async () => {
  const clock = new FakeClock();
  let calls = 0;
  class Outage extends MemoryBackend {
    override async stat(...args: Parameters<MemoryBackend["stat"]>) {
      calls++;
      if (clock.elapsedMs() > 5 * 3_600_000) return super.stat(...args);
      throw storageError("STORAGE_UNAVAILABLE", { location: "x", reason: "down" });
    }
  }
  const backend = new RetryBackend(new Outage(), { clock, maxElapsedMs: 6 * 3_600_000, random: () => 0.5 });
  expect(await backend.stat(CONFIG, unaborted())).toBeUndefined();
  // A call a minute harms nobody, and finds the store within a minute of its return.
  expect(calls).toBeLessThan(320);
  expect(clock.elapsedMs()).toBeLessThan(5 * 3_600_000 + 61_000);
});
