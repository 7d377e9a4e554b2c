/** The options that leave things out leave out the same as restic's: both programs store the same tree. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Secret } from "@holdfast/base";
import { findSnapshot, openRepository, type Repository } from "@holdfast/engine";
import { openLocal } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import { has, holdfast, messages, PASSWORD, restic, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { isRoot, mountMemory, scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
const repository = join(folder, "repository");
const programs = { holdfast, restic };

const CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55";
const SIZES: Readonly<Record<string, number>> = {
  "big.iso": 3 * 1024 * 1024,
  exactly: 1024 * 1024,
  above: 1024 * 1024 + 1,
};
const FILES = [
  "a.txt",
  "a.TXT",
  "b.o",
  "B.O",
  "notes",
  "big.iso",
  "exactly",
  "above",
  "[literal].txt",
  "star*.txt",
  "back\\slash",
  "Grüße.txt",
  "work/a.txt",
  "work/deep/a.txt",
  "work/deep/er/b.o",
  "work/deep/er/node_modules/x/index.js",
  "node_modules/y/index.js",
  "build/out/x.o",
  "build/keep/x.c",
  "src/build/y.o",
  "src/main.c",
  "src/lib/one/two/three.c",
  "cache/CACHEDIR.TAG",
  "cache/data",
  "false cache/CACHEDIR.TAG",
  "false cache/data",
  "skip/.nobackup",
  "skip/data",
  "header/.tagged",
  "header/data",
  "other header/.tagged",
  "other header/data",
  ".hidden/file",
  "x y/with space",
  "$HOME/dollar",
  "foo/bar",
  "foo/baz/bar",
  "foobar",
  "target",
  "src/target/deep",
];

beforeAll(async () => {
  for (const name of FILES) {
    mkdirSync(dirname(join(source, name)), { recursive: true });
    writeFileSync(join(source, name), Buffer.alloc(SIZES[name] ?? 10, name));
  }
  writeFileSync(join(source, "cache", "CACHEDIR.TAG"), `${CACHE_TAG}\n# more`);
  writeFileSync(join(source, "header", ".tagged"), "leave this out, please");
  makeQuickRepository(repository);
  opened = await openRepository(openLocal(repository), new Secret(PASSWORD), { signal });
});

interface Case {
  readonly what: string;
  readonly args: readonly string[];
  /** Lines of a file that `FILE` in the arguments stands for. */
  readonly lines?: readonly string[];
  /** Where relative targets start; by default the folder above the source. */
  readonly cwd?: string | undefined;
  readonly targets?: readonly string[] | undefined;
  /** True when nothing is left out, on purpose. */
  readonly keepsAll?: boolean;
}

