/** Holdfast and restic open each other's keys and keep to each other's locks. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Secret } from "@holdfast/base";
import { openRepository, type Repository, withLock } from "@holdfast/engine";
import { openLocal } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import {
  has,
  holdfast,
  holdfastCommand,
  PASSWORD,
  restic,
  resticCommand,
  type Running,
  start,
  succeed,
} from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
const programs = { holdfast, restic };

const LOCKED = { holdfast: 11, restic: 1 };
const WRONG_PASSWORD = { holdfast: 12, restic: 1 };

beforeAll(() => {
  mkdirSync(source);
  writeFileSync(join(source, "file"), "content\n");
  writeFileSync(join(folder, "second password"), "battery staple – Grüße\n");
});

describe.skipIf(!has("restic"))("keys", { timeout: 60_000 }, () => {
  test.for([
    ["restic", "holdfast"],
    ["holdfast", "restic"],
  ] as const)("that %s adds open the repository for %s, until they are removed", ([adder, user]) => {
    const repository = join(folder, `keys of ${adder}`);
    makeQuickRepository(repository);
    const secondKey = ["--password-file", join(folder, "second password")];
    expect(programs[user](repository, ["snapshots", ...secondKey]).status).toBe(WRONG_PASSWORD[user]);
    succeed(programs[adder](repository, ["key", "add", "--new-password-file", join(folder, "second password")]));
    succeed(programs[user](repository, ["backup", source, ...secondKey]));
    succeed(programs[adder](repository, ["snapshots"]));
    const listed = JSON.parse(succeed(restic(repository, ["key", "list", "--json"]))) as {
      id: string;
      current: boolean;
    }[];
    expect(listed).toHaveLength(2);
    const added = listed.find(({ current }) => !current)?.id ?? "";
    succeed(programs[user](repository, ["key", "remove", added]));
    expect(programs[user](repository, ["snapshots", ...secondKey]).status).toBe(WRONG_PASSWORD[user]);
    succeed(programs[adder](repository, ["snapshots"]));
  });
});

function locks(repository: string): string[] {
  return readdirSync(join(repository, "locks")).filter((name) => /^[0-9a-f]{64}$/.test(name));
}

async function waitForLock(repository: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; locks(repository).length === 0; await sleep(1)) {
    if (Date.now() > deadline) throw new Error(`nobody locked ${repository}`);
  }
}

/** Holds a lock of the engine while `work` runs. */
async function whileLocked(repository: string, exclusive: boolean, work: () => void): Promise<void> {
  const { signal } = new AbortController();
  const opened: Repository = await openRepository(openLocal(repository), new Secret(PASSWORD), { signal });
  await withLock(opened, { exclusive, signal }, async () => work());
}

describe.skipIf(!has("restic"))("locks", { timeout: 60_000 }, () => {
  let number = 0;
  function newRepository(): string {
    const repository = join(folder, `locks ${++number}`);
    makeQuickRepository(repository);
    return repository;
  }

  test.for(["restic", "holdfast"] as const)("an exclusive lock of Holdfast stops %s", async (program) => {
    const repository = newRepository();
    await whileLocked(repository, true, () => {
      const { status, stderr } = programs[program](repository, ["backup", source]);
      expect(stderr).toMatch(/locked/);
      expect(status).toBe(LOCKED[program]);
    });
    succeed(programs[program](repository, ["backup", source]));
  });

  test("a shared lock of Holdfast lets restic save, and stops it from pruning", async () => {
    const repository = newRepository();
    await whileLocked(repository, false, () => {
      succeed(restic(repository, ["backup", source]));
      const { status, stderr } = restic(repository, ["prune"]);
      expect(stderr).toMatch(/already locked/);
      expect(status).toBe(1);
    });
    succeed(restic(repository, ["prune"]));
  });

  /** A restic that holds its exclusive lock, stopped in the middle of its work. */
  async function stoppedCheck(repository: string): Promise<Running> {
    const running = start(...resticCommand(repository, ["check", "--read-data"]));
    await waitForLock(repository);
    running.child.kill("SIGSTOP");
    return running;
  }

  test("an exclusive lock of restic stops Holdfast, which says who holds it", async () => {
    const repository = newRepository();
    const { child, outcome } = await stoppedCheck(repository);
    const refused = holdfast(repository, ["backup", source]);
    expect(refused.stderr).toContain(String(child.pid));
    expect(refused.status).toBe(LOCKED.holdfast);
    child.kill("SIGCONT");
    succeed(await outcome);
    succeed(holdfast(repository, ["backup", source]));
  });

  test("Holdfast waits for restic when told so", async () => {
    const repository = newRepository();
    const { child, outcome } = await stoppedCheck(repository);
    const waiting = start(...holdfastCommand(repository, ["backup", "--retry-lock", "1m", source]));
    let said = "";
    waiting.child.stderr?.on("data", (text: string) => (said += text));
    waiting.child.stdout?.on("data", (text: string) => (said += text));
    while (!said.includes("waiting")) await sleep(10);
    child.kill("SIGCONT");
    succeed(await outcome);
    succeed(await waiting.outcome);
  });

  /** A restic that has begun to save and waits for more data: it holds a shared lock. */
  async function waitingBackup(repository: string): Promise<Running> {
    const running = start(...resticCommand(repository, ["backup", "--stdin"]));
    await waitForLock(repository);
    return running;
  }

  test("a shared lock of restic lets Holdfast save and read, and stops what must be alone", async () => {
    const repository = newRepository();
    const { child, outcome } = await waitingBackup(repository);
    succeed(holdfast(repository, ["backup", source]));
    succeed(holdfast(repository, ["check"]));
    expect(holdfast(repository, ["repair", "index"]).status).toBe(LOCKED.holdfast);
    child.stdin?.end("the rest\n");
    succeed(await outcome);
    succeed(holdfast(repository, ["repair", "index"]));
    expect(locks(repository)).toEqual([]);
  });

  test("restic's unlock neither ends a running Holdfast nor takes its lock", async () => {
    const repository = newRepository();
    const { child, outcome } = start(...holdfastCommand(repository, ["backup", "--stdin"]));
    await waitForLock(repository);
    // Its way to see whether a process is alive is to send SIGHUP.
    succeed(restic(repository, ["unlock"]));
    expect(locks(repository)).toHaveLength(1);
    child.stdin?.end("the rest\n");
    succeed(await outcome);
    expect(locks(repository)).toEqual([]);
  });

  test("a lock that a killed restic left does not stop Holdfast, and unlock removes it", async () => {
    const repository = newRepository();
    const { child, outcome } = await stoppedCheck(repository);
    child.kill("SIGKILL");
    await outcome;
    succeed(holdfast(repository, ["backup", source]));
    expect(locks(repository)).toHaveLength(1);
    succeed(holdfast(repository, ["unlock"]));
    expect(locks(repository)).toEqual([]);
  });
});
