/** `find` finds what restic's `find` finds: generated trees, patterns and options, compared as sets of snapshot and path. */
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Secret } from "@holdfast/base";
import { Find, type NameQuery, type Repository, listSnapshots, loadIndex, openRepository } from "@holdfast/engine";
import { openLocal } from "@holdfast/storage";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { has, holdfast, PASSWORD, restic, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const SEED = 20_261_101;
const QUERIES = 120;
const folder = scratchFolder();
const source = join(folder, "source");
const repository = join(folder, "repository");
const { signal } = new AbortController();

const NAMES = [
  "a",
  "b",
  "lib",
  "src",
  "A",
  "Ä ö",
  "x.txt",
  "X.TXT",
  "notes.md",
  "[x]",
  "star*",
  "back\\slash",
  ".hidden",
];
const PARTS = [...NAMES.slice(0, 9), "*", "**", "?", "*.txt", "[a-l]*", "[^a]", "\\[x]", "star\\*", "*o*", ".*", "l?b"];

/** Days of 2026 on which files were modified. */
const day = (n: number): Date => new Date(Date.UTC(2026, 0, n, 12));

const name = fc.constantFrom(...NAMES);
const file = fc.tuple(fc.array(name, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 28 }));
const pattern = fc
  .tuple(fc.constantFrom("", "", "/", "!"), fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 4 }))
  .map(([start, parts]) => start + parts.join("/"));
const query = fc.record({
  patterns: fc.array(pattern, { minLength: 1, maxLength: 3 }),
  ignoreCase: fc.boolean(),
  oldest: fc.option(fc.integer({ min: 1, max: 28 }), { freq: 4, nil: undefined }),
  newest: fc.option(fc.integer({ min: 1, max: 28 }), { freq: 4, nil: undefined }),
});

