import { isHoldfastError } from "@holdfast/base";
import { FaultyBackend, type Fault } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import { check, contentOfFolder, contentOfSnapshot, NEVER, through, type Content } from "../../test/backup-lab.ts";
import { copyOf, cutOffEverywhere, flipBit, idsOf, makeGood, packsWith, type Good } from "../../test/damaged/good.ts";
import { repairAll } from "../../test/damaged/repair-all.ts";
import { Author, newRepository, node } from "../../test/made-repository.ts";
import { walkSnapshot } from "../browse/walk.ts";
import { parseId, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { loadIndex } from "../repository/load-index.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots } from "../repository/snapshots.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { executeIndexRepair, planIndexRepair } from "./repair-index.ts";
import { executeSnapshotRepair, planSnapshotRepair, type SnapshotRepairPlan } from "./repair-snapshots.ts";

const LOST = parseId("ab".repeat(32));
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));
const snapshotsOf = (repository: Repository) => listSnapshots(repository, { signal: NEVER });
let good: Good;

beforeAll(async () => {
  good = await makeGood();
});

async function repair(repository: Repository, forget = false, forgetUnreadable = false): Promise<SnapshotRepairPlan> {
  const plan = await planSnapshotRepair(repository, { signal: NEVER });
  await executeSnapshotRepair(repository, plan, { signal: NEVER, forget, forgetUnreadable });
  return plan;
}

async function made(build: (author: Author) => Promise<TreeNode[]>): Promise<{ repository: Repository; id: Id }> {
  const author = new Author(newRepository());
  const tree = await author.tree(await build(author));
  await author.finish();
  return { repository: author.repository, id: await author.snapshot(tree) };
}

async function nodesOf(repository: Repository, root: Id): Promise<Record<string, TreeNode>> {
  const trees = new TreeReader(new BlobReader(repository, await loadIndex(repository, { signal: NEVER })));
  const nodes: Record<string, TreeNode> = {};
  for await (const { path, node: each } of walkSnapshot(trees, root, { signal: NEVER })) nodes[path] = each;
  return nodes;
}

