/** A backup of entries that are handed over: files from streams, folders, links, and real files among them. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GivenEntry } from "../../src/backup/given-entries.ts";
import { NO_RULES } from "../../src/backup/selection.ts";
import { lstatNs } from "../../src/filesystem/read-metadata.ts";
import type { TreeNode } from "../../src/format/node.ts";
import { BlobReader } from "../../src/repository/blob-reader.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import { TreeReader } from "../../src/repository/tree-reader.ts";
import type { Id } from "../../src/format/id.ts";
import {
  backUp,
  check,
  contentOfFolder,
  contentOfSnapshot,
  NEVER,
  newRepository,
  noise,
  scratchFolder,
  writeFiles,
} from "../backup-lab.ts";

const folder = scratchFolder();

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
}

async function* all(entries: readonly GivenEntry[]): AsyncGenerator<GivenEntry> {
  yield* entries;
}

const file = (path: string, bytes: Uint8Array): GivenEntry => ({ kind: "file", path, content: pieces(bytes) });

function backUpGiven(repository: Repository, entries: readonly GivenEntry[]) {
  return backUp(repository, [], { given: { paths: ["/source"], entries: all(entries) } });
}

/** Every node by its path. */
async function nodesOf(repository: Repository, tree: Id): Promise<Map<string, TreeNode>> {
  const trees = new TreeReader(new BlobReader(repository, await loadIndex(repository, { signal: NEVER })));
  const nodes = new Map<string, TreeNode>();
  const walk = async (id: Id, path: string): Promise<void> => {
    for (const node of await trees.load(id, { signal: NEVER })) {
      nodes.set(`${path}/${node.name}`, node);
      if (node.subtree !== undefined) await walk(node.subtree, `${path}/${node.name}`);
    }
  };
  await walk(tree, "");
  return nodes;
}