/** Makes files; a name that is a folder already, or would have to be one below a file, is passed over. */
function make(files: readonly (readonly [string[], number])[]): void {
  for (const [parts, modified] of files) {
    const path = join(source, ...parts);
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, parts.join("/"));
      utimesSync(path, day(modified), day(modified));
    } catch (error) {
      if (!["EEXIST", "ENOTDIR", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

let opened: Repository;

describe.skipIf(!has("restic"))("find beside restic", () => {
  beforeAll(async () => {
    mkdirSync(source);
    makeQuickRepository(repository);
    const [first, second, third] = fc.sample(fc.array(file, { minLength: 60, maxLength: 60 }), {
      seed: SEED,
      numRuns: 3,
    }) as [[string[], number][], [string[], number][], [string[], number][]];
    make(first);
    mkdirSync(join(source, "lib", "src"), { recursive: true });
    succeed(restic(repository, ["-q", "backup", "."], { cwd: source }));
    make(second);
    rmSync(join(source, "b"), { recursive: true, force: true });
    succeed(holdfast(repository, ["-q", "backup", "."], { cwd: source }));
    make(third);
    renameSync(join(source, "lib"), join(source, "moved"));
    succeed(restic(repository, ["-q", "backup", "."], { cwd: source }));
    // The same trees at other paths.
    succeed(holdfast(repository, ["-q", "backup", "."], { cwd: join(source, "moved") }));
    succeed(restic(repository, ["-q", "backup", source]));
    opened = await openRepository(openLocal(repository), new Secret(PASSWORD), { signal });
  }, 120_000);

  /** What Holdfast finds, as `snapshot path`. */
  async function found(names: Omit<NameQuery, "kind">): Promise<string[]> {
    const index = await loadIndex(opened, { signal });
    const options = { query: { kind: "names", ...names }, signal, workers: 1, onProblem: failOn } as const;
    const lines: string[] = [];
    for await (const { stored, entries } of new Find(opened, index, options).run(
      await listSnapshots(opened, { signal }),
    )) {
      for (const { path } of entries) lines.push(`${stored.id} ${path}`);
    }
    return lines.toSorted();
  }

  test(`${QUERIES} searches by names find the same in the same snapshots`, async () => {
    const snapshots = await listSnapshots(opened, { signal });
    expect(snapshots).toHaveLength(5);
    let matches = 0;
    let searchesWithMatches = 0;
    for (const { patterns, ignoreCase, oldest, newest } of fc.sample(query, { seed: SEED, numRuns: QUERIES })) {
      const bounds = {
        ...(oldest === undefined ? {} : { oldestNs: BigInt(day(oldest).getTime()) * 1_000_000n }),
        ...(newest === undefined ? {} : { newestNs: BigInt(day(newest).getTime()) * 1_000_000n }),
      };
      const isImpossible = oldest !== undefined && newest !== undefined && oldest > newest;
      const args = [
        ...(ignoreCase ? ["-i"] : []),
        ...(oldest === undefined ? [] : ["--oldest", resticTime(oldest)]),
        ...(newest === undefined ? [] : ["--newest", resticTime(newest)]),
      ];
      // One snapshot at a time: restic 0.14 passes over a tree that held nothing at another path.
      const expected = snapshots.flatMap(({ id }) => resticFinds([...args, "-s", id, "--", ...patterns]));
      const ours = await found({ patterns, ignoreCase, bounds });
      expect({ patterns, args, found: ours }).toEqual({ patterns, args, found: expected.toSorted() });
      matches += ours.length;
      if (ours.length > 0) searchesWithMatches++;
      if (isImpossible) expect(ours).toEqual([]);
    }
    // Otherwise nothing was compared.
    expect(searchesWithMatches).toBeGreaterThan(QUERIES / 3);
    process.stdout.write(
      `find beside restic: ${QUERIES} searches, ${searchesWithMatches} with ${matches} matches in all\n`,
    );
  }, 600_000);

  test("blobs, trees and packs are found where restic finds them", async () => {
    const index = await loadIndex(opened, { signal });
    const ids = { blob: new Set<string>(), tree: new Set<string>(), pack: new Set<string>() };
    for (let entry = 0; entry < index.count; entry += 7) {
      ids[index.typeAt(entry) === "data" ? "blob" : "tree"].add(index.idAt(entry));
    }
    for (let pack = 0; pack < index.packCount; pack++) ids.pack.add(index.packId(pack));
    for (const [kind, all] of Object.entries(ids)) {
      for (const id of [...all].slice(0, 8)) {
        const arguments_ = ["--json", "find", `--${kind}`];
        const ours = objects(succeed(holdfast(repository, [...arguments_, id.slice(0, 20)])));
        const theirs = objects(succeed(restic(repository, [...arguments_, id])));
        // restic 0.14 names a blob as often as a file repeats it, leaves a snapshot when it has found a tree in it, and does
        // not look for the trees of a pack.
        const comparable = kind === "pack" ? ours.filter((each) => each.includes(`["object_type","blob"]`)) : ours;
        if (kind === "tree") expect(ours).toEqual(expect.arrayContaining(theirs));
        else expect([kind, id, comparable]).toEqual([kind, id, [...new Set(theirs)]]);
        expect(ours.length).toBeGreaterThan(0);
      }
    }
  }, 120_000);

  test("text and JSON have restic's form", () => {
    for (const args of [["*.txt"], ["-l", "x.txt"], ["lib"]]) {
      const ours = succeed(holdfast(repository, ["find", "-s", "latest", ...args]));
      const theirs = succeed(restic(repository, ["find", "-s", "latest", ...args]));
      // The size is in a wider column.
      expect(ours.replaceAll(/ +/g, " ")).toBe(theirs.replaceAll(/ +/g, " "));
    }
    const arguments_ = ["--json", "find", "*.txt", "src"];
    const theirs = JSON.parse(succeed(restic(repository, arguments_))) as { snapshot: string }[];
    const ours = JSON.parse(succeed(holdfast(repository, arguments_))) as { snapshot: string }[];
    expect(ours).toHaveLength(theirs.length);
    for (const group of theirs) {
      expect(ours.find(({ snapshot }) => snapshot === group.snapshot)).toMatchObject(group);
    }
    expect(succeed(holdfast(repository, ["--json", "find", "nothing like that"]))).toBe("[]\n");
  });
});

function failOn(problem: unknown): never {
  throw new Error(`a problem where there is none: ${JSON.stringify(problem)}`);
}

function resticTime(n: number): string {
  return `${day(n).toISOString().slice(0, 19).replace("T", " ")} +0000`;
}

function resticFinds(args: readonly string[]): string[] {
  const groups = JSON.parse(succeed(restic(repository, ["--json", "--no-lock", "find", ...args]))) as {
    matches: { path: string }[];
    snapshot: string;
  }[];
  return groups.flatMap(({ matches, snapshot }) => matches.map(({ path }) => `${snapshot} ${path}`));
}

function objects(json: string): string[] {
  return (JSON.parse(json) as Record<string, unknown>[])
    .map((each) => JSON.stringify(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1))))
    .toSorted();
}
