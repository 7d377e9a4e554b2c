/** Holdfast's command line on Holdfast's repository server, as machines with a role each. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  clientVariables,
  type Ended,
  type RunningServer,
  ended,
  holdfast,
  startHoldfast,
  startServer,
  temporaryFolder,
} from "./command-runner.ts";

const FILES = 40;
const folder = temporaryFolder();
const source = join(folder, "source");
const clients = join(folder, "clients.json");
const root = join(folder, "root");
const tokens = new Map<string, string>();
let server: RunningServer;

/** Runs the command line as one of the clients. */
function as(client: string, argv: readonly string[]): Promise<Ended> {
  return holdfast(argv, { variables: variablesOf(client) });
}

function variablesOf(client: string): Record<string, string> {
  return clientVariables(server, client, { token: tokens.get(client), cache: join(folder, `cache of ${client}`) });
}

async function succeed(client: string, argv: readonly string[]): Promise<Ended> {
  const outcome = await as(client, argv);
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
}

beforeAll(async () => {
  mkdirSync(root);
  mkdirSync(source);
  for (let n = 0; n < FILES; n++) writeFileSync(join(source, `f${n}`), randomBytes(1024 * 1024));
  for (const role of ["restore", "write-only", "append-only", "maintenance"]) {
    const added = await holdfast([
      "serve",
      "client",
      "add",
      role,
      "--role",
      role,
      "--repository",
      "den",
      "--clients",
      clients,
    ]);
    expect(added.code, added.stderr).toBe(0);
    tokens.set(role, added.stdout.trim());
  }
  server = await startServer([root, "--clients", clients]);
  await succeed("append-only", ["init", "-q"]);
  await succeed("append-only", ["backup", "-q", "--pack-size", "4", source]);
});

afterAll(() => server.stop());

describe("a machine with the role append-only", () => {
  test("backs up, checks, restores and holds", async () => {
    await succeed("append-only", ["check", "--read-data"]);
    const target = join(folder, "target");
    await succeed("append-only", ["restore", "-q", "latest", "-t", target]);
    expect(execFileSync("diff", ["-r", source, join(target, source)], { encoding: "utf8" })).toBe("");
    await succeed("append-only", ["hold", "add", "--all", "--reason", "audit"]);
    expect((await succeed("restore", ["hold", "list", "--no-lock"])).stdout).toContain("audit");
  });

  test("can neither release a hold, nor forget, nor add a key: the server says no, and all is as it was", async () => {
    const password = join(folder, "another password");
    writeFileSync(password, "another");
    const [hold] = JSON.parse((await succeed("append-only", ["hold", "list", "--json"])).stdout) as { id: string }[];
    const refused = [
      ["hold", "release", hold?.id ?? ""],
      ["key", "add", "--new-password-file", password],
    ];
    for (const argv of refused) {
      const { code, stderr } = await as("append-only", argv);
      expect([argv[0], code]).toEqual([argv[0], 1]);
      expect(stderr).toMatch(/append-only/);
    }
    expect((await succeed("restore", ["hold", "list", "--no-lock"])).stdout).toContain("audit");
    await succeed("maintenance", ["hold", "release", hold?.id ?? ""]);
    const forget = ["forget", "latest", "--min-age", "0", "--keep-at-least", "0"];
    const { code, stderr } = await as("append-only", forget);
    expect(code).toBe(1);
    expect(stderr).toContain("append-only");
    const listed = await succeed("restore", ["snapshots", "--json", "--no-lock"]);
    expect(JSON.parse(listed.stdout)).toHaveLength(1);
    expect(JSON.parse((await succeed("restore", ["key", "list", "--json"])).stdout)).toHaveLength(1);
  });
});

test("a machine with the role maintenance forgets and prunes, and what it removed comes back from the trash", async () => {
  await succeed("append-only", ["backup", "-q", "--tag", "extra", source]);
  await succeed("maintenance", [
    "forget",
    "--tag",
    "extra",
    "latest",
    "--min-age",
    "0",
    "--keep-at-least",
    "0",
    "--prune",
  ]);
  const count = async (): Promise<number> =>
    (JSON.parse((await succeed("restore", ["snapshots", "--json", "--no-lock"])).stdout) as unknown[]).length;
  expect(await count()).toBe(1);
  const trash = await holdfast(["serve", "trash", "restore", root, "--repository", "den"]);
  expect(trash.code, trash.stderr).toBe(0);
  expect(await count()).toBe(2);
  await succeed("append-only", ["check", "--read-data"]);
});

