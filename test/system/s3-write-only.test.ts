/** A machine whose keys may add to a bucket and not read data nor delete: the policy that docs/guides/places/s3.md prints. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BucketOwner, CephGateway, type GatewayUser, OTHER, OWNER, hasCeph } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Outcome, PASSWORD, holdfastCommand, run, succeed } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
const guide = new URL("../../docs/guides/places/s3.md", import.meta.url);

/** The statements of the guide's first policy, for this bucket and the folder `repository` in it. */
function policyOfGuide(bucket: string): object[] {
  const text = /```json\n(\{\s*"Version"[\s\S]*?)```/.exec(readFileSync(guide, "utf8"))?.[1] ?? "";
  const here = text.replaceAll("my-bucket/backup", `${bucket}/repository`).replaceAll("my-bucket", bucket);
  const { Statement } = JSON.parse(
    here.replaceAll(/arn:aws:iam::\d+:user\/\w+/g, `arn:aws:iam:::user/${OTHER.name}`),
  ) as {
    Statement: object[];
  };
  return Statement;
}

describe.skipIf(!hasCeph())("keys that may only write", { timeout: 120_000 }, () => {
  let gateway: CephGateway;
  let owner: BucketOwner;
  let bucket: string;

  beforeAll(async () => {
    gateway = await CephGateway.start();
    owner = new BucketOwner(gateway.url);
    bucket = await owner.makeBucket();
    mkdirSync(join(source, "folder"), { recursive: true });
    for (let i = 0; i < 5; i++) writeFileSync(join(source, "folder", `${i}`), `content ${i}\n`.repeat(500));
    succeed(as(OWNER, ["init"]));
    // Users of Ceph are accounts of their own, to whom belongs what they store: the owner of the bucket has to be let in.
    const Principal = { AWS: [`arn:aws:iam:::user/${OWNER.name}`] };
    const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
    const ownerMay = { Effect: "Allow", Principal, Action: "s3:*", Resource };
    await owner.setPolicy(bucket, [...policyOfGuide(bucket), ownerMay]);
  }, 120_000);
  afterAll(async () => {
    owner.close();
    await gateway.stop();
  });

  function as(user: GatewayUser, args: readonly string[], cache?: string): Outcome {
    const [program, [entry = "", ...first]] = holdfastCommand(`s3:${gateway.url}/${bucket}/repository`, args);
    const words =
      cache === undefined ? first : ["--cache-dir", cache, ...first.filter((word) => word !== "--no-cache")];
    return run(program, [entry, ...words], {
      cwd: folder,
      env: {
        AWS_ACCESS_KEY_ID: user.accessKeyId,
        AWS_SECRET_ACCESS_KEY: user.secretAccessKey,
        AWS_DEFAULT_REGION: "us-east-1",
        AWS_EC2_METADATA_DISABLED: "true",
        HOME: folder,
        HOLDFAST_PASSWORD: PASSWORD,
      },
    });
  }

  test("back up, with a cache by what changed, and without one by reading every file", () => {
    const cache = join(folder, "cache");
    const first = as(OTHER, ["backup", "source"], cache);
    expect([first.status, first.stderr]).toEqual([0, expect.not.stringContaining("error")]);
    writeFileSync(join(source, "folder", "new"), "one more");
    const second = succeed(as(OTHER, ["backup", "source", "--json"], cache));
    const summary = (text: string): unknown => JSON.parse(text.trim().split("\n").at(-1) ?? "");
    expect(summary(second)).toMatchObject({ files_new: 1, files_unmodified: 5 });
    writeFileSync(join(source, "folder", "another"), "and one more");
    const third = succeed(as(OTHER, ["backup", "source", "--json"]));
    expect(summary(third)).toMatchObject({ total_files_processed: 7 });
    succeed(as(OWNER, ["check", "--read-data"]));
    expect(succeed(as(OWNER, ["snapshots"]))).toContain("3 snapshots");
    succeed(as(OWNER, ["restore", "latest", "--verify", "--target", join(folder, "back")]));
  });

  test("read no data, delete nothing, and are told so", async () => {
    const before = (await owner.versions(bucket, "repository/")).length;
    const restored = as(OTHER, ["restore", "latest", "--target", join(folder, "stolen")]);
    expect([restored.status, restored.stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining("no permission for data/"),
    ]);
    expect(restored.status).not.toBe(0);
    for (const command of [
      ["forget", "latest", "--keep-at-least", "0", "--min-age", "0"],
      ["prune"],
      ["key", "list"],
    ]) {
      const outcome = as(OTHER, command);
      if (command[0] === "key") expect(outcome.status).toBe(0);
      else expect([outcome.status, outcome.stderr]).toEqual([1, expect.stringContaining("no permission")]);
    }
    expect((await owner.versions(bucket, "repository/data/")).length).toBeGreaterThan(0);
    expect((await owner.versions(bucket, "repository/")).length).toBeGreaterThanOrEqual(before);
    succeed(as(OWNER, ["check", "--read-data"]));
    expect(succeed(as(OWNER, ["snapshots"]))).toContain("3 snapshots");
  });
});