describe("repairing snapshots", () => {
  test("changes nothing where nothing is lost", async () => {
    const repository = await copyOf(good.repository);
    const before = await idsOf(repository, "snapshot");
    const packs = await idsOf(repository, "pack");
    const plan = await repair(repository, true);
    expect(plan).toMatchObject({ examined: 2, broken: [], unreadable: [], unlistedPacks: 0 });
    expect(await idsOf(repository, "snapshot")).toEqual(before);
    expect(await idsOf(repository, "pack")).toEqual(packs);
  });

  test("keeps what is left of files, and says exactly what is lost", async () => {
    const { repository, id } = await made(async (author) => {
      const part = await author.file("part", ["one", "two", "three"]);
      const content = [part.content?.[0], LOST, part.content?.[2]] as Id[];
      return [
        await author.file("good", ["whole"]),
        { ...part, content, size: 11 },
        node("gone", { content: [LOST], size: 5 }),
        { ...(await author.file("size", ["abc"])), size: 999 },
        node("sub", { type: "dir", subtree: LOST }),
        await author.folder("tidy", [node("x")]),
      ];
    });
    const plan = await repair(repository);
    expect(plan.broken[0]?.losses).toEqual([
      { kind: "file-parts", path: "/part", reason: "1 of 3 parts are lost", oldBytes: 11, newBytes: 8 },
      { kind: "file-parts", path: "/gone", reason: "1 of 1 parts are lost", oldBytes: 5, newBytes: 0 },
      { kind: "file-size", path: "/size", reason: "its parts have 3 bytes, not 999", oldBytes: 999, newBytes: 3 },
      {
        kind: "folder",
        path: "/sub",
        reason: expect.stringContaining("is not in the index"),
        oldBytes: 0,
        newBytes: 0,
      },
    ]);
    const all = await snapshotsOf(repository);
    const repaired = all.find(({ snapshot }) => snapshot.tags.includes("repaired"));
    expect(all).toHaveLength(2);
    expect(repaired?.snapshot).toMatchObject({
      original: id,
      time: "2026-01-01T00:00:00Z",
      paths: ["/data"],
      tags: ["repaired"],
    });
    const nodes = await nodesOf(repository, repaired?.snapshot.tree as Id);
    expect(Object.keys(nodes)).toEqual(["/good", "/part", "/gone", "/size", "/sub", "/tidy", "/tidy/x"]);
    expect(nodes["/part"]).toMatchObject({ size: 8, mtimeNs: 1_700_000_000_123_456_789n });
    expect(nodes["/gone"]).toMatchObject({ size: 0, content: [] });
    expect(nodes["/size"]).toMatchObject({ size: 3 });
    const filter = { tags: [["repaired"]] };
    expect((await check(repository, { filter })).healthy).toBe(true);
  });

  test("removes the broken snapshot only when asked, and is not repeated", async () => {
    const { repository, id } = await made(async () => [node("gone", { content: [LOST], size: 5 })]);
    await repair(repository);
    expect((await repair(repository)).broken).toMatchObject([{ isDone: true }]);
    expect(await idsOf(repository, "snapshot")).toHaveLength(2);
    await repair(repository, true);
    const left = await idsOf(repository, "snapshot");
    expect(left).toHaveLength(1);
    expect(left).not.toContain(id);
    expect((await check(repository)).healthy).toBe(true);
  });

  test("entries that cannot be used are left out, all others stay as they are", async () => {
    const { repository } = await made(async () => [
      node("../out"),
      node("odd", { type: "irregular" }),
      node("ok", { genericAttributes: { "windows.creation_time": 17_000_000_000_000_000_001n } }),
    ]);
    const plan = await repair(repository, true);
    expect(plan.broken[0]?.losses.map(({ kind, path }) => `${kind} ${path}`)).toEqual(["entry /../out", "entry /odd"]);
    const [left] = await snapshotsOf(repository);
    const nodes = await nodesOf(repository, left?.snapshot.tree as Id);
    expect(nodes["/ok"]?.genericAttributes).toEqual({ "windows.creation_time": 17_000_000_000_000_000_001n });
    expect(Object.keys(nodes)).toEqual(["/ok"]);
  });

  test("a lost tree that can be made again is made again: an empty folder is no loss to keep", async () => {
    const { repository, id } = await made(async (author) => [await author.folder("empty", []), node("x")]);
    const index = await loadIndex(repository, { signal: NEVER });
    const empty = (await nodesOf(repository, (await snapshotsOf(repository))[0]?.snapshot.tree as Id))["/empty"]
      ?.subtree as Id;
    const place = index.find("tree", Buffer.from(empty, "hex"), 0);
    await flipBit(
      repository.backend,
      { type: "pack", name: index.packId(place?.pack as number) },
      (place?.offset as number) + 20,
    );
    const plan = await repair(repository, true);
    expect(plan.broken).toMatchObject([{ stored: { id }, newTree: plan.broken[0]?.stored.snapshot.tree }]);
    expect(await idsOf(repository, "snapshot")).toEqual([id]);
    expect((await check(repository)).affected).toEqual([]);
  });

  test("a snapshot of which nothing is left is only removed on request", async () => {
    const author = new Author(newRepository());
    const id = await author.snapshot(LOST);
    const plan = await repair(author.repository);
    expect(plan.broken).toMatchObject([{ newTree: undefined, losses: [{ kind: "folder", path: "/" }] }]);
    expect(await idsOf(author.repository, "snapshot")).toEqual([id]);
    await repair(author.repository, true);
    expect(await idsOf(author.repository, "snapshot")).toEqual([]);
  });

  test("an unreadable snapshot file is only removed on request", async () => {
    const repository = await copyOf(good.repository);
    const [first] = (await idsOf(repository, "snapshot")) as [Id];
    await flipBit(repository.backend, { type: "snapshot", name: first }, 30);
    expect(await repair(repository, true)).toMatchObject({ unreadable: [{ id: first }], examined: 1 });
    expect(await idsOf(repository, "snapshot")).toContain(first);
    await repair(repository, false, true);
    expect(await idsOf(repository, "snapshot")).toHaveLength(1);
    expect((await check(repository)).healthy).toBe(true);
  });

  test("nothing counts as lost because the index is damaged or the store is out of reach", async () => {
    const repository = await copyOf(good.repository);
    const next = (operation: string, type: string | undefined): Fault | undefined =>
      operation === "load" && type === "pack" ? { kind: "fail", when: "before" } : undefined;
    const unreachable = through(repository, new FaultyBackend(repository.backend, { next }));
    await expect(planSnapshotRepair(unreachable, { signal: NEVER })).rejects.toEqual(failsWith("STORAGE_UNAVAILABLE"));
    const [index] = (await idsOf(repository, "index")) as [Id];
    await flipBit(repository.backend, { type: "index", name: index }, 50);
    await expect(planSnapshotRepair(repository, { signal: NEVER })).rejects.toEqual(failsWith("ENGINE_INDEX_DAMAGED"));
  });

  test.each(["data", "tree"] as const)("after a %s pack is gone, all that is left is restorable", async (type) => {
    const repository = await copyOf(good.repository);
    const [pack] = (await packsWith(repository, type)) as [Id];
    await repository.removeFile("pack", pack, { signal: NEVER });
    await repairAll(repository, (await check(repository)).findings);
    const { healthy, findings } = await check(repository);
    expect({ healthy, findings }).toMatchObject({ healthy: true });
    const original = contentOfFolder(good.folder);
    for (const { snapshot } of await snapshotsOf(repository)) {
      const left = await contentOfSnapshot(repository, snapshot.tree, good.folder);
      expect(Object.keys(original)).toEqual(
        expect.arrayContaining(Object.keys(left).filter((path) => path in original)),
      );
    }
  });

  test("loses no more wherever it is cut off, and finishes when run again", async () => {
    const broken = await copyOf(good.repository);
    const [pack] = (await packsWith(broken, "data")) as [Id];
    await broken.removeFile("pack", pack, { signal: NEVER });
    const plan = await planIndexRepair(broken, { readAllPacks: false, signal: NEVER });
    await executeIndexRepair(broken, plan, { signal: NEVER });
    const whole = await copyOf(broken);
    await repair(whole, true);
    const wanted = await contents(whole);
    let cuts = 0;
    for await (const { repository, step } of cutOffEverywhere(broken, (target) => repair(target, true))) {
      cuts++;
      await repair(repository, true);
      expect({ step, healthy: (await check(repository)).healthy }).toEqual({ step, healthy: true });
      expect({ step, found: await contents(repository) }).toEqual({ step, found: wanted });
    }
    expect(cuts).toBeGreaterThan(6);
  });
});

/** Content of all snapshots, oldest first. */
async function contents(repository: Repository): Promise<Content[]> {
  const all = await snapshotsOf(repository);
  const found = [];
  for (const { snapshot } of all.sort((a, b) => (a.snapshot.timeNs < b.snapshot.timeNs ? -1 : 1))) {
    found.push(await contentOfSnapshot(repository, snapshot.tree, good.folder));
  }
  return found;
}