describe("given entries", () => {
  test("are stored where they say, with what they say of themselves", async () => {
    const repository = await newRepository();
    const big = noise(6_000_000, 1);
    const { treeId, counts } = await backUpGiven(repository, [
      file("/source/z.dump", big),
      {
        kind: "file",
        path: "source/sub/a",
        content: pieces(noise(10, 2)),
        mode: 0o600,
        uid: 7,
        mtimeNs: 5n,
        user: "pg",
      },
      { kind: "symlink", path: "/source/link", linkTarget: "sub/a" },
      { kind: "folder", path: "/source/empty", mode: 0o700 },
      // After what lies in it.
      { kind: "folder", path: "/source/sub", mode: 0o750, uid: 7 },
    ]);
    const nodes = await nodesOf(repository, treeId);
    expect([...nodes.keys()]).toEqual([
      "/source",
      "/source/empty",
      "/source/link",
      "/source/sub",
      "/source/sub/a",
      "/source/z.dump",
    ]);
    expect(nodes.get("/source/sub/a")).toMatchObject({ mode: 0o600, uid: 7, mtimeNs: 5n, user: "pg", size: 10 });
    expect(nodes.get("/source/sub")).toMatchObject({ type: "dir", mode: 0o750, uid: 7 });
    expect(nodes.get("/source/empty")).toMatchObject({ type: "dir", mode: 0o700 });
    expect(nodes.get("/source/link")).toMatchObject({ type: "symlink", linkTarget: "sub/a", content: null });
    expect(nodes.get("/source")).toMatchObject({ mode: 0o755, user: "tester" });
    expect(counts).toMatchObject({ filesNew: 2, bytesDone: big.length + 10, othersDone: 1, dirsNew: 3 });
    const [stored] = await listSnapshots(repository, { signal: NEVER });
    expect(stored?.snapshot.paths).toEqual(["/source"]);
    expect((await check(repository)).healthy).toBe(true);
  });

  test("stand beside real folders, which are compared with the parent as usual", async () => {
    writeFiles(folder, { "real/a": "a", "real/deep/b": "b", alone: "c" });
    const repository = await newRepository();
    const entries = (): GivenEntry[] => [
      file("/source/dump", noise(1000, 3)),
      { kind: "real", path: "/source/volume", from: join(folder, "real") },
      { kind: "real", path: "/source/config.yml", from: join(folder, "alone") },
    ];
    const first = await backUpGiven(repository, entries());
    expect(first.counts).toMatchObject({ filesNew: 4 });
    const again = await backUpGiven(repository, entries());
    expect(again.counts).toMatchObject({ filesNew: 0, filesUnmodified: 3, filesChanged: 1, dataBlobs: 0 });
    expect(await contentOfSnapshot(repository, again.treeId, "/source/volume")).toEqual(
      contentOfFolder(join(folder, "real")),
    );
    expect(Object.keys(await contentOfSnapshot(repository, again.treeId, "/source"))).toContain("/config.yml");
  });

  test("take a real folder without its content, and what was found in it by the rules", async () => {
    const repository = await newRepository();
    const real = join(folder, "app");
    writeFiles(real, { "kept.txt": noise(100, 1), "left.log": noise(100, 2), "live.db": noise(5000, 3) });
    chmodSync(real, 0o710);
    const leaf = (name: string, found: boolean): GivenEntry => ({
      kind: "real",
      path: `/source/app/${name}`,
      from: join(real, name),
      found,
    });
    const given = (): GivenEntry[] => [
      { kind: "real-folder", path: "/source/app", from: real },
      leaf("kept.txt", true),
      leaf("left.log", true),
      leaf("gone", true),
      file("/source/app/live.db", noise(4096, 4)),
    ];
    const rules = { ...NO_RULES, excludes: [{ lines: ["*.log"], ignoreCase: false }] };
    const backup = (entries: readonly GivenEntry[]) =>
      backUp(repository, [], { given: { paths: ["/source"], entries: all(entries) }, rules });
    const { treeId, problems } = await backup(given());
    const nodes = await nodesOf(repository, treeId);
    expect([...nodes.keys()]).toEqual(["/source", "/source/app", "/source/app/kept.txt", "/source/app/live.db"]);
    expect(nodes.get("/source/app")).toMatchObject({ mode: 0o710, mtimeNs: lstatNs(real).mtimeNs });
    expect(nodes.get("/source/app/live.db")?.size).toBe(4096);
    expect(problems).toMatchObject({ vanished: 1, unreadable: 0 });
    // Named by somebody: then it is taken whatever the rules say, and its absence is a failure.
    const named = await backup([leaf("left.log", false), leaf("gone", false)]);
    expect([...(await nodesOf(repository, named.treeId)).keys()]).toContain("/source/app/left.log");
    expect(named.problems).toMatchObject({ vanished: 0, unreadable: 1 });
    // A real folder that is gone by now takes nothing else with it.
    const gone: GivenEntry = { kind: "real-folder", path: "/source/gone", from: join(real, "gone") };
    const without = await backup([gone, ...given()]);
    expect([...(await nodesOf(repository, without.treeId)).keys()]).toEqual([...nodes.keys()]);
    expect(without.problems.vanished).toBe(2);
  });

  test("in any order and number give the same tree", async () => {
    const repository = await newRepository();
    const paths = ["/s/a", "/s/b/c", "/s/b/d", "/s/b.x", "/s/e/f/g", "/t"];
    const given = (path: string): GivenEntry => ({
      kind: "file",
      path,
      content: pieces(Buffer.from(path)),
      mtimeNs: 1n,
    });
    const options = { timeNs: 2n, parent: { kind: "none" } } as const;
    const expected = await backUp(repository, [], { ...options, given: { paths, entries: all(paths.map(given)) } });
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(paths, { minLength: paths.length }), async (shuffled) => {
        const entries = all(shuffled.map(given));
        const { treeId } = await backUp(repository, [], { ...options, given: { paths, entries } });
        expect(treeId).toBe(expected.treeId);
      }),
      { numRuns: 10 },
    );
  });

  test("never leave the snapshot", async () => {
    const repository = await newRepository();
    const { treeId } = await backUpGiven(repository, [file("../../etc/passwd", noise(3, 4))]);
    expect([...(await nodesOf(repository, treeId)).keys()]).toEqual(["/etc", "/etc/passwd"]);
  });

  test.for<[string, GivenEntry[]]>([
    ["the same file twice", [file("/a", noise(1, 1)), file("a", noise(1, 1))]],
    ["a file in a file", [file("/a", noise(1, 1)), file("/a/b", noise(1, 1))]],
    ["a folder in the place of a file", [file("/a", noise(1, 1)), { kind: "folder", path: "/a" }]],
    ["a file in the place of a folder", [file("/a/b", noise(1, 1)), file("/a", noise(1, 1))]],
    ["the root", [{ kind: "folder", path: "/" }]],
    ["a name that no file can have", [file("/a\0b", noise(1, 1))]],
  ])("%s is refused, and no snapshot made", async ([, entries]) => {
    const repository = await newRepository();
    await expect(backUpGiven(repository, entries)).rejects.toMatchObject({ code: "ENGINE_GIVEN_PATH" });
    expect(await listSnapshots(repository, { signal: NEVER })).toEqual([]);
  });

  test("of which there are none are nothing to back up", async () => {
    const repository = await newRepository();
    await expect(backUpGiven(repository, [])).rejects.toMatchObject({ code: "ENGINE_NOTHING_TO_BACK_UP" });
  });

  test("end with the source: what it throws after some entries leaves no snapshot", async () => {
    const repository = await newRepository();
    async function* broken(): AsyncGenerator<GivenEntry> {
      yield file("/a", noise(100_000, 5));
      throw new Error("the server went away");
    }
    const run = backUp(repository, [], { given: { paths: ["/a"], entries: broken() } });
    await expect(run).rejects.toThrow("the server went away");
    expect(await listSnapshots(repository, { signal: NEVER })).toEqual([]);
  });

  test("are told one by one when asked for", async () => {
    const repository = await newRepository();
    const told: string[] = [];
    const entries = (): AsyncIterable<GivenEntry> =>
      all([file("/s/x", noise(2000, 6)), { kind: "folder", path: "/s/y" }]);
    for (const _ of [1, 2]) {
      await backUp(repository, [], {
        given: { paths: ["/s"], entries: entries() },
        timeNs: 7n,
        itemEvents: true,
        onEvent: (event) => {
          if (event.kind !== "item" || event.item.action === "excluded") return;
          told.push(`${event.item.action} ${event.item.path} ${event.item.addedBytes > 0}`);
        },
      });
    }
    expect(told).toEqual([
      "new /s/x true",
      "new /s/y true",
      "new /s true",
      "unchanged /s/x false",
      "unchanged /s/y false",
      "unchanged /s false",
    ]);
  });
});
