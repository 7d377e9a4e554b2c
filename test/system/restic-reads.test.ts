/** restic lists, shows and searches snapshots of Holdfast as its own, and Holdfast shows those of restic. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { makeOddTree } from "./odd-tree.ts";
import { has, holdfast, restic, run, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
const repository = join(folder, "repository");
const programs = { holdfast, restic };
type Program = keyof typeof programs;

interface ListedSnapshot {
  readonly id: string;
  readonly time: string;
  readonly tree: string;
  readonly parent?: string;
}

function snapshots(program: Program, ...args: string[]): ListedSnapshot[] {
  return JSON.parse(succeed(programs[program](repository, ["snapshots", "--json", ...args]))) as ListedSnapshot[];
}

/** What both programs must store alike. */
function comparable(snapshot: ListedSnapshot): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...snapshot };
  for (const own of ["id", "short_id", "time", "parent", "program_version", "summary"]) delete copy[own];
  return copy;
}

beforeAll(() => {
  if (!has("restic")) return;
  mkdirSync(source);
  makeOddTree(source);
  makeQuickRepository(repository);
});

describe.skipIf(!has("restic"))("a snapshot by Holdfast", { timeout: 60_000 }, () => {
  const patterns = join(folder, "patterns");

  test.for([
    { what: "one path", args: ["source"] },
    {
      what: "several paths, tags and patterns",
      args: ["--tag", "b,a", "--tag", "c", "--exclude", "*.tmp", "--exclude", "*.o", "source/folder", "source/text"],
    },
    {
      what: "patterns of all kinds",
      args: ["--exclude", "*.x", "--iexclude", "*.y", "--exclude-file", patterns, "source"],
    },
    { what: "another host and a given time", args: ["--host", "elsewhere", "--time", "2021-03-04 05:06:07", "source"] },
    { what: "folders named in odd ways", args: ["./source//folder/", "source/../source/text"] },
    {
      what: "a cache to leave out",
      args: ["--exclude-caches", "--exclude-if-present", ".nobackup", "--exclude-larger-than", "1M", "source"],
    },
  ])("records what restic records: $what", ({ args }) => {
    writeFileSync(patterns, "# a comment\n*.from-file\n");
    const known = new Set(snapshots("restic").map(({ id }) => id));
    for (const program of ["restic", "holdfast"] as const) {
      succeed(programs[program](repository, ["backup", "--force", ...args], { cwd: folder }));
    }
    const [first, second, ...others] = snapshots("restic").filter(({ id }) => !known.has(id)) as [
      ListedSnapshot,
      ListedSnapshot,
    ];
    expect(others).toEqual([]);
    expect(comparable(second)).toEqual(comparable(first));
    if (args.includes("--time")) expect(Date.parse(second.time)).toBe(Date.parse(first.time));
    // Holdfast's own listing says the same as restic's.
    expect(snapshots("holdfast", second.id).map(comparable)).toEqual([comparable(second)]);
  });

  test("names its parent, as restic does", () => {
    succeed(restic(repository, ["backup", "--tag", "chain", source]));
    succeed(holdfast(repository, ["backup", "--tag", "chain", source]));
    succeed(restic(repository, ["backup", "--tag", "chain", source]));
    const [first, second, third] = snapshots("restic", "--tag", "chain");
    expect(second?.parent).toBe(first?.id);
    expect(third?.parent).toBe(second?.id);
  });

  test("is listed with every entry by restic", () => {
    succeed(holdfast(repository, ["backup", "--tag", "listing", source]));
    const listed = succeed(restic(repository, ["ls", "--tag", "listing", "latest"]));
    const found = succeed(run("find", [source, "-printf", "%p\\n"])).split("\n");
    for (const path of found.filter((name) => !/[^ -~]/.test(name) && name !== ""))
      expect(listed).toContain(`${path}\n`);
    // One line each, also those with names that are hard to print.
    const below = listed.split("\n").filter((line) => line.startsWith(source)).length;
    expect(below).toBe(Number(succeed(run("sh", ["-c", `find '${source}' -printf x | wc -c`]))));
  });

  test("gives its files to restic's dump, byte for byte", () => {
    const target = join(folder, "dumped");
    for (const name of ["several chunks", "sparse", "folder/deeper/same text", "empty"]) {
      succeed(
        run("sh", ["-c", 'restic -r "$0" --no-cache dump latest "$1" > "$2"', repository, join(source, name), target]),
      );
      expect(readFileSync(target).equals(readFileSync(join(source, name))), name).toBe(true);
    }
  });

  test("is searched by restic's find", () => {
    expect(succeed(restic(repository, ["find", "--snapshot", "latest", "same*"]))).toContain(
      "/source/folder/deeper/same text",
    );
  });

  test("is measured by restic's stats as by Holdfast's", () => {
    for (const mode of ["restore-size", "raw-data", "files-by-contents", "blobs-per-file"]) {
      const measure = (program: Program): Record<string, unknown> =>
        JSON.parse(succeed(programs[program](repository, ["stats", "--json", "--mode", mode, "latest"]))) as Record<
          string,
          unknown
        >;
      const [own, theirs] = [measure("holdfast"), measure("restic")];
      expect({ mode, bytes: own["total_size"] }).toEqual({ mode, bytes: theirs["total_size"] });
    }
  });
});

describe.skipIf(!has("restic"))("a snapshot by restic", { timeout: 60_000 }, () => {
  test("is listed by Holdfast's ls as by restic's", () => {
    succeed(restic(repository, ["backup", "--tag", "theirs", source]));
    const list = (program: Program): unknown[] =>
      succeed(programs[program](repository, ["ls", "--json", "--tag", "theirs", "latest"]))
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ struct_type }) => struct_type === "node")
        .map(({ type, path, uid, gid, size, mode, mtime }) => {
          // Bytes that are not UTF-8 can be told from Holdfast's output, restic's has replaced them.
          return { path: String(path).toWellFormed(), type, uid, gid, size, mode, mtime };
        });
    expect(list("holdfast")).toEqual(list("restic"));
  });

  test("gives its files to Holdfast's dump, byte for byte", () => {
    const target = join(folder, "dumped");
    for (const name of ["several chunks", "sparse"]) {
      succeed(holdfast(repository, ["dump", "latest", join(source, name), "--target", target]));
      expect(readFileSync(target).equals(readFileSync(join(source, name))), name).toBe(true);
    }
  });
});
