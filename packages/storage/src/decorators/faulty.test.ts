import { describe, expect, test } from "vitest";
import { loadBytes } from "../bytes-source.ts";
import { MemoryBackend } from "../memory/memory-backend.ts";
import { get, listAll, put, unaborted } from "../testing/conformance-subject.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { sampleFile } from "../testing/sample-files.ts";
import { type Fault, randomFaults, randomFrom, scriptedFaults } from "./faults.ts";
import { FaultyBackend } from "./faulty.ts";

const FILE = sampleFile("pack", 600_000);

function faulty(operation: "save" | "load" | "list" | "remove" | "stat", fault: Fault): FaultyBackend {
  return new FaultyBackend(new MemoryBackend(), scriptedFaults([{ operation, call: 1, fault }]));
}

function bitsThatDiffer(a: Uint8Array, b: Uint8Array): number[] {
  expect(a.length).toBe(b.length);
  const bits: number[] = [];
  for (let i = 0; i < a.length; i++) {
    for (let bit = 0; bit < 8; bit++) if ((((a[i] ?? 0) ^ (b[i] ?? 0)) >> bit) & 1) bits.push(i * 8 + bit);
  }
  return bits;
}

describe("a planned fault", () => {
  test.each(["before", "middle"] as const)("fails a save %s, and nothing is stored", async (when) => {
    const backend = faulty("save", { kind: "fail", when });
    await expect(put(backend, FILE)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
    expect(await backend.stat(FILE.key, unaborted())).toBeUndefined();
  });

  test("fails a save after it has worked", async () => {
    const backend = faulty("save", { kind: "fail", when: "after", error: new Error("lost") });
    await expect(put(backend, FILE)).rejects.toThrow("lost");
    expect((await get(backend, FILE.key)).length).toBe(FILE.bytes.length);
  });

  test("lies about a save, and about a remove", async () => {
    const lying = faulty("save", { kind: "lie" });
    await put(lying, FILE);
    expect(await lying.stat(FILE.key, unaborted())).toBeUndefined();
    const keeping = faulty("remove", { kind: "lie" });
    await put(keeping, FILE);
    await keeping.remove(FILE.key, unaborted());
    expect(await keeping.stat(FILE.key, unaborted())).toBeDefined();
  });

  test.each([0, 1, 262_144, 300_000, 600_000, 9_999_999])(
    "cuts what is stored, and what is loaded, to %i bytes",
    async (keepBytes) => {
      const expected = FILE.bytes.subarray(0, keepBytes);
      const storing = faulty("save", { kind: "truncate", keepBytes });
      await put(storing, FILE);
      expect(Buffer.compare(await get(storing, FILE.key), expected)).toBe(0);
      const loading = faulty("load", { kind: "truncate", keepBytes });
      await put(loading, FILE);
      expect(Buffer.compare(await get(loading, FILE.key), expected)).toBe(0);
      expect((await get(loading, FILE.key)).length).toBe(FILE.bytes.length);
    },
  );

  test.each([0, 7, 262_144 * 8, 600_000 * 8 - 1, 600_000 * 8 + 3])(
    "flips bit %i, modulo the size, and no other",
    async (bit) => {
      const expected = [bit % (600_000 * 8)];
      const loading = faulty("load", { kind: "flip", bit });
      await put(loading, FILE);
      expect(bitsThatDiffer(await get(loading, FILE.key), FILE.bytes)).toEqual(expected);
      expect(bitsThatDiffer(await get(loading, FILE.key), FILE.bytes)).toEqual([]);
      const storing = faulty("save", { kind: "flip", bit });
      await put(storing, FILE);
      expect(bitsThatDiffer(await get(storing, FILE.key), FILE.bytes)).toEqual(expected);
    },
  );

  test("flips a bit within a loaded range", async () => {
    const backend = faulty("load", { kind: "flip", bit: 8 * 100 + 9 });
    await put(backend, FILE);
    const bytes = await loadBytes(backend, FILE.key, { offset: 5000, length: 100 }, unaborted());
    expect(bitsThatDiffer(bytes, FILE.bytes.slice(5000, 5100))).toEqual([9]);
  });

  test("fails a load in the middle, after half of the bytes", async () => {
    const backend = faulty("load", { kind: "fail", when: "middle" });
    await put(backend, FILE);
    let seen = 0;
    const count = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of chunks) seen += chunk.length;
    };
    await expect(backend.load(FILE.key, undefined, count, unaborted())).rejects.toMatchObject({ transient: true });
    expect(seen).toBe(300_000);
  });

  test("fails a list in the middle, after one entry", async () => {
    const backend = faulty("list", { kind: "fail", when: "middle" });
    for (let seed = 0; seed < 5; seed++) await put(backend, sampleFile("index", 5, seed));
    const seen: string[] = [];
    const list = async (): Promise<void> => {
      for await (const { name } of backend.list("index", unaborted())) seen.push(name);
    };
    await expect(list()).rejects.toMatchObject({ transient: true });
    expect(seen.length).toBe(1);
    expect((await listAll(backend, "index")).length).toBe(5);
  });

  test("delays a call", async () => {
    const clock = new FakeClock();
    const plan = scriptedFaults([{ operation: "stat", call: 2, fault: { kind: "delay", ms: 1234 } }]);
    const backend = new FaultyBackend(new MemoryBackend(), plan, clock);
    for (let i = 0; i < 3; i++) await backend.stat(FILE.key, unaborted());
    expect(clock.sleeps).toEqual([1234]);
  });
});

describe("plans", () => {
  test("count calls by operation and type", () => {
    const fault: Fault = { kind: "lie" };
    const plan = scriptedFaults([{ operation: "save", type: "index", call: 2, fault }]);
    const calls = ["index", "pack", "pack", "index", "index"] as const;
    expect(calls.map((type) => plan.next("save", type))).toEqual([undefined, undefined, undefined, fault, undefined]);
    expect(plan.next("load", "index")).toBeUndefined();
  });

  test("from one seed are equal, from two are not", () => {
    const hits = (seed: number): unknown[] => {
      const plan = randomFaults({ seed, rate: 0.5 });
      return Array.from({ length: 100 }, () => plan.next("save", "pack"));
    };
    expect(hits(1)).toEqual(hits(1));
    expect(hits(1)).not.toEqual(hits(2));
  });

  test.each([0, 0.1, 1])("hit a share of %d of all calls", (rate) => {
    const plan = randomFaults({ seed: 42, rate });
    const hits = Array.from({ length: 10_000 }, () => plan.next("load", "pack")).filter((fault) => fault !== undefined);
    expect(Math.abs(hits.length / 10_000 - rate)).toBeLessThan(0.02);
  });

  test("random numbers spread evenly over 0 to 1", () => {
    const random = randomFrom(5);
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 10_000; i++) {
      const bucket = Math.floor(random() * 10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(buckets.length).toBe(10);
    expect(buckets.every((count) => count > 850 && count < 1150)).toBe(true);
  });
});
