import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { backUp, NEVER, newRepository, noise, scratchFolder, writeFiles } from "../../test/backup-lab.ts";
import { Author, newRepository as emptyRepository, node } from "../../test/made-repository.ts";
import { idOf, parseId } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { loadIndex } from "../repository/load-index.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots } from "../repository/snapshots.ts";
import { resolvePath, TreeReader } from "../repository/tree-reader.ts";
import { diffLive, type LiveDiff, type LiveDiffOptions, type LiveProblem } from "./diff-live.ts";

const scratch = scratchFolder();
let made = 0;
/** A time that Node can set exactly. */
const WHOLE_SECOND = 1_700_000_000;

/** A folder with some files, and a repository with its snapshot. */
async function prepared(): Promise<{ folder: string; repository: Repository }> {
  const folder = join(scratch, `source-${++made}`);
  writeFiles(folder, { "a/one": "1", "a/two": "22", "b/three": noise(3_000_000, 1), top: "t" });
  symlinkSync("top", join(folder, "link"));
  mkdirSync(join(folder, "empty"));
  utimesSync(join(folder, "b/three"), WHOLE_SECOND, WHOLE_SECOND);
  const repository = await newRepository();
  await backUp(repository, [folder]);
  return { folder, repository };
}

interface Compared {
  readonly lines: string[];
  readonly diff: LiveDiff;
  readonly problems: LiveProblem[];
}

/** @param below paths are shown without it */
async function compare(
  repository: Repository,
  paths: readonly string[],
  below: string,
  options: Partial<LiveDiffOptions> = {},
): Promise<Compared> {
  const index = await loadIndex(repository, { signal: NEVER });
  const newest = (await listSnapshots(repository, { signal: NEVER })).at(-1);
  const trees = new TreeReader(new BlobReader(repository, index));
  const root = parseId(newest?.snapshot.tree ?? "");
  const pairs = [];
  for (const path of paths) pairs.push({ path, place: await resolvePath(trees, root, path, { signal: NEVER }) });
  const lines: string[] = [];
  const problems: LiveProblem[] = [];
  const diff = await diffLive(repository, index, pairs, {
    signal: NEVER,
    metadata: false,
    content: false,
    excludes: [],
    onChange: ({ modifier, path }) => void lines.push(`${modifier} ${path.slice(below.length)}`),
    onProblem: (problem) => void problems.push(problem),
    ...options,
  });
  return { lines, diff, problems };
}

