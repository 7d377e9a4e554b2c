/** Object lock by the command line, on Ceph's gateway: the job that extends locks, its alarm, and what a prune says of locks. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BucketOwner, CephGateway, hasCeph, type ListedVersion, ownerVariables } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Outcome, has, holdfast, restic, succeed } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
const DAY_MS = 86_400_000;
const LOCKS = ["-o", "s3.retention-mode=compliance", "-o", "s3.retention-days=2"];
const env = ownerVariables(folder);

interface Status {
  readonly ok: boolean;
  readonly late: boolean;
  readonly alarms: readonly { readonly code: string }[];
  readonly files: number;
  readonly unlocked: number;
  readonly earliest_end: string | null;
  readonly last_run: { readonly files: number; readonly extended: number } | null;
}

describe.skipIf(!hasCeph())("the locks of a repository", { timeout: 180_000 }, () => {
  let gateway: CephGateway;
  let owner: BucketOwner;

  beforeAll(async () => {
    gateway = await CephGateway.start();
    owner = new BucketOwner(gateway.url);
    mkdirSync(source, { recursive: true });
  }, 120_000);
  afterAll(async () => {
    owner.close();
    await gateway.stop();
  });

  const at = (bucket: string): string => `s3:${gateway.url}/${bucket}/repository`;
  const ours = (bucket: string, args: readonly string[]): Outcome => holdfast(at(bucket), args, { env, cwd: folder });

  async function newRepository(): Promise<string> {
    const bucket = await owner.makeBucket({ locked: true });
    succeed(ours(bucket, ["init", ...LOCKS]));
    return bucket;
  }

  function backUp(bucket: string, seed: string, options: readonly string[] = LOCKS): Outcome {
    // Random, so that each has a pack of its own.
    writeFileSync(join(source, "file"), Buffer.from(`${seed} ${crypto.randomUUID()}`.repeat(5000)));
    return ours(bucket, ["backup", "source", ...options]);
  }

  function status(bucket: string, ...more: string[]): { status: number | null; said: Status } {
    const outcome = ours(bucket, ["object-lock", "status", "--json", ...more]);
    const summary = outcome.stdout.trim().split("\n").at(-1) ?? "";
    return { status: outcome.status, said: JSON.parse(summary) as Status };
  }

  const packsOf = async (bucket: string): Promise<ListedVersion[]> => owner.versions(bucket, "repository/data/");

  test("are extended for all that snapshots need and nothing else, and cannot be lifted with Holdfast's own keys", async () => {
    const bucket = await newRepository();
    succeed(backUp(bucket, "first"));
    const ofFirst = await packsOf(bucket);
    succeed(backUp(bucket, "second"));
    succeed(ours(bucket, ["forget", "--keep-last", "1", "--keep-at-least", "0", "--min-age", "0", ...LOCKS]));
    const dry = succeed(ours(bucket, ["object-lock", "extend", "--for", "30d", "--grace", "0", "--dry-run", ...LOCKS]));
    expect(dry).toContain("would extend");
    const [first] = ofFirst as [ListedVersion];
    expect(await owner.lockedUntil(bucket, first)).toBeLessThan(Date.now() + 3 * DAY_MS);

    const run = succeed(ours(bucket, ["object-lock", "extend", "--for", "30d", "--grace", "0", "--json", ...LOCKS]));
    const summary = JSON.parse(run.trim().split("\n").at(-1) ?? "") as {
      files: number;
      extended: number;
      failed: number;
    };
    expect(summary).toMatchObject({ extended: summary.files, failed: 0 });
    const needed = (await packsOf(bucket)).filter(({ key }) => !ofFirst.some((pack) => pack.key === key));
    const metadata = ["config", "keys/", "index/", "snapshots/"];
    const lists = await Promise.all(metadata.map((name) => owner.versions(bucket, `repository/${name}`)));
    const kept = [...needed, ...lists.flat()].filter(({ isMark, isLatest }) => !isMark && isLatest);
    expect(kept.length).toBeGreaterThanOrEqual(6);
    for (const version of kept) {
      expect(await owner.lockedUntil(bucket, version)).toBeGreaterThan(Date.now() + 29 * DAY_MS);
      expect(await owner.delete(bucket, version.key, version.versionId)).toBe("AccessDenied");
    }
    for (const pack of ofFirst) expect(await owner.lockedUntil(bucket, pack)).toBeLessThan(Date.now() + 3 * DAY_MS);

    // Run again, it passes over what it has extended.
    succeed(backUp(bucket, "third"));
    const again = succeed(ours(bucket, ["object-lock", "extend", "--for", "30d", "--grace", "0", ...LOCKS]));
    expect(again).toMatch(new RegExp(`, ${summary.files} had long enough to go`));
    for (const version of kept) {
      expect(await owner.lockedUntil(bucket, version)).toBeLessThan(Date.now() + 30 * DAY_MS);
    }
  });

  test("are known on any machine: the job is late, in time, and late again, and backup and check say so", async () => {
    const bucket = await newRepository();
    expect(succeed(backUp(bucket, "one"))).toBeDefined();
    // Locks of two days need the job at once.
    expect(status(bucket)).toMatchObject({ status: 3, said: { ok: false, late: true, last_run: null } });
    succeed(ours(bucket, ["object-lock", "extend", "--for", "30d", ...LOCKS]));
    const { status: code, said } = status(bucket);
    expect({ code, ...said }).toMatchObject({ code: 0, ok: true, late: false, unlocked: 0, alarms: [] });
    expect(Date.parse(said.earliest_end ?? "")).toBeGreaterThan(Date.now() + 29 * DAY_MS);
    expect(backUp(bucket, "two").stderr).not.toContain("late");
    expect(status(bucket, "--quick", "--late-after", "1ms")).toMatchObject({ status: 3, said: { late: true } });

    succeed(ours(bucket, ["object-lock", "extend", "--for", "30d", "--every", "1s", ...LOCKS]));
    await sleep(2500);
    const late = ours(bucket, ["object-lock", "status", "--quick"]);
    expect(late.status).toBe(3);
    expect(late.stderr).toContain("the job that extends locks is late");
    const words = "warning: the job that extends locks is late";
    const saved = backUp(bucket, "three");
    expect([saved.status, saved.stderr]).toEqual([0, expect.stringContaining(words)]);
    const checked = ours(bucket, ["check"]);
    expect([checked.status, checked.stderr]).toEqual([0, expect.stringContaining(words)]);
  });

  test("that are missing are an alarm, and are set by the job", async () => {
    const bucket = await newRepository();
    succeed(ours(bucket, ["object-lock", "extend", "--for", "30d", ...LOCKS]));
    succeed(backUp(bucket, "without locks", []));
    const before = status(bucket);
    expect(before).toMatchObject({ status: 3, said: { late: false } });
    expect(before.said.alarms.map(({ code }) => code)).toEqual(["unlocked"]);
    expect(before.said.unlocked).toBeGreaterThanOrEqual(3);
    succeed(ours(bucket, ["object-lock", "extend", "--for", "30d", ...LOCKS]));
    expect(status(bucket)).toMatchObject({ status: 0, said: { unlocked: 0 } });
  });

  test("of a pack that somebody hid are an alarm that says how to get at it", async () => {
    const bucket = await newRepository();
    succeed(backUp(bucket, "hidden"));
    const [pack] = (await packsOf(bucket)) as [ListedVersion];
    expect(await owner.delete(bucket, pack.key)).toBe("deleted");
    const outcome = ours(bucket, ["object-lock", "extend", "--for", "30d", ...LOCKS]);
    expect(outcome.status).toBe(3);
    expect(outcome.stderr).toContain(pack.key.slice(-64));
    expect(outcome.stdout).toContain("not locked");
    expect(ours(bucket, ["object-lock", "status"]).stderr).toContain("-o s3.as-of");
  });

  test("are refused where they make no sense, before anything is done", async () => {
    const bucket = await newRepository();
    const without = ours(bucket, ["object-lock", "extend", "--for", "30d"]);
    expect([without.status, without.stderr]).toEqual([1, expect.stringContaining("s3.retention-mode")]);
    const short = ours(bucket, ["object-lock", "extend", "--for", "3d", ...LOCKS]);
    expect([short.status, short.stderr]).toEqual([1, expect.stringContaining("too short")]);
    const century = ours(bucket, ["object-lock", "extend", "--for", "36500d", ...LOCKS]);
    expect([century.status, century.stderr]).toEqual([2, expect.stringContaining("3650d")]);
    const local = join(folder, "local");
    succeed(holdfast(local, ["init"]));
    const nowhere = holdfast(local, ["object-lock", "status"]);
    expect([nowhere.status, nowhere.stderr]).toEqual([1, expect.stringContaining("no locks against deletion")]);
  });

  test("let a prune hide what nobody needs, which says that no space is free", async () => {
    const bucket = await newRepository();
    succeed(backUp(bucket, "one"));
    succeed(backUp(bucket, "two"));
    succeed(ours(bucket, ["forget", "--keep-last", "1", "--keep-at-least", "0", "--min-age", "0", ...LOCKS]));
    const text = succeed(ours(bucket, ["prune", "--grace", "0", "--max-unused", "0", ...LOCKS]));
    expect(text).toMatch(/^hid \d+ packs?/m);
    expect(text).toContain("no space is free yet");
    succeed(ours(bucket, ["check", "--read-data"]));
  });

  test("let the past be read without --no-lock after all was deleted, and nothing be written there", async () => {
    const bucket = await newRepository();
    succeed(backUp(bucket, "one"));
    await sleep(1100);
    const then = ["-o", `s3.as-of=${new Date().toISOString()}`];
    await sleep(1100);
    const all = await owner.versions(bucket, "repository/");
    for (const { key } of all) await owner.delete(bucket, key);
    expect(ours(bucket, ["snapshots"]).status).toBe(10);
    const count = (await owner.versions(bucket, "repository/")).length;
    expect(succeed(ours(bucket, ["snapshots", ...then]))).toContain("1 snapshot");
    succeed(ours(bucket, ["check", "--read-data", ...then]));
    succeed(ours(bucket, ["restore", "latest", "--target", join(folder, "back"), ...then]));
    for (const command of [["backup", "source"], ["forget", "latest"], ["prune"], ["tag", "--add", "x", "latest"]]) {
      const outcome = ours(bucket, [...command, ...then]);
      expect([outcome.status, outcome.stderr]).toEqual([1, expect.stringContaining("nothing can be changed in it")]);
    }
    expect((await owner.versions(bucket, "repository/")).length).toBe(count);
  });

  test.skipIf(!has("restic"))("do not keep restic from using the repository", async () => {
    const bucket = await newRepository();
    succeed(backUp(bucket, "one"));
    succeed(ours(bucket, ["object-lock", "extend", "--for", "30d", ...LOCKS]));
    succeed(restic(at(bucket), ["check", "--read-data"], { env }));
  });
});
