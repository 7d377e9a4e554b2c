import { isHoldfastError } from "@holdfast/base";
import { describe, expect, test } from "vitest";
import {
  check,
  namesOf,
  newRepository as repositoryWithConfig,
  NEVER,
  RecordingBackend,
  storedBlobs,
  through,
} from "../../test/backup-lab.ts";
import { cutOffEverywhere, idsOf } from "../../test/damaged/good.ts";
import { Author, newRepository, node } from "../../test/made-repository.ts";
import { SECRET, storeSample } from "../../test/rewrite-sample.ts";
import { walkSnapshot } from "../browse/walk.ts";
import { listForgotten, unforgetSnapshots } from "../forget/forgotten.ts";
import { addHold } from "../forget/holds.ts";
import { idOf, parseId, type Id } from "../format/id.ts";
import { executePrune } from "../prune/execute.ts";
import { planPrune } from "../prune/plan.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { loadIndex } from "../repository/load-index.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots, type StoredSnapshot } from "../repository/snapshots.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { rewriteSnapshots, type RewriteOptions, type RewriteRequest, type RewriteResult } from "./rewrite-snapshots.ts";

const LOST = parseId("ab".repeat(32));
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

const lines = (...patterns: string[]) => [{ lines: patterns, ignoreCase: false }];
const anyCase = (...patterns: string[]) => [{ lines: patterns, ignoreCase: true }];

function rewrite(
  repository: Repository,
  request: Partial<RewriteRequest>,
  options: Partial<RewriteOptions> = {},
): Promise<RewriteResult> {
  const nothing = { exclude: [], include: [], hostname: undefined, timeNs: undefined, summary: false };
  return rewriteSnapshots(
    repository,
    { ...nothing, ...request },
    { signal: NEVER, forget: false, dryRun: false, ...options },
  );
}

const snapshotsOf = (repository: Repository): Promise<StoredSnapshot[]> => listSnapshots(repository, { signal: NEVER });

async function pathsOf(repository: Repository, root: Id): Promise<string[]> {
  const trees = new TreeReader(new BlobReader(repository, await loadIndex(repository, { signal: NEVER })));
  const paths: string[] = [];
  for await (const { path } of walkSnapshot(trees, root, { signal: NEVER })) paths.push(path);
  return paths;
}

async function rewrittenTree(repository: Repository, request: Partial<RewriteRequest>): Promise<Id | undefined> {
  const { saved } = await rewrite(repository, request);
  return (await snapshotsOf(repository)).find(({ id }) => id === saved[0]?.rewritten)?.snapshot.tree;
}

