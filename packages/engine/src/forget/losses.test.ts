import { FaultyBackend } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import { NEVER, through } from "../../test/backup-lab.ts";
import { copyOf, flipBit, makeGood, packsWith, type Good } from "../../test/damaged/good.ts";
import { Author, newRepository, node, signal } from "../../test/made-repository.ts";
import { parseId, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { loadIndex } from "../repository/load-index.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots } from "../repository/snapshots.ts";
import { findLosses } from "./losses.ts";

const LOST = parseId("ab".repeat(32));
let good: Good;

beforeAll(async () => {
  good = await makeGood();
});

async function lossesOf(repository: Repository) {
  const stored = await listSnapshots(repository, { signal: NEVER });
  return findLosses(repository, await loadIndex(repository, { signal: NEVER }), stored, { signal: NEVER });
}

async function made(build: (author: Author) => Promise<TreeNode[]>): Promise<{ repository: Repository; id: Id }> {
  const author = new Author(newRepository());
  const tree = await author.tree(await build(author));
  await author.finish();
  return { repository: author.repository, id: await author.snapshot(tree) };
}

describe("what snapshots lack", () => {
  test("is nothing in a good repository, and each snapshot is told", async () => {
    const told: string[] = [];
    const stored = await listSnapshots(good.repository, { signal: NEVER });
    const index = await loadIndex(good.repository, { signal: NEVER });
    const onSnapshot = (done: number, total: number): void => void told.push(`${done}/${total}`);
    expect(await findLosses(good.repository, index, stored, { signal: NEVER, onSnapshot })).toEqual([]);
    expect(told).toEqual(["1/2", "2/2"]);
  });

  test("is named exactly: files with their parts, folders with their tree, at every path", async () => {
    const { repository, id } = await made(async (author) => {
      const file = await author.file("half", ["here"]);
      const inner = await author.folder("inner", [{ ...file, content: [...(file.content ?? []), LOST, LOST] }]);
      return [
        inner,
        { ...inner, name: "same" },
        await author.folder("whole", [await author.file("good", ["x", "y"])]),
        node("gone", { type: "dir", subtree: LOST }),
        node("nothing", { type: "dir", subtree: undefined }),
      ];
    });
    expect(await lossesOf(repository)).toEqual([
      {
        id,
        isCutShort: false,
        parts: [
          { kind: "file", path: "/inner/half", blobs: [LOST, LOST], reason: "2 of 3 parts are in no index" },
          { kind: "file", path: "/same/half", blobs: [LOST, LOST], reason: "2 of 3 parts are in no index" },
          { kind: "folder", path: "/gone", blobs: [LOST], reason: `the tree blob ${LOST} is not in the index` },
          { kind: "folder", path: "/nothing", blobs: [], reason: "the folder names no tree" },
        ],
      },
    ]);
  });

  test("is the whole snapshot when its first tree is gone", async () => {
    const author = new Author(newRepository());
    const id = await author.snapshot(LOST);
    expect(await lossesOf(author.repository)).toMatchObject([{ id, parts: [{ kind: "folder", path: "/" }] }]);
  });

  test("is of one snapshot only when the others do without", async () => {
    const author = new Author(newRepository());
    const whole = await author.tree([await author.file("a", ["a"])]);
    const lacking = await author.tree([node("b", { content: [LOST], size: 1 })]);
    await author.finish();
    await author.snapshot(whole);
    const id = await author.snapshot(lacking);
    expect((await lossesOf(author.repository)).map((losses) => losses.id)).toEqual([id]);
  });

  test("counts a tree that is damaged as lost", async () => {
    const repository = await copyOf(good.repository);
    for (const pack of await packsWith(repository, "tree")) {
      await flipBit(repository.backend, { type: "pack", name: pack }, 20);
    }
    const losses = await lossesOf(repository);
    expect(losses.length).toBeGreaterThan(0);
    expect(losses[0]?.parts[0]).toMatchObject({ kind: "folder" });
  });

  test("is not guessed when the store is out of reach", async () => {
    const down = {
      next: (operation: string) => (operation === "load" ? ({ kind: "fail", when: "before" } as const) : undefined),
    };
    const index = await loadIndex(good.repository, { signal: NEVER });
    const stored = await listSnapshots(good.repository, { signal: NEVER });
    const unreachable = through(good.repository, new FaultyBackend(good.repository.backend, down));
    await expect(findLosses(unreachable, index, stored, { signal: NEVER })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
  });

  test("is found in bounded work, however often a broken folder is named", async () => {
    // Two to the power of forty paths lead to one lost blob.
    const author = new Author(newRepository());
    let level = await author.folder("a", [node("lost", { content: [LOST], size: 1 })]);
    for (let depth = 0; depth < 40; depth++) level = await author.folder("a", [level, { ...level, name: "b" }]);
    const tree = await author.tree([level]);
    await author.finish();
    const id = await author.snapshot(tree);
    const [losses] = await findLosses(
      author.repository,
      author.index,
      await listSnapshots(author.repository, { signal }),
      { signal },
    );
    expect(losses).toMatchObject({ id, isCutShort: true });
    expect(losses?.parts).toHaveLength(10_000);
  });
});
