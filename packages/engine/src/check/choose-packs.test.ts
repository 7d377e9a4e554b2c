import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { idOf } from "../format/id.ts";
import { choosePacks, type PackFile } from "./choose-packs.ts";
import type { DataSubset } from "./options.ts";

const packs = (count: number, trees = 0): PackFile[] =>
  Array.from({ length: count + trees }, (_, n) => ({
    id: idOf(Buffer.from(String(n))),
    sizeBytes: 100 + n,
    holdsTrees: n >= count,
  }));

/** Repeatable numbers from 0 to below 1. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

const choose = (from: readonly PackFile[], subset: DataSubset, seed = 1): PackFile[] =>
  choosePacks(from, subset, randomFrom(seed));

describe("packs that a check reads", () => {
  test.for<DataSubset>([
    { kind: "none" },
    { kind: "all" },
    { kind: "part", n: 1, of: 9 },
    { kind: "percent", percent: 1 },
    { kind: "bytes", bytes: 1 },
  ])("with trees are always among them: %o", (subset) => {
    const all = packs(20, 5);
    const chosen = choose(all, subset);
    for (const pack of all.filter(({ holdsTrees }) => holdsTrees)) expect(chosen).toContain(pack);
    expect(new Set(chosen).size).toBe(chosen.length);
  });

  test("are none or all of those with data", () => {
    expect(choose(packs(20), { kind: "none" })).toEqual([]);
    expect(choose(packs(20), { kind: "all" })).toEqual(packs(20));
  });

  test("in parts: each pack is in exactly one of them", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(60), (of, count) => {
        const parts = Array.from({ length: of }, (_, n) => choose(packs(count), { kind: "part", n: n + 1, of }));
        expect(
          parts
            .flat()
            .map(({ id }) => id)
            .sort(),
        ).toEqual(
          packs(count)
            .map(({ id }) => id)
            .sort(),
        );
      }),
    );
  });

  test("in percent: so many, rounded up, and others each time", () => {
    for (const [percent, expected] of [
      [0.1, 1],
      [10, 20],
      [33.3, 67],
      [100, 200],
    ] as const) {
      expect(choose(packs(200), { kind: "percent", percent })).toHaveLength(expected);
    }
    const half: DataSubset = { kind: "percent", percent: 50 };
    expect(choose(packs(200), half, 5)).not.toEqual(choose(packs(200), half, 6));
    expect(choose([], half)).toEqual([]);
  });

  test("by size: not more than that, but at least one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30_000 }), fc.integer({ min: 1, max: 1_000 }), (bytes, seed) => {
        const chosen = choose(packs(100), { kind: "bytes", bytes }, seed);
        const total = chosen.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        expect(chosen.length).toBeGreaterThanOrEqual(1);
        if (chosen.length > 1) expect(total).toBeLessThanOrEqual(bytes);
        // No pack that is left out would have fitted.
        if (chosen.length < 100 && total <= bytes) {
          const left = packs(100).filter(({ id }) => !chosen.some((pack) => pack.id === id));
          expect(Math.min(...left.map(({ sizeBytes }) => sizeBytes))).toBeGreaterThan(bytes - total);
        }
      }),
    );
  });
});
