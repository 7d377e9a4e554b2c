import { expect, test } from "vitest";
import { TreeQueue } from "./tree-queue.ts";
import type { WantedTree } from "./wanted-tree.ts";

const tree = (entry: number): WantedTree => ({ entry, mode: "by-name" });
const entries = (batch: ReturnType<TreeQueue["take"]>): number[] | undefined => batch?.wanted.map(({ entry }) => entry);

function filled(): TreeQueue {
  const queue = new TreeQueue({ batchBytes: 100 });
  for (const [unit, entry] of [
    [1, 10],
    [2, 20],
    [1, 11],
    [1, 12],
    [2, 21],
  ] as const)
    queue.add(unit, tree(entry), 50);
  return queue;
}

test("trees come unit by unit, in batches of so many bytes", () => {
  const queue = filled();
  expect([1, 2, 3].map(() => entries(queue.take(undefined)))).toEqual([[10, 11], [12], [20, 21]]);
  expect([queue.isEmpty, queue.take(undefined)]).toEqual([true, undefined]);
});

test("the unit whose bytes are at hand comes first", () => {
  const queue = filled();
  expect(entries(queue.take(2))).toEqual([20, 21]);
  expect(entries(queue.take(2))).toEqual([10, 11]);
});

test("the tree that somebody waits for comes before all others, and once", () => {
  const queue = filled();
  queue.putFirst(1, tree(12));
  expect(queue.take(2)).toEqual({ unit: 1, wanted: [tree(12), tree(10)] });
  queue.putFirst(1, tree(12));
  expect(entries(queue.take(undefined))).toEqual([11]);
});

test("a unit whose last tree was waited for is empty", () => {
  const queue = new TreeQueue({ batchBytes: 100 });
  queue.add(3, tree(30), 50);
  queue.putFirst(3, tree(30));
  expect(entries(queue.take(undefined))).toEqual([30]);
  expect(queue.isEmpty).toBe(true);
});