const CASES: readonly Case[] = [
  { what: "a name", args: ["--exclude", "notes"] },
  { what: "a name that is a folder somewhere", args: ["--exclude", "target"] },
  { what: "an ending", args: ["-e", "*.txt", "-e", "*.o"] },
  { what: "an ending, in any case", args: ["--iexclude", "*.Txt"] },
  {
    what: "letters beyond ASCII, in any case",
    args: ["--iexclude", "GRÜSSE.txt", "--iexclude", "grüße.*"],
  },
  { what: "an absolute path", args: ["--exclude", `${source}/work/deep`] },
  { what: "an absolute path with stars", args: ["--exclude", `${source}/*/deep/*`] },
  { what: "a path in the middle", args: ["--exclude", "deep/er"] },
  { what: "a path that begins with a folder's name", args: ["--exclude", "foo/bar"] },
  { what: "two stars", args: ["--exclude", `${source}/src/**/*.c`] },
  { what: "two stars at the start and the end", args: ["--exclude", "**/node_modules/**"] },
  { what: "question marks and ranges", args: ["--exclude", "?.t[x-z]t", "--exclude", "[!a-z].O"] },
  {
    what: "what must be escaped",
    args: ["--exclude", "\\[literal\\].txt", "--exclude", "star\\*.txt", "--exclude", "back\\\\slash"],
  },
  { what: "the hidden ones", args: ["--exclude", ".*"] },
  { what: "all but one", args: ["--exclude", `${source}/*`, "--exclude", `!${source}/src`] },
  { what: "taken back below", args: ["--exclude", "src/*", "--exclude", "!src/lib", "--exclude", "src/lib/one"] },
  { what: "a slash at the end", args: ["--exclude", "build/", "--exclude", `${source}/foo/`] },
  { what: "a path that begins at the root, where it is not", args: ["--exclude", "*.o", "--exclude", "/work"] },
  {
    what: "the folder itself as target",
    args: ["--exclude", "src/main.c", "--exclude", "/notes"],
    cwd: source,
    targets: ["."],
  },
  {
    what: "a file of patterns",
    args: ["--exclude-file", "FILE"],
    lines: ["# objects", "*.o", "", "  notes  ", "x y", "$HOLDFAST_TEST_NAME/bar", "$$HOME/dollar", "src/lib/**"],
  },
  { what: "a file of patterns, in any case", args: ["--iexclude-file", "FILE"], lines: ["*.TXT", "B.o", "SRC/MAIN.C"] },
  { what: "caches", args: ["--exclude-caches"] },
  { what: "folders with a file of a name", args: ["--exclude-if-present", ".nobackup"] },
  { what: "folders with a file that begins so", args: ["--exclude-if-present", ".tagged:leave this out"] },
  {
    what: "several kinds of tags",
    args: ["--exclude-caches", "--exclude-if-present", ".nobackup", "--exclude-if-present", ".tagged"],
  },
  { what: "large files", args: ["--exclude-larger-than", "1M"] },
  { what: "files larger than none", args: ["--exclude-larger-than", "1T"], keepsAll: true },
  {
    what: "everything at once",
    args: ["-e", "*.o", "--iexclude", "A.txt", "--exclude-caches", "--exclude-larger-than", "2m"],
  },
];

const { signal } = new AbortController();
let opened: Repository;

async function storedTree(program: keyof typeof programs, { args, cwd, targets }: Omit<Case, "what">): Promise<string> {
  // By a relative path: the folders above, whose times others change, are then no part of what is stored.
  const options = { cwd: cwd ?? folder, env: { HOLDFAST_TEST_NAME: "foo" } };
  const patterns = args.map((word) => (word === "FILE" ? join(folder, "patterns") : word));
  const command = ["backup", "--json", "--force", ...patterns, ...(targets ?? ["source"])];
  const [summary] = messages(programs[program](repository, command, options), "summary");
  const { stored } = await findSnapshot(opened, String(summary?.["snapshot_id"]), { signal });
  return stored.snapshot.tree;
}

const wholeTrees = new Map<string, Promise<string>>();

/** The tree of the same targets with nothing left out. */
function wholeTree({ cwd, targets }: Omit<Case, "what">): Promise<string> {
  const key = JSON.stringify([cwd, targets]);
  const known = wholeTrees.get(key) ?? storedTree("holdfast", { cwd, targets, args: [] });
  wholeTrees.set(key, known);
  return known;
}

describe.skipIf(!has("restic"))("leaving out", { timeout: 30_000 }, () => {
  test.for(CASES)("$what", async (each) => {
    if (each.lines !== undefined) writeFileSync(join(folder, "patterns"), each.lines.join("\n"));
    const theirs = await storedTree("restic", each);
    const own = await storedTree("holdfast", each);
    if (own !== theirs) expect(listing(own)).toEqual(listing(theirs));
    expect(own).toBe(theirs);
    expect(own === (await wholeTree(each)), "everything was stored").toBe(each.keepsAll ?? false);
  });

  test("what was named as a path to store, never: as restic does since version 0.19", async () => {
    const targets = ["source/notes", "source/big.iso"];
    const named = { args: ["--exclude", "notes", "--exclude-larger-than", "1M"], targets };
    expect(await storedTree("holdfast", named)).toBe(await wholeTree(named));
  });

  test.skipIf(!isRoot)("other file systems (needs root)", async () => {
    const mount = join(source, "mounted");
    mountMemory(mount, "size=1m");
    writeFileSync(join(mount, "elsewhere"), "on another file system\n");
    const each = { args: ["--one-file-system"] };
    const own = await storedTree("holdfast", each);
    expect(own).toBe(await storedTree("restic", each));
    expect(own).not.toBe(await storedTree("holdfast", { args: [] }));
  });
});