test("a prune on a server with a minimum age says what stays because it is too young, and removes the rest", async () => {
  const other = join(folder, "young");
  mkdirSync(other);
  const young = await startServer([other, "--clients", clients, "--min-age", "30d"]);
  const variables = (client: string) => ({ ...variablesOf(client), HOLDFAST_REPOSITORY: `rest:${young.url}den/` });
  try {
    await holdfast(["init", "-q"], { variables: variables("append-only") });
    const half = ["--stdin-from-command", "--", "sh", "-c", "head -c 20000000 /dev/urandom; exit 1"];
    const broken = await holdfast(["backup", "-q", "--pack-size", "4", ...half], {
      variables: variables("append-only"),
    });
    expect(broken.code).toBe(1);
    await holdfast(["backup", "-q", join(source, "f0")], { variables: variables("append-only") });
    const forget = ["forget", "latest", "--min-age", "0", "--keep-at-least", "0"];
    const refused = await holdfast(forget, { variables: variables("maintenance") });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/locked until \d{4}-\d\d-\d\dT/)]);
    const prune = ["prune", "--max-unused", "0", "--json"];
    const pruned = await holdfast(prune, { variables: variables("maintenance") });
    expect(pruned.code, pruned.stderr).toBe(0);
    const summary = JSON.parse(pruned.stdout.trim().split("\n").at(-1) ?? "") as { locked_packs: number };
    expect(summary.locked_packs).toBeGreaterThan(0);
    const checked = await holdfast(["check", "--read-data"], { variables: variables("append-only") });
    expect(checked.code, checked.stderr).toBe(0);
  } finally {
    await young.stop();
  }
});

describe("a machine with the role write-only", () => {
  test("backs up, with its cache and without, and can read nothing back", async () => {
    await succeed("write-only", ["backup", "-q", source]);
    await succeed("write-only", ["backup", "-q", source]);
    await succeed("write-only", ["backup", "-q", "--no-cache", source]);
    const restored = await as("write-only", ["restore", "latest", "-t", join(folder, "nothing"), "--no-cache"]);
    expect(restored.code).not.toBe(0);
    expect(existsSync(join(folder, "nothing", source, "f0"))).toBe(false);
    await succeed("append-only", ["check", "--read-data"]);
  });
});

test("a restore whose server is killed in the middle goes on from another copy", async () => {
  const copy = join(folder, "copy");
  const from = {
    ...variablesOf("restore"),
    HOLDFAST_FROM_REPOSITORY: `rest:${server.url}den/`,
    HOLDFAST_FROM_PASSWORD: "correct horse",
    HOLDFAST_REPOSITORY: copy,
  };
  expect((await holdfast(["init", "-q", "--copy-chunker-params"], { variables: from })).code).toBe(0);
  expect((await holdfast(["copy", "-q"], { variables: from })).code).toBe(0);

  const target = join(folder, "rescued");
  const variables = {
    ...variablesOf("restore"),
    HOLDFAST_FROM_REPOSITORY: copy,
    HOLDFAST_FROM_PASSWORD: "correct horse",
  };
  const argv = ["restore", "latest", "-t", target, "--verify", "--prefer", "given", "--limit-download", "8192"];
  const child = startHoldfast(argv, { variables });
  const outcome = ended(child);
  const files = join(target, source);
  while (child.exitCode === null && (!existsSync(files) || readdirSync(files).length < FILES / 5)) await setTimeout(20);
  server.kill();
  expect(readdirSync(files).length).toBeLessThan(FILES);
  const { code, stderr } = await outcome;
  expect(stderr).toContain("the rest is read from");
  expect(code, stderr).toBe(0);
  expect(execFileSync("diff", ["-r", source, files], { encoding: "utf8" })).toBe("");
}, 180_000);