describe("a rewritten tree", () => {
  // Ids and totals are those that restic 0.19.1 made of the same sample.
  test.for<[Partial<RewriteRequest>, string, number, number]>([
    [{ exclude: lines("secret.key") }, "d442a0b6931ca74dcede48ecf8aa1d55a507e544c3e9d957a740a4aa220f4260", 13, 29],
    [{ exclude: anyCase("secret.key") }, "a7da5cd70345a3a0da96be2923457d81471bdf5c957c3262d3ff49dd353cf29e", 12, 24],
    [
      { exclude: lines("/home/bob/cache/x.tmp") },
      "b956c76165f0ee61db2f5ba5d83639d292be2f9443100717c26cb62c6d5403e5",
      14,
      78,
    ],
    [{ exclude: lines("cache") }, "1592e46ad94e1b6bbc6fd803fa5eab70d1e3866adf458ad7f110288847488891", 11, 75],
    [{ exclude: lines("*.tmp", "y.dat") }, "c53f3f40980fed4359059aef9c66ce1c2f0981fc6efdb832934174da64209bdd", 11, 75],
    [{ exclude: lines("/home") }, "7757c484a408949a2fe95ed25bd0c3a63afe85605c5c584a881f2099f3dd5093", 7, 15],
    [{ exclude: lines("/*") }, "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8", 0, 0],
    [
      { exclude: lines("/home/*", "!/home/bob") },
      "6a5a7c5a5d4a42aec1a62bdeff7868e544c8953bde67e2892031e674be51b67f",
      11,
      50,
    ],
    [{ exclude: lines("not-utf8*") }, "ad5f7312559ae2ba8ddf02d7f374047916a8c2c4eebf5e944ff49f394f77023c", 14, 74],
    [{ include: lines("*.log") }, "ced6a72abf5f46c1aada1d3b99271ecd63efdfe7fa35ec6422742a3ffb13c8e6", 1, 1],
    [{ include: anyCase("*.log") }, "058c8c7a20c85277cf552960d9c0b56da4bdfa003f67a34e22ec6951d06745a2", 2, 2],
    [{ include: lines("/home/ann/empty") }, "e1329cb74691e29063c793492dffbad735a9e8b299a1b6bd5f378a9b4b9b7ae1", 0, 0],
    [{ include: lines("cache/x.tmp") }, "87a05f91b195b2877eb2c9a2dda0bca75072ecb81dbeccf42aebbd5f3e0841f2", 2, 2],
    [{ include: lines("/srv") }, "7757c484a408949a2fe95ed25bd0c3a63afe85605c5c584a881f2099f3dd5093", 7, 15],
    [{ summary: true }, "8579dd46f7431dca916235d0b321f955a8a2a99f46b9a2ba2ebd8eb2f9bb10e9", 15, 79],
  ])("of %j is the one that restic makes", async ([request, tree, files, bytes]) => {
    const repository = newRepository();
    const sample = await storeSample(repository);
    const { saved, outcomes } = await rewrite(repository, request);
    expect(outcomes).toMatchObject([{ kind: "rewritten", files, bytes }]);
    const made = (await snapshotsOf(repository)).find(({ id }) => id === saved[0]?.rewritten);
    expect(made?.snapshot).toMatchObject({
      tree,
      time: "2026-01-01T00:00:00Z",
      hostname: "box",
      paths: ["/home", "/srv"],
      programVersion: "holdfast 0",
      tags: ["t", "rewrite"],
      original: sample.snapshot,
      summary: { totalFilesProcessed: files, totalBytesProcessed: bytes, backupStart: "0001-01-01T00:00:00Z" },
    });
    expect((await check(repository)).findings).toEqual([]);
  });

  test("shares what did not change, and each new tree is stored once for all snapshots", async () => {
    const repository = newRepository();
    await storeSample(repository);
    await storeSample(repository, { time: "2026-02-02T00:00:00Z" });
    const before = new Set(await storedBlobs(repository));
    const { treesRead, treesRewritten, outcomes } = await rewrite(repository, { exclude: lines("/home/ann/cache") });
    expect(outcomes.map(({ kind }) => kind)).toEqual(["rewritten", "rewritten"]);
    const added = (await storedBlobs(repository)).filter((blob) => !before.has(blob));
    // The root, home and ann.
    expect(added).toHaveLength(3);
    expect({ treesRead, treesRewritten }).toEqual({ treesRead: 8, treesRewritten: 3 });
  });

  test("is made anew for each path: a folder that stands at two places may lose something at one of them only", async () => {
    const repository = newRepository();
    const { tree } = await storeSample(repository);
    const all = await pathsOf(repository, tree);
    const gone = "/home/bob/cache/x.tmp";
    expect(all).toContain("/home/ann/cache/x.tmp");
    const rewritten = await rewrittenTree(repository, { exclude: lines(gone) });
    expect(await pathsOf(repository, rewritten as Id)).toEqual(all.filter((path) => path !== gone));
  });

  test("paths that differ only in bytes that are not UTF-8 are told apart", async () => {
    const author = new Author(newRepository());
    const inner = await author.tree([node("x"), node("y")]);
    const folders = ["a\udcfe", "a\udcff"].map((name) => node(name, { type: "dir", subtree: inner }));
    const tree = await author.tree(folders);
    await author.finish();
    await author.snapshot(tree);
    const rewritten = await rewrittenTree(author.repository, { exclude: lines("/a\udcff/x") });
    const left = ["/a\udcfe", "/a\udcfe/x", "/a\udcfe/y", "/a\udcff", "/a\udcff/y"];
    expect(await pathsOf(author.repository, rewritten as Id)).toEqual(left);
  });
});

