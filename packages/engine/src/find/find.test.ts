import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Author, newRepository, node, signal } from "../../test/made-repository.ts";
import { damage, watched } from "../../test/restore-lab.ts";
import { walkSnapshot } from "../browse/walk.ts";
import { idOf, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { loadIndex } from "../repository/load-index.ts";
import { listSnapshots, type StoredSnapshot } from "../repository/snapshots.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { Find, type FindOptions } from "./find.ts";
import { pathMatcher } from "./path-match.ts";
import type { EntryBounds, FindQuery } from "./query.ts";

interface Found {
  readonly lines: string[];
  readonly problems: string[];
}

/** Searches all snapshots, the oldest first: `snapshot path`, numbered from 0, with the ids that were found. */
async function search(author: Author, query: FindQuery, options: Partial<FindOptions> = {}): Promise<Found> {
  const snapshots = await listSnapshots(author.repository, { signal });
  const problems: string[] = [];
  const find = new Find(author.repository, await loadIndex(author.repository, { signal }), {
    query,
    workers: 1,
    signal,
    onProblem: ({ snapshot, path, error }) => problems.push(`${numberOf(snapshots, snapshot)} ${path} ${error.code}`),
    ...options,
  });
  const lines: string[] = [];
  for await (const { stored, entries } of find.run(snapshots)) {
    for (const { path, objects } of entries) {
      lines.push([numberOf(snapshots, stored.id), path, ...objects.map(({ id }) => id.slice(0, 8))].join(" "));
    }
  }
  return { lines, problems };
}

function numberOf(snapshots: readonly StoredSnapshot[], id: Id): number {
  return snapshots.findIndex((each) => each.id === id);
}

function byNames(...patterns: string[]): FindQuery {
  return { kind: "names", patterns, ignoreCase: false, bounds: {} };
}

/** The same by walking through each snapshot and looking at each path. */
async function expected(author: Author, query: Extract<FindQuery, { kind: "names" }>): Promise<string[]> {
  const trees = new TreeReader(new BlobReader(author.repository, await loadIndex(author.repository, { signal })));
  const lines: string[] = [];
  for (const [n, { snapshot }] of (await listSnapshots(author.repository, { signal })).entries()) {
    for await (const { path, node: each } of walkSnapshot(trees, snapshot.tree, { signal })) {
      // A new one for every path: nothing that it remembers matters.
      const isMatch = pathMatcher(query).select(path).selected;
      if (isMatch && isWithin(each, query.bounds)) lines.push(`${n} ${path}`);
    }
  }
  return lines;
}

function isWithin({ type, size, mtimeNs }: TreeNode, bounds: EntryBounds): boolean {
  if (bounds.largerThanBytes !== undefined && !(type === "file" && size > bounds.largerThanBytes)) return false;
  if (bounds.smallerThanBytes !== undefined && !(type === "file" && size < bounds.smallerThanBytes)) return false;
  if (bounds.oldestNs !== undefined && mtimeNs < bounds.oldestNs) return false;
  return bounds.newestNs === undefined || mtimeNs <= bounds.newestNs;
}

async function snapshotAt(author: Author, root: Id, n: number): Promise<void> {
  await author.snapshot(root, { time: new Date(Date.UTC(2026, 0, 1, n)).toISOString() });
}

// Few names and few trees: the same tree lies at many paths of many snapshots.
type Shape = readonly (readonly [string, Shape | number])[];
const NAMES = ["a", "b", "c", "x.txt", "ü"] as const;
const { shape } = fc.letrec<{ shape: Shape }>((tie) => ({
  shape: fc.uniqueArray(
    fc.tuple(fc.constantFrom(...NAMES), fc.oneof({ maxDepth: 4 }, fc.nat({ max: 9 }), tie("shape"))),
    { maxLength: 4, selector: ([name]) => name },
  ) as fc.Arbitrary<Shape>,
}));
const part = fc.constantFrom(...NAMES, "*", "**", "[ab]", "*.txt", "?");
const pattern = fc
  .tuple(fc.constantFrom("", "/"), fc.array(part, { minLength: 1, maxLength: 4 }))
  .map(([start, parts]) => start + parts.join("/"));
const bounds = fc.record(
  {
    largerThanBytes: fc.nat({ max: 9 }),
    smallerThanBytes: fc.nat({ max: 9 }),
    oldestNs: fc.bigInt({ min: 0n, max: 9n }),
    newestNs: fc.bigInt({ min: 0n, max: 9n }),
  },
  { requiredKeys: [] },
);

async function store(author: Author, entries: Shape): Promise<Id> {
  const nodes: TreeNode[] = [];
  for (const [name, content] of entries.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (typeof content === "number") nodes.push(node(name, { size: content, mtimeNs: BigInt(content) }));
    else nodes.push(node(name, { type: "dir", subtree: await store(author, content), mtimeNs: 5n }));
  }
  return author.tree(nodes);
}

describe("a search by names", () => {
  test.for([1, 100_000])(
    "finds what a walk through every snapshot finds, with %i bytes for what is known",
    async (memoryBytes) => {
      let runs = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(shape, { minLength: 1, maxLength: 4 }),
          fc.array(pattern, { minLength: 1, maxLength: 3 }),
          bounds,
          async (shapes, patterns, within) => {
            const author = new Author(newRepository());
            for (const [n, each] of shapes.entries()) await snapshotAt(author, await store(author, each), n);
            await author.finish();
            const query = { kind: "names", patterns, ignoreCase: false, bounds: within } as const;
            const found = await search(author, query, { memoryBytes });
            expect(found).toEqual({ lines: await expected(author, query), problems: [] });
            runs++;
          },
        ),
        { numRuns: 20 },
      );
      expect(runs).toBe(20);
    },
  );

  test("a folder that is passed over at one path is gone into at another", async () => {
    const author = new Author(newRepository());
    const below = [await author.folder("d", [node("x")]), await author.folder("e", [node("y")])];
    const root = await author.tree([await author.folder("a", below), await author.folder("b", below)]);
    await snapshotAt(author, root, 0);
    await author.finish();
    expect((await search(author, byNames("/a/e/x", "/b/d/x"))).lines).toEqual(["0 /b/d/x"]);
  });

  test("several workers find the same in the same order", async () => {
    const author = new Author(newRepository());
    for (let n = 0; n < 5; n++) await snapshotAt(author, await wideTree(author, n), n);
    await author.finish();
    const one = await search(author, byNames("*7*"));
    expect(one.lines.length).toBeGreaterThan(300);
    expect(await search(author, byNames("*7*"), { workers: 3 })).toEqual(one);
  });

  test("gives what is recorded of an entry when it is asked for, the same object for all snapshots", async () => {
    const author = new Author(newRepository());
    const file = await author.file("a.txt", ["content"], { mode: 0o640 });
    const root = await author.tree([await author.folder("dir", [file])]);
    for (const n of [0, 1]) await snapshotAt(author, root, n);
    await author.finish();
    const snapshots = await listSnapshots(author.repository, { signal });
    const options = { query: byNames("a.txt"), signal, onProblem: () => {} };
    const nodes = async (withNodes: boolean): Promise<(TreeNode | undefined)[]> => {
      const batches = new Find(author.repository, author.index, { ...options, withNodes }).run(snapshots);
      return (await Array.fromAsync(batches)).flatMap(({ entries }) => entries.map((entry) => entry.node));
    };
    const [first, second] = await nodes(true);
    expect(first).toEqual({ ...file, content: [] });
    expect(second).toBe(first);
    expect(await nodes(false)).toEqual([undefined, undefined]);
  });

  test("a malformed pattern is refused before anything is read", () => {
    const author = new Author(newRepository());
    const make = (): Find =>
      new Find(author.repository, author.index, { query: byNames("[x"), signal, onProblem: () => {} });
    expect(make).toThrow(expect.objectContaining({ code: "ENGINE_PATTERN_INVALID" }));
  });
});

