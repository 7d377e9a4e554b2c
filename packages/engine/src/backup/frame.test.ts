import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Frame, type FrameOwner } from "./frame.ts";

function frame(owner: FrameOwner, count: number): Frame {
  const names = Array.from({ length: count }, (_, n) => `name-${n}`);
  return new Frame({
    owner,
    dir: "/d",
    storedDir: "/stored",
    names,
    explicit: false,
    device: undefined,
    parentTree: undefined,
    parentTreeId: undefined,
  });
}

const task: FrameOwner = { kind: "task", task: 1, asTree: false };
const folder: FrameOwner = {
  kind: "folder",
  parent: frame(task, 1),
  at: 0,
  head: "{",
  startedMs: 0,
  previous: undefined,
};

/** Results of some entries, and an order in which they come. */
const results = fc
  .array(fc.option(fc.string({ minLength: 1 }).map((text) => JSON.stringify({ name: text }))), { maxLength: 50 })
  .chain((nodes) => fc.tuple(fc.constant(nodes), fc.shuffledSubarray([...nodes.keys()], { minLength: nodes.length })));

describe("a folder on its way into a tree", () => {
  test("gives the same tree whatever is finished first", () => {
    fc.assert(
      fc.property(results, ([nodes, order]) => {
        const inOrder = frame(folder, nodes.length);
        nodes.forEach((node, at) => inOrder.set(at, node));
        const mixed = frame(folder, nodes.length);
        for (const [done, at] of order.entries()) {
          expect(mixed.complete).toBe(false);
          mixed.set(at, nodes[at] as string | null);
          expect(mixed.complete).toBe(done === nodes.length - 1);
        }
        const tree = Buffer.from(mixed.tree()).toString();
        expect(tree).toBe(Buffer.from(inOrder.tree()).toString());
        expect(JSON.parse(tree)).toEqual({
          nodes: nodes.filter((node) => node !== null).map((node) => JSON.parse(node)),
        });
      }),
    );
  });

  test("a part of a folder gives its nodes in order, also those of which nothing is stored", () => {
    fc.assert(
      fc.property(results, ([nodes, order]) => {
        const part = frame(task, nodes.length);
        for (const at of order) part.set(at, nodes[at] as string | null);
        expect(part.nodes()).toEqual(nodes);
      }),
    );
  });

  test("an empty folder is complete at once", () => {
    const empty = frame(folder, 0);
    expect(empty.complete).toBe(true);
    expect(empty.started).toBe(true);
    expect(Buffer.from(empty.tree()).toString()).toBe('{"nodes":[]}\n');
  });

  test("targets are stored under names of their own", () => {
    const names = { names: ["x"], storedNames: ["x-1"] };
    const rest = {
      owner: task,
      dir: "/d",
      storedDir: "/stored",
      explicit: true,
      device: undefined,
      parentTree: undefined,
      parentTreeId: undefined,
    };
    const renamed = new Frame({ ...rest, ...names });
    expect(renamed.storedNames).toEqual(["x-1"]);
    expect(renamed.storedPath(0)).toBe("/stored/x-1");
    expect(new Frame({ ...rest, names: ["x"] }).storedNames).toEqual(["x"]);
  });
});