describe("snapshots", () => {
  test("get another host and time without any tree being read", async () => {
    const repository = newRepository();
    const { tree } = await storeSample(repository);
    for (const pack of await idsOf(repository, "pack")) await repository.removeFile("pack", pack, { signal: NEVER });
    const timeNs = 915_189_071_000_000_000n;
    const { saved, treesRead } = await rewrite(repository, { hostname: "ada", timeNs });
    expect(treesRead).toBe(0);
    const made = (await snapshotsOf(repository)).find(({ id }) => id === saved[0]?.rewritten);
    expect(made?.snapshot).toMatchObject({ tree, hostname: "ada", timeNs, summary: undefined, tags: ["t", "rewrite"] });
  });

  test("in which nothing is to be changed are left alone, and nothing is written", async () => {
    const repository = newRepository();
    await storeSample(repository);
    const recording = new RecordingBackend(repository.backend);
    for (const request of [{ exclude: lines("nothing-like-it") }, { hostname: "box" }]) {
      const { outcomes, saved } = await rewrite(through(repository, recording), request, { forget: true });
      expect({ kinds: outcomes.map(({ kind }) => kind), saved }).toEqual({ kinds: ["unchanged"], saved: [] });
    }
    expect(recording.saves).toEqual([]);
    expect(recording.removes).toEqual([]);
  });

  test("of which nothing is included are left alone", async () => {
    const repository = newRepository();
    await storeSample(repository);
    const { outcomes, forgotten } = await rewrite(repository, { include: lines("none") }, { forget: true });
    expect(outcomes).toMatchObject([{ kind: "empty" }]);
    expect(forgotten).toEqual([]);
    expect(await idsOf(repository, "snapshot")).toHaveLength(1);
  });

  test("are not rewritten twice to the same", async () => {
    const repository = newRepository();
    await storeSample(repository);
    await rewrite(repository, { exclude: lines("cache") });
    const again = await rewrite(repository, { exclude: lines("cache") });
    expect(again.outcomes.map(({ kind }) => kind).sort()).toEqual(["done", "unchanged"]);
    expect(await idsOf(repository, "snapshot")).toHaveLength(2);
  });

  test("are chosen by ids or a filter", async () => {
    const repository = newRepository();
    const first = await storeSample(repository);
    const author = new Author(repository);
    const other = await author.snapshot(first.tree, { hostname: "other", time: "2026-03-03T00:00:00Z" });
    const byId = await rewrite(repository, { exclude: lines("cache") }, { ids: [first.snapshot] });
    expect(byId.outcomes.map(({ old }) => old.id)).toEqual([first.snapshot]);
    const byHost = await rewrite(repository, { exclude: lines("cache") }, { filter: { hosts: ["other"] } });
    expect(byHost.outcomes.map(({ old }) => old.id)).toEqual([other]);
  });

  test("a dry run tells the same, and writes nothing", async () => {
    const repository = newRepository();
    await storeSample(repository);
    const recording = new RecordingBackend(repository.backend);
    const leftOut: string[] = [];
    const result = await rewrite(
      through(repository, recording),
      { exclude: lines("cache") },
      { dryRun: true, forget: true, onLeftOut: (path) => void leftOut.push(path) },
    );
    const tree = "1592e46ad94e1b6bbc6fd803fa5eab70d1e3866adf458ad7f110288847488891";
    expect(result).toMatchObject({ outcomes: [{ kind: "rewritten", form: { tree } }], saved: [], forgotten: [] });
    expect(leftOut).toEqual(["/home/ann/cache", "/home/bob/cache"]);
    expect(recording.saves).toEqual([]);
    expect(recording.removes).toEqual([]);
  });
});

