import { expect, test } from "vitest";
import { engineError } from "../errors.ts";
import { TreeMemo } from "./tree-memo.ts";
import type { SearchedTree } from "./tree-search.ts";
import type { WantedTree } from "./wanted-tree.ts";

const tree = (entry: number): WantedTree => ({ entry, mode: "by-name" });

function found(name: string): SearchedTree {
  const kept = { name, isFolder: false, tree: -1, missing: undefined, isMatch: true, json: "", ids: [] };
  return { kept: [kept], unsafeNames: [] };
}

test("what was used least recently is forgotten when there is no room; the newest never is", () => {
  const memo = new TreeMemo({ entries: 10, maxBytes: 1800 });
  for (const entry of [0, 1, 2]) memo.set(tree(entry), found("x"));
  memo.get(tree(0));
  memo.set(tree(3), found("x"));
  expect([0, 1, 2, 3].filter((entry) => memo.knows(tree(entry)))).toEqual([0, 2, 3]);
  memo.set(tree(4), found("x".repeat(10_000)));
  expect([0, 1, 2, 3, 4].filter((entry) => memo.knows(tree(entry)))).toEqual([4]);
});

test("there is room again when trees turn out barren", () => {
  const memo = new TreeMemo({ entries: 10, maxBytes: 1200 });
  for (const entry of [0, 1]) memo.set(tree(entry), found("x"));
  expect(memo.hasRoom).toBe(false);
  for (const entry of [0, 1]) memo.setBarren(tree(entry));
  expect(memo.hasRoom).toBe(true);
});

test("a mode is known by itself, and so is what is barren or damaged", () => {
  const memo = new TreeMemo({ entries: 10, maxBytes: 1000 });
  memo.setBarren(tree(7));
  memo.setDamage(tree(9), engineError("ENGINE_UNAUTHENTIC", { what: "x" }));
  expect(
    [tree(7), { entry: 7, mode: "everything" } as const, tree(6), tree(9)].map((each) => memo.knows(each)),
  ).toEqual([true, false, false, true]);
  expect(memo.isBarren(tree(9))).toBe(false);
  expect(memo.damageOf(tree(9))).toMatchObject({ code: "ENGINE_UNAUTHENTIC" });
});
