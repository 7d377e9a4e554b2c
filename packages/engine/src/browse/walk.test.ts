import { isHoldfastError } from "@holdfast/base";
import { describe, expect, test } from "vitest";
import { Author, newRepository, node, signal } from "../../test/made-repository.ts";
import { decodePath } from "../filesystem/path-bytes.ts";
import { parseId, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { listEntries } from "./list-entries.ts";
import { walkSnapshot, type WalkOptions, type WalkProblem } from "./walk.ts";

const LOST = parseId("ab".repeat(32));
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

async function made(build: (author: Author) => Promise<Id>): Promise<{ trees: TreeReader; root: Id }> {
  const author = new Author(newRepository());
  const root = await build(author);
  await author.finish();
  return { trees: new TreeReader(new BlobReader(author.repository, author.index)), root };
}

async function sample(author: Author): Promise<Id> {
  const deep = await author.folder("deep", [node("file")]);
  const a = await author.folder("a", [deep, node("x")]);
  return author.tree([a, await author.folder("ab", [node("y")]), node("b")]);
}

async function paths(entries: AsyncIterable<{ path: string }>): Promise<string[]> {
  return Array.fromAsync(entries, ({ path }) => path);
}

describe("walking", () => {
  test("goes depth first in stored order, below the prefix", async () => {
    const { trees, root } = await made(sample);
    expect(await paths(walkSnapshot(trees, root, { signal }))).toEqual([
      "/a",
      "/a/deep",
      "/a/deep/file",
      "/a/x",
      "/ab",
      "/ab/y",
      "/b",
    ]);
    const below = await paths(walkSnapshot(trees, root, { signal, prefix: "/home/ann/" }));
    expect(below[1]).toBe("/home/ann/a/deep");
  });

  test("a folder that is not entered is yielded without its content", async () => {
    const { trees, root } = await made(sample);
    const enter = (path: string): boolean => path !== "/a";
    expect(await paths(walkSnapshot(trees, root, { signal, enter }))).toEqual(["/a", "/ab", "/ab/y", "/b"]);
  });

  test("names in bytes that are not UTF-8 stay what they are", async () => {
    const name = decodePath(Uint8Array.of(0x66, 0xff, 0x80));
    const { trees, root } = await made((author) => author.tree([node(name)]));
    expect(await paths(walkSnapshot(trees, root, { signal }))).toEqual([`/${name}`]);
  });

  const damaged: [string, string, (author: Author) => Promise<TreeNode>, string][] = [
    ["a missing tree", "ENGINE_BLOB_MISSING", async () => node("bad", { type: "dir", subtree: LOST }), "/bad"],
    ["a folder without a tree", "ENGINE_MALFORMED", async () => node("bad", { type: "dir" }), "/bad"],
    ["a name that leads out", "ENGINE_TREE_UNSAFE_NAME", async () => node("../bad"), "/../bad"],
    ["an empty name", "ENGINE_TREE_UNSAFE_NAME", async () => node(""), "/"],
  ];
  test.each(damaged)("%s is thrown, or reported and left out", async (_, code, bad, path) => {
    const { trees, root } = await made(async (author) => author.tree([await bad(author), node("good")]));
    await expect(paths(walkSnapshot(trees, root, { signal }))).rejects.toEqual(failsWith(code));
    const problems: WalkProblem[] = [];
    const found = await paths(walkSnapshot(trees, root, { signal, onProblem: (problem) => problems.push(problem) }));
    expect(found).toContain("/good");
    expect(found).not.toContain("/bad/x");
    expect(problems.map((problem) => [problem.path, problem.error.code])).toEqual([[path, code]]);
  });

  test("a tree that contains itself is damage and ends", async () => {
    // No real tree can name its own id, so the reader is one that a broken cache could be.
    const trees = { load: async () => [node("again", { type: "dir", subtree: LOST })] } as unknown as TreeReader;
    const problems: string[] = [];
    const options: WalkOptions = { signal, onProblem: ({ error }) => problems.push(error.code) };
    expect(await paths(walkSnapshot(trees, LOST, options))).toEqual(["/again"]);
    expect(problems).toEqual(["ENGINE_TREE_CYCLE"]);
    await expect(paths(walkSnapshot(trees, LOST, { signal }))).rejects.toEqual(failsWith("ENGINE_TREE_CYCLE"));
  });

  test("two thousand folders in each other are walked", async () => {
    const depth = 2_000;
    const { trees, root } = await made(async (author) => {
      let folder = await author.folder("d", []);
      for (let n = 1; n < depth; n++) folder = await author.folder("d", [folder]);
      return author.tree([folder]);
    });
    let count = 0;
    for await (const _ of walkSnapshot(trees, root, { signal })) count++;
    expect(count).toBe(depth);
  });

  test("a walk that never has to wait leaves room for a timer that aborts it", async () => {
    const { trees, root } = await made(async (author) => {
      // Each of forty folders holds the next one twice: a million million entries in memory of a few kilobytes.
      let tree = await author.tree([]);
      for (let n = 0; n < 40; n++) {
        tree = await author.tree([
          node("a", { type: "dir", subtree: tree }),
          node("b", { type: "dir", subtree: tree }),
        ]);
      }
      return tree;
    });
    const aborter = new AbortController();
    const reason = new Error("enough");
    setTimeout(() => aborter.abort(reason), 1);
    const walked = async (): Promise<void> => {
      for await (const _ of walkSnapshot(trees, root, { signal: aborter.signal }));
    };
    await expect(walked()).rejects.toBe(reason);
  });

  test("an unusable store is no damage: it is thrown whatever there is to report to", async () => {
    const failure = Object.assign(new Error("gone"), {});
    const trees = { load: () => Promise.reject(failure) } as unknown as TreeReader;
    await expect(paths(walkSnapshot(trees, LOST, { signal, onProblem: () => {} }))).rejects.toBe(failure);
  });

  test("an abort ends it with the signal's reason", async () => {
    const { trees, root } = await made(sample);
    const aborter = new AbortController();
    const walk = walkSnapshot(trees, root, { signal: aborter.signal });
    await walk.next();
    const reason = new Error("enough");
    aborter.abort(reason);
    await expect(walk.next()).rejects.toBe(reason);
  });
});

describe("listing", () => {
  const all = ["/a", "/a/deep", "/a/deep/file", "/a/x", "/ab", "/ab/y", "/b"];
  test.each([
    { asked: [], recursive: false, listed: all },
    { asked: ["/"], recursive: false, listed: ["/a", "/ab", "/b"] },
    { asked: ["/"], recursive: true, listed: all },
    { asked: ["/a"], recursive: false, listed: ["/a", "/a/deep", "/a/x"] },
    { asked: ["/a//."], recursive: true, listed: ["/a", "/a/deep", "/a/deep/file", "/a/x"] },
    { asked: ["/a/deep", "/b"], recursive: false, listed: ["/a/deep", "/a/deep/file", "/b"] },
    { asked: ["/nowhere"], recursive: true, listed: [] },
  ])("$asked, recursive $recursive", async ({ asked, recursive, listed }) => {
    const { trees, root } = await made(sample);
    expect(await paths(listEntries(trees, root, asked, { recursive, signal }))).toEqual(listed);
  });

  test("a relative path is refused", async () => {
    const { trees, root } = await made(sample);
    await expect(paths(listEntries(trees, root, ["a"], { recursive: false, signal }))).rejects.toEqual(
      failsWith("ENGINE_PATH_NOT_ABSOLUTE"),
    );
  });
});