describe("replacing", () => {
  test("old snapshots are forgotten, and can be brought back whole", async () => {
    const repository = newRepository();
    const { snapshot } = await storeSample(repository);
    const { saved, forgotten } = await rewrite(repository, { exclude: lines("cache") }, { forget: true });
    expect(forgotten).toEqual([snapshot]);
    const [made, ...others] = await snapshotsOf(repository);
    expect(others).toEqual([]);
    expect(made).toMatchObject({ id: saved[0]?.rewritten, snapshot: { tags: ["t"], original: snapshot } });
    expect((await listForgotten(repository, { signal: NEVER })).map(({ id }) => id)).toEqual([snapshot]);
    await unforgetSnapshots(repository, [snapshot], { signal: NEVER });
    expect(await idsOf(repository, "snapshot")).toContain(snapshot);
    expect((await check(repository)).findings).toEqual([]);
  });

  test("what is held is refused, and all else is replaced", async () => {
    const repository = newRepository();
    const { snapshot, tree } = await storeSample(repository);
    const other = await new Author(repository).snapshot(tree, { time: "2026-03-03T00:00:00Z" });
    const hold = { selector: { ids: [snapshot] }, reason: "claim", owner: "law", reviewOn: "2030-01-01" };
    await addHold(repository, { ...hold, createdAtMs: 0 }, { signal: NEVER });
    const result = await rewrite(repository, { exclude: lines("cache") }, { forget: true });
    expect(result.outcomes).toMatchObject([{ kind: "refused" }, { kind: "rewritten" }]);
    expect(result.outcomes[0]?.error).toEqual(failsWith("ENGINE_HELD"));
    expect(result.forgotten).toEqual([other]);
    expect(await idsOf(repository, "snapshot")).toContain(snapshot);
    // Beside the old one it may stand.
    expect((await rewrite(repository, { exclude: lines("y.dat") })).outcomes[0]).toMatchObject({ kind: "rewritten" });
  });

  test("and a prune without grace leave nothing of what was left out: in no pack, and not in the old snapshot", async () => {
    const repository = newRepository();
    await storeSample(repository);
    const secrets = [SECRET, `${SECRET} again`].map((text) => `data ${idOf(Buffer.from(text))}`);
    expect(await storedBlobs(repository)).toEqual(expect.arrayContaining(secrets));
    await rewrite(repository, { exclude: lines("secret.key") }, { forget: true });
    expect(await storedBlobs(repository), "they can be brought back").toEqual(expect.arrayContaining(secrets));

    const maxUnused = { kind: "bytes", bytes: 0 } as const;
    const plan = await planPrune(repository, { signal: NEVER, graceMs: 0, maxUnused });
    await executePrune(repository, plan, { signal: NEVER });
    const left = await storedBlobs(repository);
    expect(left.filter((blob) => secrets.includes(blob))).toEqual([]);
    for (const blob of left) {
      const [type, id] = blob.split(" ") as ["data" | "tree", string];
      const blobs = new BlobReader(repository, await loadIndex(repository, { signal: NEVER }));
      const bytes = Buffer.from(await blobs.load(type, parseId(id), { signal: NEVER }));
      expect(bytes.includes("secret.key")).toBe(false);
    }
    expect(await namesOf(repository.backend, "forgotten")).toEqual([]);
    expect((await check(repository)).findings).toEqual([]);
    expect(left).toHaveLength(new Set(left).size);
  });

  test("loses nothing wherever it is cut off, and finishes when run again", async () => {
    const repository = await repositoryWithConfig();
    await storeSample(repository);
    await storeSample(repository, { time: "2026-02-02T00:00:00Z" });
    const whole = (await snapshotsOf(repository)).map(({ id }) => id);
    const request = { exclude: lines("secret.key") };
    const work = (each: Repository): Promise<unknown> => rewrite(each, request, { forget: true });
    let ends = 0;
    for await (const { repository: left, step } of cutOffEverywhere(repository, work)) {
      ends++;
      expect((await check(left)).healthy, step).toBe(true);
      const live = await snapshotsOf(left);
      const forgotten = await listForgotten(left, { signal: NEVER });
      const old = new Set([...live, ...forgotten].map(({ id }) => id));
      expect(
        whole.every((id) => old.has(id)),
        step,
      ).toBe(true);
      // Whoever was forgotten has its new form in place.
      for (const { id } of forgotten)
        expect(
          live.some(({ snapshot }) => snapshot.original === id),
          step,
        ).toBe(true);

      await work(left);
      const after = await snapshotsOf(left);
      expect(
        after.map(({ snapshot }) => [snapshot.tree, snapshot.original]),
        step,
      ).toEqual(whole.map((id) => ["d442a0b6931ca74dcede48ecf8aa1d55a507e544c3e9d957a740a4aa220f4260", id]));
      expect((await check(left)).healthy, step).toBe(true);
    }
    expect(ends).toBeGreaterThanOrEqual(16);
  });
});

