import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CutChooser } from "./cut-chooser.ts";
import { MAX_CHUNK_BYTES as MAX, MIN_CHUNK_BYTES as MIN } from "./limits.ts";

/** The rule, chunk by chunk, with everything known at once. */
function cutsWithHindsight(candidates: readonly number[], start: number, size: number): number[] {
  const cuts: number[] = [];
  while (start < size) {
    const from = start;
    const candidate = candidates.find((position) => position >= from + MIN) ?? Number.POSITIVE_INFINITY;
    start = Math.min(candidate, from + MAX, size);
    cuts.push(start);
  }
  return cuts;
}

function choose(candidates: readonly number[], start: number, size: number, ends: readonly number[]): number[] {
  const chooser = new CutChooser(start);
  const cuts: number[] = [];
  let known = start;
  for (const upTo of [...ends, size]) {
    cuts.push(
      ...chooser.push(
        candidates.filter((position) => position > known && position <= upTo),
        upTo,
      ),
    );
    known = upTo;
  }
  return [...cuts, ...chooser.finish(size)];
}

describe("CutChooser", () => {
  test("chooses the same cuts whatever the pieces", () => {
    // Candidates often lie within a few bytes of where limits fall.
    const distances = fc.oneof(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: MIN - 2, max: MIN + 2 }),
      fc.integer({ min: MAX - 2, max: MAX + 2 }),
      fc.integer({ min: 1, max: 2 * MAX }),
    );
    fc.assert(
      fc.property(
        fc.array(distances, { maxLength: 30 }),
        fc.nat({ max: 2 ** 40 }),
        distances,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 10 }),
        (steps, start, rest, ends) => {
          let at = start;
          const candidates = steps.map((step) => (at += step));
          const size = at + rest - 1;
          const pieces = ends.map((share) => start + Math.floor(share * (size - start))).sort((a, b) => a - b);
          expect(choose(candidates, start, size, pieces)).toEqual(cutsWithHindsight(candidates, start, size));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("chooses the same cuts from runs", () => {
    const run = fc.record({ gap: fc.integer({ min: 1, max: 2 * MAX }), length: fc.integer({ min: 1, max: 5000 }) });
    fc.assert(
      fc.property(fc.array(run, { maxLength: 8 }), fc.nat({ max: 2 ** 40 }), (runs, start) => {
        let at = start;
        const pairs = runs.flatMap(({ gap, length }) => {
          const first = at + gap;
          at = first + length - 1;
          return [first - start, at - start];
        });
        const positions = runs.flatMap((_, n) => {
          const [first, last] = [pairs[2 * n] as number, pairs[2 * n + 1] as number];
          return Array.from({ length: last - first + 1 }, (__, step) => start + first + step);
        });
        expect(new CutChooser(start).pushRuns(pairs, start, at)).toEqual(new CutChooser(start).push(positions, at));
      }),
    );
  });

  test("a run of zeros is cut at the smallest size", () => {
    const cuts = new CutChooser().pushRuns([64, 10 * MIN], 0, 10 * MIN);
    expect(cuts).toEqual(Array.from({ length: 10 }, (_, n) => (n + 1) * MIN));
  });

  test("returns a cut as soon as it is certain", () => {
    const chooser = new CutChooser(1000);
    expect(chooser.push([1000 + MIN - 1], 1000 + MIN - 1)).toEqual([]);
    expect(chooser.push([1000 + MIN], 1000 + MIN)).toEqual([1000 + MIN]);
    expect(chooser.push([], 1000 + MIN + MAX - 1)).toEqual([]);
    expect(chooser.push([], 1000 + MIN + MAX)).toEqual([1000 + MIN + MAX]);
  });

  test("ends without an empty chunk", () => {
    expect(new CutChooser().finish(0)).toEqual([]);
    expect(new CutChooser(70).finish(70)).toEqual([]);
    expect(new CutChooser(70).finish(71)).toEqual([71]);
    const chooser = new CutChooser();
    expect(chooser.push([MIN], MIN)).toEqual([MIN]);
    expect(chooser.finish(MIN)).toEqual([]);
    expect(new CutChooser().finish(2 * MAX)).toEqual([MAX, 2 * MAX]);
  });
});
