/** The command line on a bucket: every step of a repository's life, and restic on the same repository both ways. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CephGateway, hasCeph, ownerVariables } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Outcome, differences, has, holdfast, restic, succeed } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
const env = ownerVariables(folder);

describe.skipIf(!hasCeph() || !has("restic") || !has("rsync"))("a repository in a bucket", { timeout: 180_000 }, () => {
  let gateway: CephGateway;

  beforeAll(async () => {
    gateway = await CephGateway.start();
    mkdirSync(join(source, "folder"), { recursive: true });
    for (let i = 0; i < 30; i++) writeFileSync(join(source, "folder", `file ${i}`), `content ${i}\n`.repeat(2000));
    makeBucket("shared");
  }, 120_000);
  afterAll(() => gateway.stop());

  /** restic makes the bucket of a repository, which is the simplest way to have one. */
  function makeBucket(name: string): void {
    succeed(restic(`s3:${gateway.url}/${name}/made-by-restic`, ["init"], { env }));
  }

  function ours(bucket: string, args: readonly string[]): Outcome {
    return holdfast(`s3:${gateway.url}/${bucket}/repository`, args, { env, cwd: folder });
  }

  function theirs(bucket: string, args: readonly string[]): Outcome {
    return restic(`s3:${gateway.url}/${bucket}/repository`, args, { env, cwd: folder });
  }

  test("that Holdfast made is used by restic, and the other way round", () => {
    succeed(ours("shared", ["init"]));
    succeed(ours("shared", ["backup", "source"]));
    succeed(theirs("shared", ["check", "--read-data"]));
    writeFileSync(join(source, "folder", "new"), "by restic");
    succeed(theirs("shared", ["backup", "source"]));
    succeed(ours("shared", ["check", "--read-data"]));
    succeed(ours("shared", ["restore", "latest", "--verify", "--target", join(folder, "ours")]));
    succeed(theirs("shared", ["restore", "latest", "--target", join(folder, "theirs")]));
    expect(differences(source, join(folder, "ours", "source"))).toBe("");
    expect(differences(source, join(folder, "theirs", "source"))).toBe("");
    expect(succeed(ours("shared", ["snapshots"]))).toContain("2 snapshots");
  });

  test("forgets, frees space and passes every check", () => {
    succeed(ours("shared", ["forget", "--keep-last", "1", "--prune"]));
    succeed(ours("shared", ["check", "--read-data"]));
    succeed(theirs("shared", ["check", "--read-data"]));
  });

  test("is not there in a bucket that is not there, and makes none", () => {
    const outcome = ours("nowhere", ["init"]);
    expect(outcome.status).not.toBe(0);
    expect(outcome.stderr).toContain("the bucket nowhere does not exist");
  });

  test("with a wrong key ends at once", () => {
    const wrong = { ...env, AWS_SECRET_ACCESS_KEY: "guessed" };
    const started = performance.now();
    const outcome = holdfast(`s3:${gateway.url}/shared/repository`, ["snapshots"], { env: wrong });
    expect(outcome.stderr).toContain("the credentials were refused");
    expect(outcome.stderr).not.toContain("guessed");
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