describe("what cannot be rewritten", () => {
  test("trees of another time zone, and texts escaped in another way, can", async () => {
    const author = new Author(newRepository());
    await storeSample(author.repository, {
      edit: (json) => json.replace("notes.txt", "notes\\u002etxt").replaceAll("+05:45", "-08:00"),
    });
    const { outcomes } = await rewrite(author.repository, { exclude: lines("secret.key") });
    expect(outcomes).toMatchObject([{ kind: "rewritten" }]);
  });

  test.for<[string, (json: string) => string]>([
    ["a field that is not known", (json) => json.replace('"content":', '"color":"red","content":')],
    ["a field below a known one", (json) => json.replace('{"name":"user.x",', '{"name":"user.x","new":1,')],
  ])(
    "%s: refused where the tree would change, kept where not, and other snapshots are rewritten",
    async ([, change]) => {
      const repository = newRepository();
      const edit = (json: string): string => (json.includes('"zz-attributes"') ? change(json) : json);
      const odd = await storeSample(repository, { edit });
      const plain = await storeSample(repository, { time: "2026-02-02T00:00:00Z" });
      const result = await rewrite(repository, { exclude: lines("a.log") }, { forget: true });
      expect(result.outcomes).toMatchObject([
        { kind: "refused", old: { id: odd.snapshot } },
        { kind: "rewritten", old: { id: plain.snapshot } },
      ]);
      expect(result.outcomes[0]?.error).toEqual(failsWith("ENGINE_TREE_NOT_KNOWN"));
      expect(result.outcomes[0]?.error?.message).toContain("'/srv'");
      expect(result.forgotten).toEqual([plain.snapshot]);

      const elsewhere = await rewrite(repository, { exclude: lines("cache") }, { ids: [odd.snapshot] });
      expect(elsewhere.outcomes).toMatchObject([{ kind: "rewritten" }]);
    },
  );

  test("a field of the tree itself that is not known: refused", async () => {
    const author = new Author(newRepository());
    const tree = Buffer.from(`{"nodes":[{"name":"a","type":"dir","subtree":"${"0".repeat(64)}"}],"new":1}\n`);
    const id = await author.raw("tree", tree);
    await author.finish();
    await author.snapshot(id);
    const { outcomes } = await rewrite(author.repository, { exclude: lines("a") });
    expect(outcomes[0]?.error).toEqual(failsWith("ENGINE_TREE_NOT_KNOWN"));
  });

  test.for<[string, (author: Author) => Promise<Id>, string]>([
    [
      "a tree that is lost",
      async (author) => author.tree([node("sub", { type: "dir", subtree: LOST })]),
      "ENGINE_BLOB_MISSING",
    ],
    ["a folder without a tree", async (author) => author.tree([node("sub", { type: "dir" })]), "ENGINE_MALFORMED"],
    ["a name that leads out", async (author) => author.tree([node("..")]), "ENGINE_TREE_UNSAFE_NAME"],
    ["a root that is lost", async () => LOST, "ENGINE_BLOB_MISSING"],
    ["what is no tree", async (author) => author.raw("tree", Buffer.from("[1]")), "ENGINE_MALFORMED"],
  ])("%s: refused, and nothing is forgotten", async ([, build, code]) => {
    const author = new Author(newRepository());
    const tree = await build(author);
    await author.finish();
    await author.snapshot(tree);
    const { outcomes, forgotten, saved } = await rewrite(author.repository, { exclude: lines("x") }, { forget: true });
    expect(outcomes).toMatchObject([{ kind: "refused" }]);
    expect(outcomes[0]?.error).toEqual(failsWith(code));
    expect({ forgotten, saved }).toEqual({ forgotten: [], saved: [] });
  });

  test("a snapshot file that is damaged is named, as it may hold what is to go", async () => {
    const repository = newRepository();
    await storeSample(repository);
    const id = await repository.saveDocument("snapshot", Buffer.from("{}"), { signal: NEVER });
    const { unreadable, outcomes } = await rewrite(repository, { exclude: lines("cache") });
    expect(unreadable).toMatchObject([{ id }]);
    expect(outcomes).toHaveLength(1);
  });

  test("an abort ends it with its reason, and the next run finishes", async () => {
    const repository = newRepository();
    await storeSample(repository);
    const stop = new AbortController();
    const onLeftOut = (): void => stop.abort(new Error("enough"));
    const run = rewrite(repository, { exclude: lines("cache") }, { forget: true, signal: stop.signal, onLeftOut });
    await expect(run).rejects.toThrow("enough");
    expect(await idsOf(repository, "snapshot")).toHaveLength(1);
    const next = await rewrite(repository, { exclude: lines("cache") }, { forget: true });
    expect(next.outcomes).toMatchObject([{ kind: "rewritten" }]);
  });

  test("patterns that make no sense end it before anything is read", async () => {
    const run = rewrite(newRepository(), { exclude: lines("[") });
    await expect(run).rejects.toEqual(failsWith("ENGINE_PATTERN_INVALID"));
  });
});