/** The names in a stored tree, for the report of a difference. */
function listing(tree: string): string[] {
  const nodes = (id: string): { name: string; subtree?: string }[] =>
    (JSON.parse(succeed(restic(repository, ["cat", "blob", id]))) as { nodes: { name: string; subtree?: string }[] })
      .nodes;
  const walk = (id: string, path: string): string[] =>
    nodes(id).flatMap(({ name, subtree }) => [
      `${path}/${name}`,
      ...(subtree === undefined ? [] : walk(subtree, `${path}/${name}`)),
    ]);
  return walk(tree, "");
}

describe("a repository that lies in what is backed up", () => {
  const home = join(folder, "home of the repository");
  const inside = join(home, "backups/repository");
  const link = join(folder, "link to the repository");

  beforeAll(() => {
    mkdirSync(join(home, "backups"), { recursive: true });
    writeFileSync(join(home, "file"), "content");
    makeQuickRepository(inside);
    symlinkSync(inside, link);
  });

  test.each([inside, link])("is left out, which is said once, whatever path names it: %s", (path) => {
    const outcome = holdfast(path, ["backup", home]);
    succeed(outcome);
    expect(outcome.stderr.split(`the repository itself is left out: ${inside}\n`)).toHaveLength(2);
    const listed = succeed(holdfast(path, ["ls", "latest"]));
    expect(listed).toContain(`${home}/file\n`);
    expect(listed).toContain(`${home}/backups\n`);
    expect(listed).not.toContain(inside);
  });

  test("is named in JSON", () => {
    expect(messages(holdfast(inside, ["backup", home, "--json"]), "repository_left_out")).toEqual([
      { message_type: "repository_left_out", item: inside },
    ]);
  });

  test.each([
    ["by its path", [inside], home],
    ["as the folder at hand", ["."], inside],
    ["by a folder in it", [join(inside, "data")], home],
    ["by a file in it, behind a link", [join(link, "config")], home],
    ["as the folder above the one at hand", [".."], join(inside, "data")],
  ])("cannot be the only thing that is backed up: %s", (_, targets, cwd) => {
    const { status, stderr } = holdfast(inside, ["backup", ...targets], { cwd });
    expect(stderr).toContain("the repository itself is left out");
    expect(stderr).toContain("nothing to back up");
    expect(status).toBe(1);
  });

  test("is no obstacle to other targets", () => {
    succeed(holdfast(inside, ["backup", ".", join(home, "file")], { cwd: inside }));
    const listed = succeed(holdfast(inside, ["ls", "latest"]));
    expect(listed).toContain(`${home}/file\n`);
    expect(listed).not.toContain("/config");
  });

  test("is stored by --include-repository, as every other folder is", () => {
    succeed(holdfast(inside, ["backup", home, "--include-repository"]));
    expect(succeed(holdfast(inside, ["ls", "latest"]))).toContain(`${inside}/config\n`);
    const other = join(folder, "repository elsewhere");
    makeQuickRepository(other);
    succeed(holdfast(other, ["backup", home]));
    expect(succeed(holdfast(other, ["ls", "latest"]))).toContain(`${inside}/config\n`);
  });

  test.skipIf(!has("restic"))("--include-repository changes nothing else: the tree is restic's", () => {
    const other = join(folder, "trees");
    makeQuickRepository(other);
    // By a relative path: otherwise the folders above are in the tree as well, in which other tests are at work.
    const here = { cwd: dirname(home) };
    succeed(holdfast(other, ["backup", basename(home), "--include-repository"], here));
    succeed(restic(other, ["backup", basename(home)], here));
    const trees = JSON.parse(succeed(holdfast(other, ["snapshots", "--json"]))) as { tree: string }[];
    expect(new Set(trees.map(({ tree }) => tree)).size).toBe(1);
    expect(trees).toHaveLength(2);
  });
});
