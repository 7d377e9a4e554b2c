/**
 * Commands on a repository whose data lies in a cold class. The class is SIMULATED by a proxy before Ceph's gateway, which reads
 * every class at once: no server with cold ones runs here.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { BucketOwner, CephGateway, ColdProxy, OWNER, hasCeph } from "@holdfast/storage/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Outcome, differences, has, holdfastCommand, start, type Running } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
const COLD = ["-o", "s3.storage-class=GLACIER"];
const WARM = [...COLD, "-o", "s3.enable-restore=true"];

describe.skipIf(!hasCeph() || !has("rsync"))("data in a cold class (simulated)", { timeout: 180_000 }, () => {
  let gateway: CephGateway;
  let owner: BucketOwner;
  let proxy: ColdProxy;
  let bucket: string;

  beforeAll(async () => {
    gateway = await CephGateway.start({ storageClasses: ["GLACIER"] });
    proxy = await ColdProxy.start(gateway.port, { delayMs: 2000 });
    owner = new BucketOwner(gateway.url);
    bucket = await owner.makeBucket();
    mkdirSync(join(source, "a"), { recursive: true });
    mkdirSync(join(source, "b"), { recursive: true });
    await succeeds(["init"]);
    // A pack each.
    for (const name of ["a", "b"]) {
      for (let i = 0; i < 3; i++) writeFileSync(join(source, name, `${i}`), randomBytes(300_000));
      await succeeds(["backup", "source", ...COLD]);
    }
  }, 120_000);
  afterEach(() => proxy.forget());
  afterAll(async () => {
    owner.close();
    await proxy.close();
    await gateway.stop();
  });

  function begin(args: readonly string[], where = bucket): Running {
    const [program, words] = holdfastCommand(`s3:${proxy.url}/${where}/repository`, args);
    return start(program, words, {
      cwd: folder,
      env: {
        AWS_ACCESS_KEY_ID: OWNER.accessKeyId,
        AWS_SECRET_ACCESS_KEY: OWNER.secretAccessKey,
        AWS_DEFAULT_REGION: "us-east-1",
        AWS_EC2_METADATA_DISABLED: "true",
        HOME: folder,
      },
    });
  }

  const ours = (args: readonly string[], where = bucket): Promise<Outcome> => begin(args, where).outcome;

  async function succeeds(args: readonly string[], where = bucket): Promise<Outcome> {
    const outcome = await ours(args, where);
    expect([outcome.status, outcome.stderr]).toEqual([0, expect.any(String)]);
    return outcome;
  }

  test("keeps no command from working that needs no data", async () => {
    await succeeds(["check"]);
    await succeeds(["ls", "latest"]);
    await succeeds(["find", "0"]);
    expect(proxy.refused).toBe(0);
  });

  test("is no damage, and a restore without the option says what to do", async () => {
    for (const command of [
      ["restore", "latest", "--target", join(folder, "no")],
      ["check", "--read-data"],
    ]) {
      const outcome = await ours(command);
      expect(outcome.status).toBe(1);
      expect(outcome.stderr).toContain("cold storage class (GLACIER)");
      expect(outcome.stderr).toContain("-o s3.enable-restore=true");
    }
    expect(proxy.asked).toEqual([]);
  });

  test("is asked for all at once and waited for, and a run that was ended is run again", async () => {
    proxy.delayMs = 6000;
    const target = join(folder, "target");
    const first = begin(["restore", "latest", "--target", target, ...WARM]);
    while (proxy.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    first.child.kill("SIGINT");
    expect((await first.outcome).status).toBe(130);
    const { stderr, stdout } = await succeeds(["restore", "latest", "--target", target, "--verify", ...WARM]);
    expect(stderr + stdout).toContain("brings back from a cold class");
    expect(proxy.asked.length).toBe(2);
    expect(differences(source, join(target, "source"))).toBe("");
    proxy.delayMs = 2000;
  });

  test("is asked for only as far as a restore takes it", async () => {
    await succeeds(["restore", "latest", "--include", "/source/a", "--target", join(folder, "part"), ...WARM]);
    expect(proxy.asked.length).toBe(1);
    expect(differences(join(source, "a"), join(folder, "part", "source", "a"))).toBe("");
  });

  test("is read by check", async () => {
    await succeeds(["check", "--read-data", ...WARM]);
    expect(proxy.asked.length).toBe(2);
  });

  test("is read by prune, as far as something moves", async () => {
    // A repository of its own: what was proven before is not forgotten.
    const other = await owner.makeBucket();
    await succeeds(["init"], other);
    await succeeds(["backup", "source", ...COLD], other);
    writeFileSync(join(source, "b", "0"), randomBytes(300_000));
    await succeeds(["backup", "source", ...COLD], other);
    await succeeds(["forget", "--keep-last", "1", "--keep-at-least", "0", "--min-age", "0"], other);
    await succeeds(["prune", "--grace", "0", "--max-unused", "0", ...WARM], other);
    expect(proxy.asked.length).toBe(1);
    await succeeds(["check", "--read-data", ...WARM], other);
  });
});