async function wideTree(author: Author, n: number): Promise<Id> {
  const folders: TreeNode[] = [];
  for (let folder = 100; folder < 200; folder++) {
    const files = Array.from({ length: 10 }, (_, file) => node(`${folder}-${file}`, { size: folder === 150 ? n : 0 }));
    folders.push(await author.folder(String(folder), files));
  }
  return author.tree(folders);
}

describe("trees are read as little as can be", () => {
  test("each once, however many snapshots hold it, and neighbours together", async () => {
    const author = new Author(newRepository());
    for (let n = 0; n < 20; n++) await snapshotAt(author, await wideTree(author, n), n);
    await author.finish();
    const { repository, backend } = watched(author.repository);
    const index = await loadIndex(author.repository, { signal });
    const snapshots = await listSnapshots(author.repository, { signal });
    backend.reads.length = 0;
    const find = new Find(repository, index, { query: byNames("*-7"), workers: 1, signal, onProblem: () => {} });
    let found = 0;
    for await (const { entries } of find.run(snapshots)) found += entries.length;
    expect(found).toBe(20 * 100);
    // All trees together have less than 4 MiB.
    expect(backend.reads).toHaveLength(index.packCount);
  });

  test("those that cannot hold what is looked for are not", async () => {
    const author = new Author(newRepository());
    const lost = idOf(Buffer.from("not stored"));
    const below = [node("lost", { type: "dir", subtree: lost }), node("x")];
    const root = await author.tree([await author.folder("a", below), await author.folder("b", below)]);
    await snapshotAt(author, root, 0);
    await author.finish();
    expect(await search(author, byNames("/b/x"))).toEqual({ lines: ["0 /b/x"], problems: [] });
    expect((await search(author, byNames("b/x"))).problems).toEqual(["0 /a/lost ENGINE_BLOB_MISSING"]);
  });
});

