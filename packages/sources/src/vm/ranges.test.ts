import { describe, expect, test } from "vitest";
import { fewRanges, joinedRanges } from "./ranges.ts";

describe("stretches of a disk", () => {
  test.for<[what: string, given: [number, number][], joined: [number, number][]]>([
    ["none", [], []],
    [
      "in order",
      [
        [5, 9],
        [0, 2],
      ],
      [
        [0, 2],
        [5, 9],
      ],
    ],
    [
      "that touch",
      [
        [0, 4],
        [4, 8],
      ],
      [[0, 8]],
    ],
    [
      "that overlap, or lie in another",
      [
        [0, 9],
        [2, 3],
        [8, 12],
      ],
      [[0, 12]],
    ],
  ])("%s are joined", ([, given, joined]) => {
    const ranges = given.map(([start, end]) => ({ start, end }));
    expect(joinedRanges(ranges).map(({ start, end }) => [start, end])).toEqual(joined);
  });

  test("that are many become few, which have all of them in them and leave out the widest gaps", () => {
    const MIB = 1024 * 1024;
    const ranges = Array.from({ length: 5000 }, (_, n) => {
      const start = n * MIB + (n >= 2500 ? 1e12 : 0);
      return { start, end: start + 512 };
    });
    for (const most of [1, 2, 100, 4999, 5000]) {
      const few = fewRanges(ranges, most);
      expect(few.length).toBeLessThanOrEqual(most);
      for (const { start, end } of ranges)
        expect(few.some((each) => each.start <= start && each.end >= end)).toBe(true);
      if (most > 1) expect(few.some(({ start, end }) => start < 1e12 && end > 1e12)).toBe(false);
    }
    expect(fewRanges(ranges, 5000)).toEqual(ranges);
  });
});
