import { isHoldfastError } from "@holdfast/base";
import { ForwardingBackend, type FileKey, type LoadOptions, type ByteRange } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { NEVER, through } from "../../test/backup-lab.ts";
import { Author, newRepository, node } from "../../test/made-repository.ts";
import { parseId, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import type { Repository } from "../repository/repository.ts";
import type { DiffProblem } from "./changes.ts";
import { diffTrees, type TreeDiff } from "./diff-trees.ts";

const LOST = parseId("ab".repeat(32));
const NONE = { files: 0, dirs: 0, others: 0, dataBlobs: 0, treeBlobs: 0, bytes: 0 };

interface Compared {
  readonly lines: string[];
  readonly diff: TreeDiff;
  readonly problems: DiffProblem[];
}

async function compare(
  author: Author,
  from: Id,
  to: Id,
  { metadata = false, repository = author.repository }: { metadata?: boolean; repository?: Repository } = {},
): Promise<Compared> {
  const lines: string[] = [];
  const problems: DiffProblem[] = [];
  const diff = await diffTrees(
    repository,
    author.index,
    { from, to },
    {
      signal: NEVER,
      metadata,
      onChange: ({ modifier, path }) => void lines.push(`${modifier} ${path}`),
      onProblem: (problem) => void problems.push(problem),
    },
  );
  return { lines, diff, problems };
}

async function ofNodes(
  before: (author: Author) => Promise<TreeNode[]>,
  after: (author: Author) => Promise<TreeNode[]>,
  metadata = false,
): Promise<Compared> {
  const author = new Author(newRepository());
  const from = await author.tree(await before(author));
  const to = await author.tree(await after(author));
  await author.finish();
  return compare(author, from, to, { metadata });
}

describe("two trees", () => {
  test("differ in what was added, removed and changed, in the order of names, folders before what is in them", async () => {
    const { lines, diff } = await ofNodes(
      async (author) => [
        await author.folder("a", [await author.file("gone", ["1"]), await author.file("other", ["2"])]),
        await author.file("b", ["3"]),
        await author.folder("old", [await author.folder("deep", [await author.file("x", ["4"])])]),
        await author.file("same", ["5"]),
      ],
      async (author) => [
        await author.folder("a", [await author.file("new", ["6"]), await author.file("other", ["77"])]),
        node("b", { type: "symlink", linkTarget: "x" }),
        await author.folder("c", [node("pipe", { type: "fifo" }), await author.file("y", ["8", "9"])]),
        await author.file("same", ["5"]),
      ],
    );
    expect(lines).toEqual([
      "- /a/gone",
      "+ /a/new",
      "M /a/other",
      "T /b",
      "+ /c/",
      "+ /c/pipe",
      "+ /c/y",
      "- /old/",
      "- /old/deep/",
      "- /old/deep/x",
    ]);
    expect(diff.changedFiles).toBe(1);
    expect(diff.added).toMatchObject({ files: 2, dirs: 1, others: 1, dataBlobs: 4, treeBlobs: 3 });
    expect(diff.removed).toMatchObject({ files: 2, dirs: 2, others: 0, dataBlobs: 4, treeBlobs: 4 });
  });

  test("names are in the order of their bytes, also beyond the basic plane and where they are not UTF-8", async () => {
    const names = ["\ud83d\ude00", "\uff41", "a", "\udc80", "~"];
    const ordered = ["a", "~", "\udc80", "\uff41", "\ud83d\ude00"];
    const { lines } = await ofNodes(
      async () => [],
      async () => ordered.map((name) => node(name)),
    );
    expect(lines).toEqual(ordered.map((name) => `+ /${name}`));
    const mixed = await ofNodes(
      async () => ordered.filter((_, at) => at % 2 === 0).map((name) => node(name)),
      async () => ordered.filter((_, at) => at % 2 === 1).map((name) => node(name)),
    );
    expect(mixed.lines).toEqual(ordered.map((name, at) => `${at % 2 === 0 ? "-" : "+"} /${name}`));
    expect(new Set(names)).toEqual(new Set(ordered));
  });

  test.for<[string, Partial<TreeNode>]>([
    ["mode", { mode: 0o600 }],
    ["mtime", { mtimeNs: 5n }],
    ["ctime", { ctimeNs: 5n }],
    ["owner", { uid: 7 }],
    ["owner's name", { user: "ann" }],
    ["inode", { inode: 9n }],
    ["links", { links: 2 }],
    ["attributes", { extendedAttributes: [{ name: "user.x", value: Buffer.from("1") }] }],
    ["other systems' attributes", { genericAttributes: { "windows.x": "1" } }],
  ])("a change of %s alone is shown on request", async ([, fields]) => {
    const sides = [
      async (author: Author) => [await author.file("f", ["1"])],
      async (author: Author) => [await author.file("f", ["1"], fields)],
    ] as const;
    expect((await ofNodes(...sides, false)).lines).toEqual([]);
    expect((await ofNodes(...sides, true)).lines).toEqual(["U /f"]);
  });

  test("of changed content metadata is not shown as well, of another type it is", async () => {
    const { lines } = await ofNodes(
      async (author) => [await author.file("f", ["1"]), node("t"), await author.folder("u", [])],
      async (author) => [await author.file("f", ["22"]), node("t", { type: "fifo" }), node("u")],
      true,
    );
    expect(lines).toEqual(["M /f", "TU /t", "TU /u"]);
  });

  test("content that changed and nothing else looks like damage", async () => {
    const { lines, diff } = await ofNodes(
      async (author) => [await author.file("f", ["1"])],
      async (author) => [await author.file("f", ["2"])],
    );
    expect(lines).toEqual(["M? /f"]);
    expect(diff.changedFiles).toBe(1);
  });

  test("extended attributes in another order, and times written for another zone, are no change", async () => {
    const [x, y] = [
      { name: "user.x", value: Buffer.from("1") },
      { name: "user.y", value: Buffer.from("2") },
    ];
    const { lines } = await ofNodes(
      async () => [node("f", { extendedAttributes: [x, y] })],
      async () => [node("f", { extendedAttributes: [y, x] })],
      true,
    );
    expect(lines).toEqual([]);
  });

  test("equal trees have no differences, and are not read", async () => {
    const author = new Author(newRepository());
    const tree = await author.tree([await author.folder("a", [node("b")])]);
    await author.finish();
    const backend = new CountingBackend(author.repository.backend);
    const { lines, diff } = await compare(author, tree, tree, { repository: through(author.repository, backend) });
    expect({ lines, ...diff }).toEqual({ lines: [], changedFiles: 0, added: NONE, removed: NONE });
    expect(backend.loads).toBe(0);
  });
});

describe("statistics", () => {
  test("count blobs that only one side needs, by their plain length", async () => {
    const { diff } = await ofNodes(
      async (author) => [await author.file("f", ["only before", "in both"])],
      async (author) => [await author.file("f", ["in both", "after", "after", "long after"])],
    );
    expect(diff.removed).toMatchObject({ dataBlobs: 1, treeBlobs: 1 });
    expect(diff.added).toMatchObject({ dataBlobs: 2, treeBlobs: 1 });
    const trees = diff.added.bytes - "after".length - "long after".length;
    // The two trees differ by the ids of two more blobs and the text of a size.
    expect(trees - (diff.removed.bytes - "only before".length)).toBe(2 * 67);
  });

  test("what an unchanged folder holds as well is needed by both", async () => {
    const author = new Author(newRepository());
    const kept = await author.folder("kept", [await author.folder("deep", [await author.file("f", ["shared"])])]);
    const from = await author.tree([kept]);
    const copied = await author.tree([await author.file("copy", ["shared"]), kept]);
    await author.finish();
    expect((await compare(author, from, copied)).diff.added).toMatchObject({ files: 1, dataBlobs: 0, treeBlobs: 1 });
    expect((await compare(author, copied, from)).diff.removed).toMatchObject({ files: 1, dataBlobs: 0, treeBlobs: 1 });
  });
});

describe("damage", () => {
  test("of a folder is told, and the rest is compared", async () => {
    const { lines, problems } = await ofNodes(
      async (author) => [await author.folder("a", []), await author.file("z", ["1"])],
      async () => [node("a", { type: "dir", subtree: LOST }), node("b", { type: "dir", subtree: LOST })],
    );
    expect(lines).toEqual(["+ /b/", "- /z"]);
    expect(problems.map(({ path, error }) => [path, error.code])).toEqual([
      ["/a/", "ENGINE_BLOB_MISSING"],
      ["/b/", "ENGINE_BLOB_MISSING"],
      [undefined, "ENGINE_BLOB_MISSING"],
    ]);
  });

  test("a blob that no index lists is counted, and told", async () => {
    const { diff, problems } = await ofNodes(
      async () => [],
      async () => [node("f", { content: [LOST], size: 3 })],
    );
    expect(diff.added.dataBlobs).toBe(1);
    expect(problems).toMatchObject([{ path: undefined, error: { code: "ENGINE_BLOB_MISSING" } }]);
  });

  test("a name that leads out of its folder is told and not shown", async () => {
    const { lines, problems } = await ofNodes(
      async () => [],
      async () => [node("../out"), node("ok")],
    );
    expect(lines).toEqual(["+ /ok"]);
    expect(problems).toMatchObject([{ path: "/", error: { code: "ENGINE_TREE_UNSAFE_NAME" } }]);
  });

  test("of either tree itself ends the comparison", async () => {
    const author = new Author(newRepository());
    const tree = await author.tree([]);
    await author.finish();
    const missing = expect.toSatisfy((error: unknown) => isHoldfastError(error, "ENGINE_BLOB_MISSING"));
    await expect(compare(author, tree, LOST)).rejects.toEqual(missing);
    await expect(compare(author, LOST, tree)).rejects.toEqual(missing);
  });

  test("an abort ends it with its reason, also in the middle of one large folder", async () => {
    const author = new Author(newRepository());
    const from = await author.tree([]);
    const to = await author.tree(Array.from({ length: 50_000 }, (_, n) => node(`f${String(n).padStart(6, "0")}`)));
    await author.finish();
    const stop = new AbortController();
    let changes = 0;
    const run = diffTrees(
      author.repository,
      author.index,
      { from, to },
      {
        signal: stop.signal,
        metadata: false,
        onChange: () => {
          if (++changes === 10) setImmediate(() => stop.abort(new Error("enough")));
          // Takes a while, as a terminal does.
          for (const until = performance.now() + 0.1; performance.now() < until;);
        },
      },
    );
    await expect(run).rejects.toThrow("enough");
    expect(changes).toBeLessThan(50_000);
  });
});

class CountingBackend extends ForwardingBackend {
  loads = 0;

  override load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T> {
    this.loads++;
    return super.load(key, range, consume, options);
  }
}