describe("damage", () => {
  async function damaged(): Promise<{ author: Author; tree: Id }> {
    const author = new Author(newRepository());
    const inner = await author.folder("inner", [node("x"), node("y")]);
    const root = await author.tree([inner, node("x")]);
    for (const n of [0, 1]) await snapshotAt(author, root, n);
    await author.finish();
    return { author, tree: inner.subtree as Id };
  }

  test("of a tree is told once, and the rest is found", async () => {
    const { author, tree } = await damaged();
    await damage(author, "tree", tree);
    expect(await search(author, byNames("x"))).toEqual({
      lines: ["0 /x", "1 /x"],
      problems: ["0 /inner ENGINE_UNAUTHENTIC"],
    });
  });

  test("of one copy is made good by another", async () => {
    const { author, tree } = await damaged();
    const [place] = author.index.findAll("tree", Buffer.from(tree, "hex"), 0);
    const first = author.index.packId((place as { pack: number }).pack);
    const second = new Author(author.repository);
    await second.tree([node("x"), node("y")]);
    await second.finish();
    await damage(author, "tree", tree);
    const index = await loadIndex(author.repository, { signal });
    expect(index.findAll("tree", Buffer.from(tree, "hex"), 0)).toHaveLength(2);
    expect(first).toBeDefined();
    expect((await search(author, byNames("x"))).lines).toEqual(["0 /inner/x", "0 /x", "1 /inner/x", "1 /x"]);
  });

  test("of a whole pack that is gone is told for every tree that is missed", async () => {
    const { author, tree } = await damaged();
    const other = new Author(author.repository);
    await snapshotAt(other, await other.tree([node("x", { type: "dir", subtree: tree })]), 2);
    await other.finish();
    const [place] = author.index.findAll("tree", Buffer.from(tree, "hex"), 0);
    const pack = author.index.packId((place as { pack: number }).pack);
    await author.repository.backend.remove({ type: "pack", name: pack }, { signal });
    expect(await search(author, byNames("x"))).toEqual({
      lines: ["2 /x"],
      problems: ["0 / STORAGE_NOT_FOUND", "2 /x STORAGE_NOT_FOUND"],
    });
  });

  test("of names and nodes is told, and nothing else is left out", async () => {
    const author = new Author(newRepository());
    const unnamed = node("folder", { type: "dir" });
    await snapshotAt(author, await author.tree([node("..", { type: "dir" }), node("a/b"), unnamed, node("x")]), 0);
    await author.finish();
    const { lines, problems } = await search(author, byNames("*"));
    expect(lines).toEqual(["0 /folder", "0 /x"]);
    expect(problems.toSorted()).toEqual([
      "0 /.. ENGINE_TREE_UNSAFE_NAME",
      "0 /a/b ENGINE_TREE_UNSAFE_NAME",
      "0 /folder ENGINE_MALFORMED",
    ]);
  });
});

