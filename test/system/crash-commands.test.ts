/** Commands besides backup that are killed at any moment: making a repository, adding a key, repairing, restoring. */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { makeOddestTree, noise } from "./odd-tree.ts";
import { differences, has, holdfast, holdfastCommand, restic, start, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

/** Kills a command. More with HOLDFAST_CRASH_RUNS, for a long run. */
const KILLS = Math.ceil(Number(process.env["HOLDFAST_CRASH_RUNS"] ?? 200) / 20);
const TIMEOUT_MS = Math.max(120_000, KILLS * 10_000);

const folder = scratchFolder();
const source = join(folder, "source");
const secondPassword = join(folder, "second password");

beforeAll(() => {
  mkdirSync(source);
  makeOddestTree(source);
  for (let n = 0; n < 300; n++) writeFileSync(join(source, `file ${n}`), noise(20_000, n + 1));
  writeFileSync(secondPassword, "second\n");
});

/** How long a command takes that nobody kills. */
async function usualMs(repository: string, args: readonly string[]): Promise<number> {
  const begun = performance.now();
  succeed(await start(...holdfastCommand(repository, args)).outcome);
  return performance.now() - begun;
}

/** Starts a command and kills it at a random moment of its usual time. @returns false when it was faster */
async function kill(repository: string, args: readonly string[], withinMs: number): Promise<boolean> {
  const { child, outcome } = start(...holdfastCommand(repository, args));
  await Promise.race([sleep(Math.random() * withinMs), outcome]);
  child.kill("SIGKILL");
  return (await outcome).status === null;
}

function expectWhole(repository: string): void {
  succeed(holdfast(repository, ["check", "--read-data"]));
}

describe("killed at any moment", { timeout: TIMEOUT_MS }, () => {
  test(`init (${KILLS} times) leaves a repository that works, or none`, async () => {
    const takesMs = await usualMs(join(folder, "init"), ["init"]);
    let made = 0;
    for (let n = 0; n < KILLS; n++) {
      const repository = join(folder, `init ${n}`);
      await kill(repository, ["init"], takesMs);
      if (existsSync(join(repository, "config"))) {
        made++;
        succeed(holdfast(repository, ["backup", join(source, "text")]));
        expectWhole(repository);
      } else {
        expect(holdfast(repository, ["snapshots"]).status).toBe(10);
        // Either all is made anew, or the key that is there is named as in the way: it is never half taken over.
        const again = holdfast(repository, ["init"]);
        if (again.status === 0) expectWhole(repository);
        else expect(again.stderr).toContain("but no config");
      }
      rmSync(repository, { recursive: true, force: true });
    }
    process.stdout.write(`init: killed ${KILLS} times, ${made} repositories were made before\n`);
  });

  test(`key add (${KILLS} times) leaves every password that worked`, async () => {
    const repository = join(folder, "keys");
    makeQuickRepository(repository);
    const args = ["key", "add", "--new-password-file", secondPassword];
    const takesMs = await usualMs(repository, args);
    for (let n = 0; n < KILLS; n++) await kill(repository, args, takesMs);
    succeed(holdfast(repository, ["snapshots"]));
    succeed(holdfast(repository, ["snapshots", "--password-file", secondPassword]));
    expect(succeed(holdfast(repository, ["key", "list"])).split("\n").length).toBeGreaterThan(2);
    expectWhole(repository);
  });

  test(`repair index (${KILLS} times) loses nothing, and can be run again`, async () => {
    const damaged = join(folder, "damaged");
    makeQuickRepository(damaged);
    succeed(holdfast(damaged, ["backup", source, "--pack-size", "4"]));
    succeed(holdfast(damaged, ["backup", join(source, "folder")]));
    // Without any index everything has to be found again in the packs.
    for (const name of readdirSync(join(damaged, "index"))) rmSync(join(damaged, "index", name));
    const repaired = (n: string): string => {
      const copy = join(folder, `repair ${n}`);
      cpSync(damaged, copy, { recursive: true });
      return copy;
    };
    const first = repaired("first");
    const takesMs = await usualMs(first, ["repair", "index"]);
    expectWhole(first);
    const copy = repaired("again and again");
    for (let n = 0; n < KILLS; n++) {
      await kill(copy, ["repair", "index", "--read-all-packs"], takesMs * 1.2);
      expect(readdirSync(join(copy, "snapshots"))).toHaveLength(2);
    }
    succeed(holdfast(copy, ["repair", "index"]));
    expectWhole(copy);
    if (!has("restic")) return;
    succeed(restic(copy, ["unlock"]));
    succeed(restic(copy, ["check", "--read-data"]));
  });

  test(`restore (${KILLS} times) is finished by the next one`, async () => {
    const repository = join(folder, "restoring");
    makeQuickRepository(repository);
    succeed(holdfast(repository, ["backup", source]));
    const takesMs = await usualMs(repository, ["restore", "latest", "--target", join(folder, "unharmed")]);
    const target = join(folder, "interrupted");
    for (let n = 0; n < KILLS; n++) {
      await kill(repository, ["restore", "latest", "--target", target], takesMs);
      // Every other time from nothing, else on top of what is there.
      if (n % 2 === 0) rmSync(target, { recursive: true, force: true });
    }
    succeed(holdfast(repository, ["restore", "latest", "--target", target, "--verify"]));
    expect(differences(source, join(target, source))).toBe("");
  });
});
