import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { check, NEVER } from "../../test/backup-lab.ts";
import { repairAll } from "../../test/damaged/repair-all.ts";
import { Author, newRepository, node } from "../../test/made-repository.ts";
import type { TreeNode } from "../format/node.ts";
import type { Repository } from "../repository/repository.ts";
import { loadIndex } from "../repository/load-index.ts";
import { Restore } from "../restore/restore.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-contradictions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Case {
  readonly what: string;
  readonly nodes: (author: Author) => Promise<TreeNode[]>;
  readonly code: string;
  readonly reason: string;
}

const sizes: Case[] = [
  {
    what: "a file that is longer than its content",
    nodes: async (author) => [await author.file("a", ["12345", "67890"], { size: 11 })],
    code: "file-size",
    reason: "file 'a' has 11 bytes, its content 10",
  },
  {
    what: "a file that is shorter than its content",
    nodes: async (author) => [await author.file("a", [new Uint8Array(100_000)], { size: 1 })],
    code: "file-size",
    reason: "file 'a' has 1 bytes, its content 100000",
  },
  {
    what: "a file with a size and no content",
    nodes: async () => [node("a", { content: [], size: 7 })],
    code: "file-size",
    reason: "file 'a' has 7 bytes, its content 0",
  },
];

const cases: Case[] = [
  {
    what: "neighbours of one name",
    nodes: async (author) => [await author.file("a", ["one"]), await author.file("a", ["two"])],
    code: "tree-duplicate",
    reason: "entry 'a' is there twice",
  },
  {
    what: "one name at two places",
    nodes: async (author) => [
      await author.file("a", ["one"]),
      await author.file("b", ["two"]),
      await author.folder("a", []),
    ],
    code: "tree-duplicate",
    reason: "entry 'a' is there twice",
  },
];

async function repositoryOf({ nodes }: Case): Promise<{ repository: Repository; tree: TreeNode["subtree"] & string }> {
  const author = new Author(newRepository());
  const tree = await author.tree([await author.folder("deep", await nodes(author)), await author.file("z", ["good"])]);
  await author.finish();
  await author.snapshot(tree);
  return { repository: author.repository, tree };
}

describe("a check of a tree with", () => {
  test.each(cases)("$what names it, as a restore does, and repair mends it", async (each) => {
    const { repository, tree } = await repositoryOf(each);
    const { healthy, findings, affected } = await check(repository);
    expect(healthy).toBe(false);
    expect(findings.filter(({ code }) => code !== "tree-order")).toMatchObject([
      { code: each.code, reason: each.reason },
    ]);
    expect(affected.map(({ path }) => path)).toEqual(["/deep/a"]);

    const target = mkdtempSync(join(folder, "target-"));
    mkdirSync(target, { recursive: true });
    const index = await loadIndex(repository, { signal: NEVER });
    const { problems } = await new Restore(repository, index, tree, { target, signal: NEVER }).run();
    expect(problems.map(({ path }) => path)).toEqual(["/deep/a"]);

    await repairAll(repository, findings);
    expect(await check(repository)).toMatchObject({ healthy: true, affected: [] });
  });

  test.each(sizes)(
    "$what names it and calls it no damage, for the content is all there; repair corrects it",
    async (each) => {
      const { repository } = await repositoryOf(each);
      const { healthy, findings, affected } = await check(repository);
      expect({ healthy, affected }).toEqual({ healthy: true, affected: [] });
      expect(findings).toMatchObject([{ code: each.code, reason: each.reason }]);
      await repairAll(repository, findings);
      const live = await check(repository);
      expect(live).toMatchObject({ healthy: true });
    },
  );

  test("sizes that cannot be known, since parts are in no index, says only that", async () => {
    const author = new Author(newRepository());
    const lost = node("a", { content: ["ab".repeat(32) as NonNullable<TreeNode["content"]>[number]], size: 5 });
    const tree = await author.tree([lost]);
    await author.finish();
    await author.snapshot(tree);
    expect((await check(author.repository)).findings.map(({ code }) => code)).toEqual(["data-missing"]);
  });
});
