import { appendFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { holdfast, makeRepository, temporaryFolder } from "./command-runner.ts";

interface Line {
  readonly message_type: string;
  readonly action?: string;
  readonly item?: string;
}

const folder = temporaryFolder();
let variables: Record<string, string>;
let cwd: string;
let number = 0;

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

beforeEach(async () => {
  cwd = join(folder, String(number++));
  mkdirSync(join(cwd, "source/sub"), { recursive: true });
  writeFileSync(join(cwd, "source/a.txt"), "one\n");
  writeFileSync(join(cwd, "source/sub/b.txt"), "two\n");
  symlinkSync("a.txt", join(cwd, "source/link"));
  variables = { HOLDFAST_REPOSITORY: join(cwd, "repo"), HOLDFAST_PASSWORD: "test" };
  await makeRepository(variables);
}, 60_000);

describe("backup --verbose twice", () => {
  test("names every entry: what became of it, and what it added", async () => {
    const first = await holdfast(["backup", "-vv", "source"], { variables, cwd });
    expect(first.code).toBe(0);
    const shown = first.stdout.trimEnd().split("\n");
    expect(shown.map((line) => line.replace(/, saved in [0-9.]+s/, "")).sort()).toEqual([
      expect.stringMatching(/^new {7}\/source\/ \([0-9]+ B metadata\)$/),
      "new       /source/a.txt (4 B added, 36 B stored)",
      "new       /source/link",
      expect.stringMatching(/^new {7}\/source\/sub\/ \([0-9]+ B metadata\)$/),
      "new       /source/sub/b.txt (4 B added, 36 B stored)",
    ]);
    expect(first.stderr).toContain("counted 2 files, 8 B");

    appendFileSync(join(cwd, "source/a.txt"), "more");
    const second = await holdfast(["backup", "-vv", "source", "-e", "b.txt"], { variables, cwd });
    const actions = second.stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(",")[0] ?? "");
    expect(actions.sort()).toEqual([
      "excluded  /source/sub/b.txt",
      "modified  /source/",
      "modified  /source/a.txt",
      "modified  /source/sub/",
      "unchanged /source/link",
    ]);
  });

  test("is given once as well with --json, where each entry is a line of restic's fields", async () => {
    await holdfast(["backup", "-q", "source"], { variables, cwd });
    appendFileSync(join(cwd, "source/a.txt"), "more");
    const { stdout } = await holdfast(["backup", "--json", "-v", "source", "-e", "b.txt"], { variables, cwd });
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    expect(lines.find(({ action }) => action === "scan_finished")).toMatchObject({
      message_type: "verbose_status",
      data_size: 8,
      total_files: 1,
    });
    expect(lines.find(({ item }) => item === "/source/a.txt")).toEqual({
      message_type: "verbose_status",
      action: "modified",
      item: "/source/a.txt",
      duration: expect.any(Number) as number,
      data_size: 8,
      data_size_in_repo: 40,
      metadata_size: 0,
      metadata_size_in_repo: 0,
      total_files: 0,
      type: "file",
      size: 8,
    });
    expect(lines.find(({ item }) => item === "/source/sub/")).toMatchObject({ action: "modified", data_size: 0 });
    expect(lines).toContainEqual({ message_type: "excluded_item", item: "/source/sub/b.txt" });
    expect(lines.at(-1)?.message_type).toBe("summary");
  });

  test("is not needed for the summary: without it no entry is named", async () => {
    const plain = await holdfast(["backup", "-v", "source"], { variables, cwd });
    expect(plain).toMatchObject({ code: 0, stdout: "" });
    const json = await holdfast(["backup", "--json", "source"], { variables, cwd });
    const types = json.stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as Line).message_type);
    expect(new Set(types).has("verbose_status")).toBe(false);
  });
});

describe("the summary of a backup", () => {
  test("tells of packs that an interrupted run had stored", async () => {
    const interrupted = async (): Promise<void> => {
      expect((await holdfast(["backup", "-q", "source"], { variables, cwd })).code).toBe(0);
      // As a killed run leaves it: packs, but no index and no snapshot that knows of them.
      for (const type of ["index", "snapshots"]) {
        for (const name of readdirSync(join(cwd, "repo", type))) unlinkSync(join(cwd, "repo", type, name));
      }
    };
    await interrupted();
    const packs = (await holdfast(["list", "packs"], { variables })).stdout.trimEnd().split("\n").length;
    const { stderr } = await holdfast(["backup", "source"], { variables, cwd });
    expect(stderr).toContain(`took over ${packs} packs that an interrupted run had stored`);
    const whole = await holdfast(["backup", "--json", "source"], { variables, cwd });
    expect(JSON.parse(lastLine(whole.stdout))).not.toHaveProperty("adopted_packs");
    await interrupted();
    const { stdout } = await holdfast(["backup", "--json", "source"], { variables, cwd });
    expect(JSON.parse(lastLine(stdout))).toMatchObject({ adopted_packs: packs, data_added: 0 });
  });

  test("tells of packs that are gone, in words and in JSON, until the index is repaired", async () => {
    expect((await holdfast(["backup", "-q", "source"], { variables, cwd })).code).toBe(0);
    const packs = (await holdfast(["list", "packs"], { variables })).stdout.trimEnd().split("\n").length;
    rmSync(join(cwd, "repo", "data"), { recursive: true });
    const { stderr, code } = await holdfast(["backup", "source"], { variables, cwd });
    expect(code).toBe(0);
    expect(stderr).toContain(`${packs} packs of the repository are gone`);
    const json = await holdfast(["backup", "--json", "source"], { variables, cwd });
    expect(JSON.parse(lastLine(json.stdout))).toMatchObject({ missing_packs: packs, data_added: 0 });
    // Older snapshots have content that the source has no more.
    expect((await holdfast(["repair", "index"], { variables })).code).toBe(20);
    const repaired = await holdfast(["backup", "--json", "source"], { variables, cwd });
    expect(JSON.parse(lastLine(repaired.stdout))).not.toHaveProperty("missing_packs");
  });

  test("has the times that the snapshot has", async () => {
    const { stdout } = await holdfast(["backup", "--json", "source"], { variables, cwd });
    const summary = JSON.parse(lastLine(stdout)) as Record<string, unknown>;
    const listed = await holdfast(["snapshots", "--json"], { variables });
    const [snapshot] = JSON.parse(listed.stdout) as { time: string; summary: { backup_start: string } }[];
    expect(summary["backup_start"]).toBe(snapshot?.summary.backup_start);
    expect(summary["backup_start"]).toBe(snapshot?.time);
  });
});
