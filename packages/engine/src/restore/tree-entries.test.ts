import { describe, expect, test } from "vitest";
import { node } from "../../test/made-repository.ts";
import { encodeNode, type TreeNode } from "../format/node.ts";
import { partEntries, treeEntries, type UnusableEntry } from "./tree-entries.ts";

const tree = (nodes: readonly TreeNode[]): Uint8Array =>
  Buffer.from(`{"nodes":[${nodes.map(encodeNode).join(",")}]}\n`);
const names = (nodes: readonly TreeNode[]): string[] => nodes.map(({ name }) => name);

describe("the entries of a tree", () => {
  test("of many come in parts, together all of them in order", () => {
    const all = Array.from({ length: 1000 }, (_, n) => node(`f${n + 1000}`));
    const { nodes, parts, unusable } = treeEntries(tree(all));
    const rest = parts.flatMap((part) => partEntries(new Uint8Array(part), []));
    expect(parts.length).toBeGreaterThan(3);
    expect([...nodes, ...rest]).toEqual(all);
    expect(unusable).toEqual([]);
  });

  test("in another order than usual are taken all the same", () => {
    expect(names(treeEntries(tree([node("b"), node("a")])).nodes)).toEqual(["b", "a"]);
  });

  test("that stand twice are taken once, also in a large tree", () => {
    const many = Array.from({ length: 400 }, (_, n) => node(`f${n + 1000}`));
    for (const nodes of [[node("a")], many]) {
      const doubled = [...nodes, nodes[0] as TreeNode];
      const { nodes: first, parts, unusable } = treeEntries(tree(doubled));
      expect(first.length + parts.flatMap((part) => partEntries(new Uint8Array(part), [])).length).toBe(nodes.length);
      expect(unusable).toMatchObject([{ code: "unsafe-name", name: nodes[0]?.name }]);
    }
  });

  test("before a damage are taken, those behind it are lost", () => {
    const whole = tree([node("a"), node("b"), node("c")]);
    const { nodes, unusable } = treeEntries(whole.subarray(0, whole.length - 40));
    expect(names(nodes)).toEqual(["a", "b"]);
    expect(unusable).toMatchObject([{ code: "damaged", name: "" }]);
  });

  test("of no tree at all are none", () => {
    expect(treeEntries(Buffer.from("[]"))).toMatchObject({ nodes: [], parts: [], unusable: [{ code: "damaged" }] });
    expect(treeEntries(tree([]))).toEqual({ nodes: [], parts: [], unusable: [] });
  });

  test("in a part that cannot be decoded are told one by one", () => {
    const unusable: UnusableEntry[] = [];
    const bad = { ...node("bad"), type: "strange" as TreeNode["type"] };
    expect(names(partEntries(tree([node("a"), bad, node("c")]), unusable))).toEqual(["a", "c"]);
    expect(unusable).toMatchObject([{ name: "bad", code: "damaged" }]);
  });
});
