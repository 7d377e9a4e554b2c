/** What diff, rewrite and migrate print and answer, also to wrong input. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Ended, holdfast as start, makeRepository, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const source = join(folder, "source");
const variables = { HOLDFAST_REPOSITORY: join(folder, "repo"), HOLDFAST_PASSWORD: "correct horse battery staple" };
const holdfast = (argv: readonly string[], options: { cwd?: string } = {}): Promise<Ended> =>
  start(argv, { variables, ...options });

function jsonLines({ stdout }: Ended): Record<string, unknown>[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

beforeAll(async () => {
  await makeRepository(variables);
  mkdirSync(join(source, "sub"), { recursive: true });
  writeFileSync(join(source, "a.txt"), "one\n");
  writeFileSync(join(source, "sub/b.txt"), "two\n");
  await holdfast(["backup", "-q", source, "--time", "2026-01-01 00:00:00"]);
  appendFileSync(join(source, "a.txt"), "more\n");
  writeFileSync(join(source, "sub/c\nd.txt"), "three\n");
  await holdfast(["backup", "-q", source, "--time", "2026-01-02 00:00:00"]);
}, 60_000);

async function ids(): Promise<string[]> {
  const { stdout } = await holdfast(["snapshots", "--json"]);
  return (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id);
}

describe("diff", { timeout: 60_000 }, () => {
  test("prints changes and statistics to standard output, and the heading beside it; names are safe to print", async () => {
    const { code, stdout, stderr } = await holdfast(["diff", `latest~1:${source}`, `latest:${source}`]);
    expect({ code, lines: stdout.split("\n").slice(0, 4) }).toEqual({
      code: 0,
      lines: ["M    /a.txt", "+    /sub/c\\nd.txt", "", "Files:           1 new,     0 removed,     1 changed"],
    });
    expect(stderr).toMatch(/^comparing snapshot [0-9a-f]{8} with [0-9a-f]{8}:\n$/);
  });

  test("in JSON names are exact, and ids are whole", async () => {
    const [old = "", now = ""] = await ids();
    const ended = await holdfast(["diff", "--json", `latest~1:${source}`, `latest:${source}`]);
    expect(ended.stderr).toBe("");
    expect(jsonLines(ended)).toMatchObject([
      { message_type: "change", path: "/a.txt", modifier: "M" },
      { message_type: "change", path: "/sub/c\nd.txt", modifier: "+" },
      {
        message_type: "statistics",
        source_snapshot: `${old}:${source}`,
        target_snapshot: `${now}:${source}`,
        changed_files: 1,
        added: { files: 1, dirs: 0, others: 0, data_blobs: 2, tree_blobs: 2 },
        removed: { files: 0, dirs: 0, others: 0, data_blobs: 1, tree_blobs: 2 },
      },
    ]);
  });

  test("with --quiet only statistics are printed", async () => {
    const { stdout, stderr } = await holdfast(["diff", "-q", "latest~1", "latest"]);
    expect(stdout).toMatch(/^\nFiles: /);
    expect(stderr).toBe("");
  });

  test("--live compares with the paths of the snapshot, with others, and with a folder elsewhere", async () => {
    writeFileSync(join(source, "new"), "12345");
    const [byDefault, byName, elsewhere] = await Promise.all([
      holdfast(["diff", "latest", "--live", "--json"]),
      holdfast(["diff", "latest", "--live", "--json", join(source, "sub")]),
      holdfast(["diff", `latest:${source}/sub`, "--live", "--json", "."], { cwd: source }),
    ]);
    rmSync(join(source, "new"));
    expect(byDefault.code).toBe(0);
    const [change, statistics] = jsonLines(byDefault);
    expect(change).toEqual({ message_type: "change", path: join(source, "new"), modifier: "+" });
    expect(statistics).toMatchObject({ live_paths: [source], added: { files: 1, bytes: 5 } });
    expect(jsonLines(byName)).toMatchObject([{ message_type: "statistics", changed_files: 0 }]);
    expect(jsonLines(elsewhere).map(({ modifier, path }) => [modifier, path])).toEqual(
      [
        ["+", "a.txt"],
        ["-", "b.txt"],
        ["-", "c\nd.txt"],
        ["+", "new"],
        ["+", "sub/"],
        ["+", "sub/b.txt"],
        ["+", "sub/c\nd.txt"],
      ]
        .map(([modifier, path]) => [modifier, `${source}/${path}`])
        .concat([[undefined as unknown as string, undefined as unknown as string]]),
    );
  });

  test("--live finds what was backed up by a relative path", async () => {
    await holdfast(["backup", "-q", "source/sub", "--host", "relative", "--time", "2025-01-01 00:00:00"], {
      cwd: folder,
    });
    const filter = ["latest", "--host", "relative", "--live"];
    expect(jsonLines(await holdfast(["diff", "--json", ...filter]))).toMatchObject([{ changed_files: 0 }]);
    const single = await holdfast(["diff", "--json", ...filter, join(source, "sub/b.txt")]);
    expect(jsonLines(single)).toMatchObject([{ live_paths: [join(source, "sub/b.txt")] }]);
  });

  test("what makes no sense is said, with the code of its kind", async () => {
    const wrong: readonly [readonly string[], number, string][] = [
      [["diff"], 2, "snapshot"],
      [["diff", "latest"], 2, "give two snapshots"],
      [["diff", "latest", "latest", "latest"], 2, "give two snapshots"],
      [["diff", "latest", "latest", "--content"], 2, "--content is for --live"],
      [["diff", "latest", "latest", "-e", "x"], 2, "--exclude is for --live"],
      [["diff", "latest", "0000"], 1, "no snapshot matches '0000'"],
      [["diff", "latest:/none", "latest"], 1, "has no '/none'"],
      [["diff", `latest:${source}/a.txt`, "latest"], 1, "is no folder"],
      [["diff", "--live", "latest", "/none"], 1, "has no '/none'"],
      [["diff", "--live", "latest:/", "a", "b"], 2, "give the one path"],
      [["diff", "--live", "latest", "--exclude", "["], 1, "cannot be understood"],
    ];
    for (const [argv, code, text] of wrong) {
      const ended = await holdfast(argv);
      expect({ argv, code: ended.code }).toEqual({ argv, code });
      expect(ended.stderr).toContain(text);
    }
  });
});

describe("rewrite", { timeout: 60_000 }, () => {
  test("a dry run names what would be left out, and changes nothing", async () => {
    const before = await ids();
    const { code, stdout } = await holdfast(["rewrite", "-n", "-vv", "--exclude", "b.txt", "latest"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`leaving out ${source}/sub/b.txt\n`);
    expect(stdout).toContain("2 files with 15 B stay");
    expect(stdout).toContain("dry run: 1 snapshot would be rewritten, nothing was changed");
    expect(await ids()).toEqual(before);
  });

  test("what makes no sense is said, with the code of its kind", async () => {
    const wrong: readonly [readonly string[], number, string][] = [
      [["rewrite"], 2, "nothing to change"],
      [["rewrite", "--forget"], 2, "nothing to change"],
      [["rewrite", "--exclude", "a", "--include", "b"], 2, "exclude each other"],
      [["rewrite", "--exclude", "["], 1, "cannot be understood"],
      [["rewrite", "--exclude-file", join(folder, "none")], 1, "cannot be read"],
      [["rewrite", "--new-time", "yesterday"], 2, "'yesterday' is not a value for --new-time"],
      [["rewrite", "--new-host", ""], 2, "give a host name"],
      [["rewrite", "--exclude", "a", "0000"], 1, "no snapshot matches '0000'"],
    ];
    for (const [argv, code, text] of wrong) {
      const ended = await holdfast(argv);
      expect({ argv, code: ended.code }).toEqual({ argv, code });
      expect(ended.stderr).toContain(text);
    }
  });

  test("new snapshots stand beside the old ones, or take their place", async () => {
    const old = await ids();
    const beside = await holdfast(["rewrite", "--new-host", "ada", "--json", old[0] ?? ""]);
    const [summary] = jsonLines(beside);
    expect(summary).toMatchObject({
      message_type: "summary",
      snapshots: [{ old_snapshot_id: old[0], result: "rewritten" }],
      forgotten_snapshots: [],
      trees_read: 0,
    });
    expect(await ids()).toHaveLength(old.length + 1);
    const again = await holdfast(["rewrite", "--new-host", "ada", old[0] ?? ""]);
    expect(again.stdout).toContain("was rewritten before");

    const replaced = await holdfast(["rewrite", "--exclude", "b.txt", "--forget", "--host", "ada"]);
    expect(replaced.code).toBe(0);
    expect(replaced.stdout).toMatch(/rewrote 1 snapshot of 1, \d+ folders written anew, forgot 1 snapshot\n$/);
    expect(replaced.stderr).toContain("`holdfast unforget` brings the old snapshots back");
    expect((await holdfast(["ls", "latest", "--host", "ada"])).stdout).not.toContain("b.txt");
    expect((await holdfast(["rewrite", "--exclude", "b.txt", "--host", "ada"])).stdout).toBe(
      "no snapshot had to be changed\n",
    );
  });

  test("a snapshot that a hold keeps is not replaced", async () => {
    const held = (await ids()).at(-1) ?? "";
    const hold = ["--reason", "claim", "--owner", "law", "--review", "2030-01-01"];
    expect(await holdfast(["hold", "add", ...hold, held])).toMatchObject({ code: 0 });
    const { code, stderr } = await holdfast(["rewrite", "--exclude", "b.txt", "--forget", held]);
    expect(code).toBe(1);
    expect(stderr).toContain("is held by");
    expect(await ids()).toContain(held);
  });

  test("of a damaged snapshot it says so, with code 20, and rewrites the others", async () => {
    const repository = join(folder, "damaged");
    const own = { variables: { ...variables, HOLDFAST_REPOSITORY: repository } };
    await makeRepository(own.variables);
    for (const name of ["one", "two"]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "x"), name);
      await start(["backup", "-q", join(folder, name)], own);
    }
    const { stdout } = await start(["snapshots", "--json", "--path", join(folder, "one")], own);
    const [{ tree }] = JSON.parse(stdout) as [{ tree: string }];
    const blobs = (await start(["list", "blobs", "--json"], own)).stdout.trim().split("\n");
    const { pack } =
      blobs.map((line) => JSON.parse(line) as { id: string; pack: string }).find(({ id }) => id === tree) ?? {};
    unlinkSync(join(repository, "data", (pack ?? "").slice(0, 2), pack ?? ""));
    const ended = await start(["rewrite", "--exclude", "x"], own);
    expect(ended.code).toBe(20);
    expect(ended.stderr).toContain("warning: snapshot");
    expect(ended.stdout).toContain("rewrote 1 snapshot of 2");
  });
});

describe("migrate", { timeout: 60_000 }, () => {
  test("lists nothing for a repository of version 2, and refuses to upgrade it", async () => {
    const listed = await holdfast(["migrate"]);
    expect(listed).toMatchObject({ code: 0, stdout: "" });
    expect(listed.stderr).toContain("no migrations can be applied");
    expect(await holdfast(["migrate", "upgrade_repo_v2"])).toMatchObject({ code: 1 });
    expect(await holdfast(["migrate", "nonsense"])).toMatchObject({ code: 2 });
    expect(await holdfast(["migrate", "--restore-config", join(folder, "none")])).toMatchObject({ code: 1 });
    expect(await holdfast(["migrate", "--restore-config", "x", "upgrade_repo_v2"])).toMatchObject({ code: 2 });
  });

  test("upgrades one of version 1, unless it is damaged", async () => {
    const repository = join(folder, "old");
    const own = { variables: { ...variables, HOLDFAST_REPOSITORY: repository } };
    expect((await start(["init", "--repository-version", "1"], own)).code).toBe(0);
    await start(["backup", "-q", source], own);
    const [index = ""] = readdirSync(join(repository, "index"));
    const path = join(repository, "index", index);
    const bytes = readFileSync(path);
    chmodSync(path, 0o600);
    writeFileSync(path, bytes.subarray(1));
    const refused = await start(["migrate", "upgrade_repo_v2"], own);
    expect(refused.code).toBe(20);
    expect(refused.stderr).toContain("so it is left as it is");
    writeFileSync(path, bytes);
    const done = await start(["migrate", "upgrade_repo_v2", "--json"], own);
    expect(done.code).toBe(0);
    expect(jsonLines(done).at(-1)).toEqual({ message_type: "migrated", name: "upgrade_repo_v2" });
    expect(JSON.parse((await start(["cat", "config"], own)).stdout)).toMatchObject({ version: 2 });
    expect((await start(["check", "--read-data"], own)).code).toBe(0);
  });
});
