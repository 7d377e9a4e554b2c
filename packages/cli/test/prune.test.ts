import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { holdfast, makeRepository, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const variables = { HOLDFAST_REPOSITORY: join(folder, "repo"), HOLDFAST_PASSWORD: "test" };

function prune(...args: string[]): ReturnType<typeof holdfast> {
  return holdfast(["prune", ...args], { variables });
}

function files(): string[] {
  return readdirSync(join(folder, "repo"), { recursive: true, encoding: "utf8" }).sort();
}

beforeAll(async () => {
  await makeRepository(variables);
  mkdirSync(join(folder, "source"));
  for (const content of ["one\n", "two\n"]) {
    writeFileSync(join(folder, "source/a.txt"), content);
    await holdfast(["backup", "-q", "source"], { variables, cwd: folder });
  }
  const { stdout } = await holdfast(["snapshots", "--json"], { variables });
  const [first] = JSON.parse(stdout) as { id: string }[];
  const gone = await holdfast(["forget", first?.id ?? "", "--min-age", "0", "--keep-at-least", "0"], { variables });
  expect(gone.code).toBe(0);
}, 120_000);

describe("prune", { timeout: 120_000 }, () => {
  test.for([
    ["--max-unused", "100%"],
    ["--grace", "7"],
  ])("does not understand %s %s", async (args) => {
    const before = files();
    const { code, stderr } = await prune(...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^holdfast: /) as string });
    expect(files()).toEqual(before);
  });

  test("keeps what forgotten snapshots need, and says so", async () => {
    const { code, stdout } = await prune("--dry-run");
    expect(code).toBe(0);
    expect(stdout).toContain("keeps the data of 1 snapshot, and of 1 forgotten one that can still be brought back");
    expect(stdout).toContain("there is nothing to do");
  });

  test("only says with --dry-run what it would do, in JSON with the packs by name", async () => {
    const before = files();
    const shown = await prune("--dry-run", "--grace", "0");
    expect(shown.stdout).toContain("gives up 1 forgotten snapshot: it can no longer be brought back");
    expect(shown.stdout).toContain("dry run: nothing was changed");
    const { code, stdout } = await prune("-n", "--grace", "0", "--json");
    expect(code).toBe(0);
    const summary = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
    expect(summary).toMatchObject({
      message_type: "summary",
      dry_run: true,
      blobs: { used: 3, unused: 3, duplicate: 0, total: 6, remove: 3, remaining: 3 },
      packfiles: { keep: 2, repack: 0, remove: 2, total: 4 },
      snapshots: { live: 1, forgotten: 0 },
    });
    expect(summary["packs_to_remove"]).toHaveLength(2);
    expect(files()).toEqual(before);
  });

  test("removes what nothing needs", async () => {
    const { code, stdout } = await prune("--grace", "0", "--json");
    expect(code).toBe(0);
    const summary = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
    expect(summary).toMatchObject({ removed_packs: 2, new_packs: 0, new_indexes: 1, removed_indexes: 2 });
    expect(summary["dry_run"]).toBeUndefined();
    expect((await holdfast(["check", "--read-data"], { variables })).code).toBe(0);
    const again = await prune();
    expect(again.stdout).toContain("there is nothing to do");
  });

  test("of a repository whose index is damaged is exit code 20, and names the way out", async () => {
    const index = join(folder, "repo/index");
    writeFileSync(join(index, "ab".repeat(32)), "nonsense");
    const { code, stderr } = await prune();
    expect(code).toBe(20);
    expect(stderr).toContain("holdfast repair index");
  });
});
