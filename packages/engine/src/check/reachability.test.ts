import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TreeEdges } from "./messages.ts";
import { Reachability } from "./reachability.ts";

const tree = (
  entry: number,
  subtrees: readonly number[] = [],
  data: readonly number[] = [],
  more: Partial<TreeEdges> = {},
): TreeEdges => ({
  entry,
  subtrees: Uint32Array.from(subtrees),
  data: Uint32Array.from(data),
  incomplete: false,
  findings: [],
  ...more,
});

function graph(entries: number, ...trees: TreeEdges[]): Reachability {
  const reachability = new Reachability(entries);
  for (const edges of trees) reachability.add(edges);
  return reachability;
}

const used = (reachability: Reachability, entries: number): number[] =>
  [...Array(entries).keys()].filter((entry) => reachability.isUsed(entry));

describe("what a snapshot needs", () => {
  test("is all that lies below its tree, and nothing else", () => {
    const reachability = graph(8, tree(0, [1, 2], [5]), tree(1, [2]), tree(2, [], [6]), tree(3, [2], [7]));
    reachability.visit(0);
    expect(used(reachability, 8)).toEqual([0, 1, 2, 5, 6]);
  });

  test("ends with folders that contain each other", () => {
    const reachability = graph(3, tree(0, [1]), tree(1, [2]), tree(2, [0, 2]));
    reachability.visit(0);
    expect(used(reachability, 3)).toEqual([0, 1, 2]);
  });

  test("has no limit of depth", () => {
    const depth = 200_000;
    const reachability = graph(depth + 1, tree(depth));
    for (let n = 0; n < depth; n++) reachability.add(tree(n, [n + 1]));
    reachability.visit(0);
    expect(reachability.isUsed(depth)).toBe(true);
    expect(reachability.isWhole(0)).toBe(true);
  });

  test("has no limit of breadth", () => {
    const breadth = 300_000;
    const reachability = graph(
      breadth + 1,
      tree(
        0,
        Array.from({ length: breadth }, (_, n) => n + 1),
      ),
    );
    for (let n = 1; n <= breadth; n++) reachability.add(tree(n));
    reachability.visit(0);
    expect(reachability.isUsed(breadth)).toBe(true);
    expect(reachability.isWhole(0)).toBe(true);
  });

  test("names the findings of trees that are used only", () => {
    const finding = (what: string) => ({ code: "tree-order", what, reason: "" }) as const;
    const reachability = graph(
      2,
      tree(0, [], [], { findings: [finding("used")] }),
      tree(1, [], [], { findings: [finding("unused")] }),
    );
    reachability.visit(0);
    expect([...reachability.findingsOfUsed()].map(({ what }) => what)).toEqual(["used"]);
  });
});

describe("a tree is whole", () => {
  test.for<[what: string, make: () => Reachability, whole: boolean]>([
    ["with nothing in it", () => graph(1, tree(0)), true],
    ["when all below it is", () => graph(4, tree(0, [1, 2], [3]), tree(1, [2]), tree(2)), true],
    ["but not when it was not read", () => graph(1), false],
    ["but not when a tree below was not read", () => graph(3, tree(0, [1]), tree(1, [2])), false],
    [
      "but not when something below is unknown",
      () => graph(2, tree(0, [1]), tree(1, [], [], { incomplete: true })),
      false,
    ],
    ["but not when it contains itself", () => graph(1, tree(0, [0])), false],
    ["but not when a folder below contains one above", () => graph(3, tree(0, [1]), tree(1, [2]), tree(2, [0])), false],
    ["also when a folder is in it twice", () => graph(3, tree(0, [1, 1, 2]), tree(1, [2]), tree(2)), true],
  ])("%s", ([, make, whole]) => {
    expect(make().isWhole(0)).toBe(whole);
  });

  test("but not when a blob below is damaged", () => {
    for (const damaged of [0, 1, 2]) {
      const reachability = graph(4, tree(0, [1]), tree(1, [], [2]), tree(3));
      reachability.markDamaged(damaged);
      expect(reachability.isWhole(0)).toBe(false);
      expect(reachability.isWhole(3)).toBe(true);
      expect(reachability.isDamaged(damaged)).toBe(true);
    }
  });

  test("exactly when no path leads to damage or back, in any graph", () => {
    const size = 8;
    const edges = fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 14 });
    fc.assert(
      fc.property(edges, fc.option(fc.nat(size - 1)), (pairs, damaged) => {
        const below = (entry: number): number[] => pairs.filter(([from]) => from === entry).map(([, to]) => to);
        const reachability = graph(size, ...Array.from({ length: size }, (_, n) => tree(n, below(n))));
        if (damaged !== null) reachability.markDamaged(damaged);
        const whole = (entry: number, above: readonly number[]): boolean =>
          entry !== damaged && !above.includes(entry) && below(entry).every((child) => whole(child, [...above, entry]));
        for (let entry = 0; entry < size; entry++) expect(reachability.isWhole(entry)).toBe(whole(entry, []));
      }),
    );
  });
});