describe("a snapshot and the live files", () => {
  test("have no differences right after the backup, by content and metadata too", async () => {
    const { folder, repository } = await prepared();
    const { lines, problems } = await compare(repository, [folder], folder, { metadata: true, content: true });
    expect({ lines, problems }).toEqual({ lines: [], problems: [] });
  });

  test("differ in what was added, removed and changed since, in the order of names", async () => {
    const { folder, repository } = await prepared();
    rmSync(join(folder, "a/one"));
    appendFileSync(join(folder, "a/two"), "more");
    rmSync(join(folder, "b"), { recursive: true });
    rmSync(join(folder, "link"));
    symlinkSync("elsewhere", join(folder, "link"));
    writeFiles(folder, { "new/deep/file": "12345", "a/zero": "" });
    rmSync(join(folder, "top"));
    mkdirSync(join(folder, "top"));
    writeFiles(folder, { "top/inside": "not shown" });
    const { lines, diff, problems } = await compare(repository, [folder], folder);
    expect(lines).toEqual([
      "- /a/one",
      "M /a/two",
      "+ /a/zero",
      "- /b/",
      "- /b/three",
      "M /link",
      "+ /new/",
      "+ /new/deep/",
      "+ /new/deep/file",
      "T /top/",
    ]);
    expect(problems).toEqual([]);
    expect(diff).toEqual({
      changedFiles: 1,
      changedBytes: 6,
      added: { files: 2, dirs: 2, others: 0, bytes: 5 },
      removed: { files: 2, dirs: 1, others: 0, bytes: 3_000_001 },
    });
  });

  test("a file counts as changed when its time is another; with content only when its bytes are", async () => {
    const { folder, repository } = await prepared();
    utimesSync(join(folder, "a/one"), 1, 1);
    const three = join(folder, "b/three");
    const bytes = noise(3_000_000, 1);
    bytes[2_999_999] = (bytes[2_999_999] as number) ^ 1;
    writeFileSync(three, bytes);
    utimesSync(three, WHOLE_SECOND, WHOLE_SECOND);
    expect((await compare(repository, [folder], folder)).lines).toEqual(["M /a/one"]);
    expect((await compare(repository, [folder], folder, { content: true })).lines).toEqual(["M /b/three"]);
    const all = await compare(repository, [folder], folder, { content: true, metadata: true });
    expect(all.lines).toEqual(["U /a/one", "M /b/three"]);
  });

  test("metadata is compared on request", async () => {
    const { folder, repository } = await prepared();
    chmodSync(join(folder, "a/one"), 0o600);
    chmodSync(join(folder, "empty"), 0o700);
    expect((await compare(repository, [folder], folder)).lines).toEqual([]);
    expect((await compare(repository, [folder], folder, { metadata: true })).lines).toEqual(["U /a/one", "U /empty/"]);
  });

  test("a file that was replaced by an equal one, with its times, is the same", async () => {
    const { folder, repository } = await prepared();
    const path = join(folder, "b/three");
    cpSync(path, `${path}.copy`, { preserveTimestamps: true });
    renameSync(`${path}.copy`, path);
    expect((await compare(repository, [folder], folder)).lines).toEqual([]);
  });

  test("what is excluded is left out on both sides", async () => {
    const { folder, repository } = await prepared();
    rmSync(join(folder, "a"), { recursive: true });
    writeFiles(folder, { "x.tmp": "", "empty/y.TMP": "" });
    const excludes = [
      { lines: ["*.tmp"], ignoreCase: true },
      { lines: [join(folder, "a")], ignoreCase: false },
    ];
    expect((await compare(repository, [folder], folder, { excludes })).lines).toEqual([]);
  });

  test("single files, and files that are gone, can be named", async () => {
    const { folder, repository } = await prepared();
    rmSync(join(folder, "a"), { recursive: true });
    writeFileSync(join(folder, "top"), "tt");
    const paths = [join(folder, "top"), join(folder, "a"), join(folder, "link")];
    expect((await compare(repository, paths, folder)).lines).toEqual(["M /top", "- /a/", "- /a/one", "- /a/two"]);
  });

  test("a named folder that is a file now has another type", async () => {
    const { folder, repository } = await prepared();
    rmSync(join(folder, "a"), { recursive: true });
    writeFileSync(join(folder, "a"), "");
    expect((await compare(repository, [join(folder, "a")], folder)).lines).toEqual(["T /a"]);
  });

  test("sockets are no difference", async () => {
    const { folder, repository } = await prepared();
    const server = createServer().listen(join(folder, "socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    const { lines } = await compare(repository, [folder], folder);
    server.close();
    expect(lines).toEqual([]);
  });
});

describe("what cannot be compared", () => {
  /** A snapshot whose root holds these nodes, compared with a live path. */
  async function compareNode(nodeOf: (author: Author) => Promise<TreeNode>, path: string): Promise<Compared> {
    const author = new Author(emptyRepository());
    const place = { kind: "node", node: await nodeOf(author) } as const;
    await author.finish();
    const lines: string[] = [];
    const problems: LiveProblem[] = [];
    const diff = await diffLive(author.repository, author.index, [{ place, path }], {
      signal: NEVER,
      metadata: false,
      content: true,
      excludes: [],
      onChange: ({ modifier }) => void lines.push(modifier),
      onProblem: (problem) => void problems.push(problem),
    });
    return { lines, diff, problems };
  }

  test("a file that the system does not let be read is told, and is no change", async () => {
    // Reading address 0 of a process fails for everybody.
    const { lines, problems } = await compareNode((author) => author.file("mem", []), "/proc/self/mem");
    expect(lines).toEqual([]);
    expect(problems).toMatchObject([{ path: "/proc/self/mem", side: "live" }]);
    expect(problems[0]?.reason).toMatch(/^EIO/);
  });

  test("content whose length the repository does not know is told as damage", async () => {
    const path = join(scratch, "some");
    writeFileSync(path, "some");
    const lost = idOf(Buffer.from("some"));
    const { lines, problems } = await compareNode(async () => node("some", { content: [lost], size: 4 }), path);
    expect(lines).toEqual([]);
    expect(problems).toMatchObject([{ path, side: "snapshot" }]);
  });

  test("a folder whose tree is lost is told, and what is in it does not look new", async () => {
    const { folder, repository } = await prepared();
    const index = await loadIndex(repository, { signal: NEVER });
    const place = { kind: "tree", id: parseId("ab".repeat(32)), node: undefined } as const;
    const problems: LiveProblem[] = [];
    const diff = await diffLive(repository, index, [{ place, path: folder }], {
      signal: NEVER,
      metadata: false,
      content: false,
      excludes: [],
      onChange: () => {},
      onProblem: (problem) => void problems.push(problem),
    });
    expect(problems).toMatchObject([{ path: folder, side: "snapshot" }]);
    expect(diff.added).toEqual({ files: 0, dirs: 0, others: 0, bytes: 0 });
  });

  test("an abort ends it with its reason", async () => {
    const { folder, repository } = await prepared();
    const stop = new AbortController();
    writeFiles(folder, { "new/a": "", "new/b": "" });
    const onChange = (): void => stop.abort(new Error("enough"));
    await expect(
      compare(repository, [folder], folder, { signal: stop.signal, content: true, onChange }),
    ).rejects.toThrow("enough");
  });
});
