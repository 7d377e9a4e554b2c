import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { holdfast, isInstalled, program, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const source = join(folder, "source");
const variables = {
  RESTIC_REPOSITORY: join(folder, "repo"),
  RESTIC_PASSWORD: "test",
  RESTIC_CACHE_DIR: join(folder, "cache"),
};

async function printed(run: Promise<{ code: number; stdout: string; stderr: string }>): Promise<unknown[]> {
  const { code, stdout, stderr } = await run;
  expect(code, stderr).toBe(0);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

/** What both print for the same arguments. */
async function both(...args: string[]): Promise<{ restic: unknown[]; ours: unknown[] }> {
  const restic = await printed(program("restic", ["-q", "--json", ...args], { variables }));
  return { restic, ours: await printed(holdfast(["--json", ...args], { variables })) };
}

function sorted(list: readonly unknown[]): unknown[] {
  return list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function makeSource(): void {
  mkdirSync(join(source, "sub/deep"), { recursive: true });
  mkdirSync(join(source, "empty"));
  for (const [name, mode] of [
    ["plain", 0o644],
    ["setuid", 0o4711],
    ["setgid", 0o2711],
    ["sticky", 0o1600],
    ["all", 0o7777],
  ] as const) {
    writeFileSync(join(source, name), name);
    chmodSync(join(source, name), mode);
  }
  writeFileSync(join(source, 'sub/deep/q"\\\n<&>ü'), "");
  linkSync(join(source, "plain"), join(source, "linked"));
  symlinkSync("plain", join(source, "link"));
  lutimesSync(join(source, "link"), 1, 2);
  utimesSync(join(source, "sub/deep"), new Date("1950-01-01T00:00:00Z"), new Date("1950-01-01T00:00:00.5Z"));
  chmodSync(join(source, "sub/deep"), 0o3775);
  chmodSync(join(source, "empty"), 0o1777);
}

beforeAll(async () => {
  if (!isInstalled("restic")) return;
  makeSource();
  await program("restic", ["init", "-q"], { variables });
  const tagged = ["--tag", "one,two", "--exclude", "nothing"];
  for (const tags of [[], tagged]) await program("restic", ["backup", "-q", ...tags, source], { variables });
}, 60_000);

describe.skipIf(!isInstalled("restic"))("every field that restic prints is printed with the same value", () => {
  test.for([
    "ls latest",
    "ls latest SOURCE/sub",
    "ls latest --recursive SOURCE/sub",
    "snapshots",
    "snapshots latest",
    "snapshots --group-by host,tags",
    "snapshots --group-by paths",
    "stats",
    "stats latest --mode files-by-contents",
    "stats --mode blobs-per-file",
  ])("%s", async (command) => {
    const { restic, ours } = await both(...command.replace("SOURCE", source).split(" "));
    expect(ours).toHaveLength(restic.length);
    restic.forEach((line, n) => {
      const mine = ours[n];
      // restic prints groups in any order.
      if (Array.isArray(line)) expect(sorted(mine as unknown[])).toEqual(sorted(line as unknown[]));
      else expect(mine).toMatchObject(line as object);
    });
  });

  test("stats --mode raw-data", async () => {
    const { restic, ours } = await both("stats", "--mode", "raw-data");
    // restic 0.14 prints counts that it has not counted.
    const { total_file_count: _, ...counted } = restic[0] as Record<string, unknown>;
    expect(ours[0]).toMatchObject(counted);
  });

  test("key list, with whole ids and exact times besides", async () => {
    const { restic, ours } = await both("key", "list");
    const [[key], [mine]] = [restic[0], ours[0]] as Record<string, string>[][] as [
      [Record<string, string>],
      [Record<string, string>],
    ];
    expect(mine).toMatchObject({ ...key, id: expect.stringMatching(`^${key["id"]}`) as string });
    expect(mine["id"]).toHaveLength(64);
    expect(mine["created_at"]).toMatch(/^\d{4}-\d\d-\d\dT/);
  });
});

describe.skipIf(!isInstalled("restic"))("restore counts as restic does", () => {
  interface Counts {
    readonly message_type: string;
    readonly total_files: number;
    readonly files_restored: number;
    readonly files_skipped: number;
    readonly total_bytes: number;
    readonly bytes_restored: number;
    readonly bytes_skipped: number;
  }

  async function restore(...args: string[]): Promise<Counts> {
    const lines = await printed(
      holdfast(["restore", "latest", "--json", "-t", join(folder, "target"), ...args], { variables }),
    );
    return lines.at(-1) as Counts;
  }

  test("every entry, and what is skipped apart from what is restored", async () => {
    const entries = (await printed(holdfast(["ls", "--json", "latest"], { variables }))).length - 1;
    const first = await restore();
    expect(first).toMatchObject({ message_type: "summary", total_files: entries, files_restored: entries });
    expect(first).toMatchObject({ files_skipped: 0, bytes_skipped: 0, bytes_restored: first.total_bytes });
    writeFileSync(join(folder, "target", source, "sticky"), "changed");
    const second = await restore();
    // Hard links, folders and symbolic links are made to be as they were, which is not skipping.
    expect(second.files_skipped).toBe(5);
    expect(second.files_restored).toBe(second.total_files);
    expect(second.total_files + second.files_skipped).toBe(entries);
    expect(second).toMatchObject({ total_bytes: 6, bytes_restored: 6, bytes_skipped: first.total_bytes - 6 });
    const third = await restore("--overwrite", "never");
    expect(third.bytes_restored).toBe(0);
    expect(third.total_bytes).toBe(0);
    expect(third.files_restored).toBe(third.total_files);
  });
});
