/**
 * Attack 13 on a bucket with object lock: who has the keys of the machine that writes deletes and overwrites everything, and what was
 * there before is read, restored and copied into a new repository.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BucketIntruder, CephGateway, hasCeph, ownerVariables } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Outcome, differences, has, holdfast, succeed } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
const BUCKET = "locked";
const env = ownerVariables(folder);

describe.skipIf(!hasCeph() || !has("rsync"))("attack 13, on a bucket with object lock", { timeout: 180_000 }, () => {
  let gateway: CephGateway;
  let intruder: BucketIntruder;
  /** After the last good backup, and before the attack. */
  let good: string;

  beforeAll(async () => {
    gateway = await CephGateway.start();
    intruder = new BucketIntruder(gateway.url, BUCKET);
    await intruder.makeLockedBucket();
    mkdirSync(join(source, "folder"), { recursive: true });
    for (let n = 0; n < 30; n++) writeFileSync(join(source, "folder", `file ${n}`), `content ${n}\n`.repeat(2000));
    const retention = ["-o", "s3.retention-mode=compliance", "-o", "s3.retention-days=2"];
    succeed(ours([...retention, "init"]));
    succeed(ours([...retention, "backup", "source"]));
    await sleep(1100);
    good = new Date().toISOString();
    await sleep(1100);
  }, 120_000);
  afterAll(async () => {
    intruder.close();
    await gateway.stop();
  });

  function ours(args: readonly string[]): Outcome {
    return holdfast(`s3:${gateway.url}/${BUCKET}/repository`, args, { env, cwd: folder });
  }

  test("all is overwritten and deleted with the writer's own keys, and no version that was locked goes", async () => {
    const before = await intruder.keys();
    expect(before.length).toBeGreaterThan(4);
    await intruder.overwriteAndDelete(before);
    const stayed = await intruder.destroyVersions();
    // Locks of the repository are not locked, and neither is what tells whether the server keeps its word.
    const files = before.filter((key) => !key.includes("/locks/") && !key.endsWith("-probe"));
    expect(stayed).toEqual(expect.arrayContaining(files));
    expect(await intruder.keys()).toEqual([]);
    expect(ours(["snapshots"]).status).toBe(10);
  });

  test("as of the time before, it is read, checked and restored", async () => {
    const past = ["-o", `s3.as-of=${good}`, "--no-lock"];
    expect(succeed(ours([...past, "snapshots"]))).toContain("1 snapshot");
    succeed(ours([...past, "check", "--read-data"]));
    const target = join(folder, "restored");
    succeed(ours([...past, "restore", "latest", "--verify", "--target", target]));
    expect(differences(source, join(target, "source"))).toBe("");
  });

  test("and copied into a new repository, which is whole", async () => {
    const fresh = join(folder, "fresh");
    const from = {
      ...env,
      HOLDFAST_FROM_REPOSITORY: `s3:${gateway.url}/${BUCKET}/repository`,
      HOLDFAST_FROM_PASSWORD: "correct horse",
    };
    succeed(holdfast(fresh, ["init"], { env: from }));
    succeed(holdfast(fresh, ["copy", "-o", `s3.as-of=${good}`, "--no-lock"], { env: from, cwd: folder }));
    succeed(holdfast(fresh, ["check", "--read-data"], { env: from }));
    const target = join(folder, "restored from the copy");
    succeed(holdfast(fresh, ["restore", "latest", "--verify", "--target", target], { env: from, cwd: folder }));
    expect(execFileSync("diff", ["-r", source, join(target, "source")], { encoding: "utf8" })).toBe("");
  });
});
