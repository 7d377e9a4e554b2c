/** Which chunks are kept, and which ranges read. */
import { expect, test } from "vitest";
import type { Id } from "../format/id.ts";
import { planSplice, type SpliceStep } from "./splice-plan.ts";

const chunks = (...sizes: number[]) => sizes.map((sizeBytes, n) => ({ id: `${n}` as Id, sizeBytes }));
const shown = (steps: SpliceStep[]) =>
  steps.map((step) => (step.kind === "keep" ? step.chunks.map(({ id }) => id).join("") : [step.start, step.end]));

test.for<[string, number[], number, [number, number][], unknown]>([
  ["nothing has changed", [10, 10, 10], 30, [], ["012"]],
  ["there was nothing", [], 30, [], [[0, 30]]],
  ["there is nothing", [10], 0, [[0, 10]], []],
  ["one byte", [10, 10, 10], 30, [[10, 11]], ["0", [10, 20], "2"]],
  ["a byte on each side of a cut", [10, 10, 10], 30, [[9, 11]], [[0, 20], "2"]],
  ["ranges that end at cuts", [10, 10, 10], 30, [[10, 20]], ["0", [10, 20], "2"]],
  [
    "ranges out of order, that overlap, and that are empty",
    [10, 10, 10, 10],
    40,
    [
      [35, 38],
      [1, 2],
      [1, 9],
      [22, 22],
    ],
    [[0, 10], "12", [30, 40]],
  ],
  [
    "a wide range with a narrow one in it",
    [10, 10, 10, 10],
    40,
    [
      [0, 35],
      [1, 2],
    ],
    [[0, 40]],
  ],
  ["the file has grown: what ended its last chunk ends none now", [10, 10], 25, [], ["0", [10, 25]]],
  ["the file was cut within a chunk", [10, 10, 10], 15, [], ["0", [10, 15]]],
  ["the file was cut where a chunk ends", [10, 10, 10], 20, [], ["01"]],
  ["a range beyond the end", [10, 10], 20, [[20, 100]], ["01"]],
])("%s", ([, sizes, now, changed, expected]) => {
  const ranges = changed.map(([start, end]) => ({ start, end }));
  expect(shown(planSplice(chunks(...sizes), now, ranges))).toEqual(expected);
});

test.for([
  [-1, 3],
  [5, 4],
  [0.5, 2],
  [0, Number.NaN],
])("%j is no range", ([start, end]) => {
  expect(() => planSplice(chunks(10), 10, [{ start: start as number, end: end as number }])).toThrow(RangeError);
});