describe("a search for blobs", () => {
  test("finds every file that has one of them, each once, and every folder that a tree describes", async () => {
    const author = new Author(newRepository());
    const [one, two, three] = [
      await author.file("one", ["A", "B", "A"]),
      await author.file("two", ["B", "C"]),
      await author.file("three", ["C"]),
    ];
    const folder = await author.folder("dir", [one, three]);
    const root = await author.tree([folder, two]);
    await snapshotAt(author, root, 0);
    await snapshotAt(author, folder.subtree as Id, 1);
    await author.finish();
    const [a, b] = [idOf(Buffer.from("A")), idOf(Buffer.from("B"))];
    const short = (id: Id | undefined): string => (id as string).slice(0, 8);
    const query = { kind: "blobs", data: [a, b], trees: [folder.subtree as Id] } as const;
    expect((await search(author, query)).lines).toEqual([
      `0 /dir ${short(folder.subtree)}`,
      `0 /dir/one ${short(a)} ${short(b)}`,
      `0 /two ${short(b)}`,
      `1 / ${short(folder.subtree)}`,
      `1 /one ${short(a)} ${short(b)}`,
    ]);
    expect((await search(author, { kind: "blobs", data: [], trees: [] })).lines).toEqual([]);
  });
});

describe("an abort", () => {
  test("ends the search with its reason, wherever it comes", async () => {
    const author = new Author(newRepository());
    for (let n = 0; n < 5; n++) await snapshotAt(author, await wideTree(author, n), n);
    await author.finish();
    const snapshots = await listSnapshots(author.repository, { signal });
    for (const after of [0, 1, 3]) {
      const abort = new AbortController();
      const options = { query: byNames("*"), workers: 1, signal: abort.signal, onProblem: () => {} };
      let batches = 0;
      const run = async (): Promise<void> => {
        if (after === 0) abort.abort(new Error("enough"));
        for await (const _ of new Find(author.repository, author.index, options).run(snapshots)) {
          if (++batches === after) abort.abort(new Error("enough"));
        }
      };
      await expect(run()).rejects.toThrow("enough");
    }
  });

  test("a search that nobody wants more of ends its threads", async () => {
    const author = new Author(newRepository());
    await snapshotAt(author, await wideTree(author, 0), 0);
    await author.finish();
    const snapshots = await listSnapshots(author.repository, { signal });
    const options = { query: byNames("*"), workers: 1, signal, onProblem: () => {} };
    const batches = new Find(author.repository, author.index, options).run(snapshots);
    expect((await batches.next()).done).toBe(false);
    expect(await batches.return(undefined)).toEqual({ done: true, value: undefined });
  });

  test("a backend that fails ends the search with its error", async () => {
    const author = new Author(newRepository());
    await snapshotAt(author, await wideTree(author, 0), 0);
    await author.finish();
    const { repository, backend } = watched(author.repository);
    backend.before = () => Promise.reject(new Error("out of reach"));
    const snapshots = await listSnapshots(author.repository, { signal });
    const options = { query: byNames("*"), workers: 1, signal, onProblem: () => {} };
    await expect(Array.fromAsync(new Find(repository, author.index, options).run(snapshots))).rejects.toThrow(
      "out of reach",
    );
  });
});
