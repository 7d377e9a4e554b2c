/** What is wrong with a bucket, its keys, its quota or the options for it: a clear error at once, and nothing is lost. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { BucketOwner, CephGateway, OTHER, OWNER, TestAuthority, hasCeph } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BadInput, expectRefused, expectWhole, succeed } from "./bad-input.ts";
import { temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const MIB = 1024 * 1024;
const secrets = [OWNER.secretAccessKey, OTHER.secretAccessKey];
const GUESSED = "s3cr3t-login";

function keys(accessKeyId = OWNER.accessKeyId, secretAccessKey = OWNER.secretAccessKey): Record<string, string> {
  return {
    HOME: folder,
    XDG_CACHE_HOME: join(folder, "cache"),
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
}

/** Nobody is asked for a role of a machine, which takes seconds where there is none. */
const NO_KEYS = { HOME: folder, AWS_EC2_METADATA_DISABLED: "true" };

type Row = readonly [
  name: string,
  given: { variables?: Record<string, string>; bucket?: string; options?: readonly string[] },
  expected: Pick<BadInput, "error" | "says" | "hint">,
];

const REFUSED = { error: "STORAGE_CREDENTIALS_REFUSED", says: /refused/, hint: /user name, key or token/ };
const OPTION = { error: "STORAGE_INVALID_OPTION", hint: /leave the option out/ };

const ROWS: readonly Row[] = [
  [
    "no keys",
    { variables: NO_KEYS },
    { error: "STORAGE_NO_CREDENTIALS", says: /access key is not known/, hint: /AWS_ACCESS_KEY_ID/ },
  ],
  [
    "half a key",
    { variables: { HOME: folder, AWS_ACCESS_KEY_ID: OWNER.accessKeyId } },
    { error: "STORAGE_NO_CREDENTIALS", says: /one half of the key/, hint: /AWS_SECRET_ACCESS_KEY/ },
  ],
  ["an unknown access key", { variables: keys("NOBODY", GUESSED) }, REFUSED],
  ["a wrong secret", { variables: keys(OWNER.accessKeyId, GUESSED) }, REFUSED],
  [
    "a bucket that does not exist",
    { bucket: "no-such-bucket" },
    { error: "STORAGE_NO_PLACE", says: /the bucket no-such-bucket does not exist/, hint: /make it first/ },
  ],
  [
    "a bucket of somebody else",
    { variables: keys(OTHER.accessKeyId, OTHER.secretAccessKey) },
    { error: "STORAGE_PERMISSION", says: /no permission/, hint: /keys|permissions/ },
  ],
  ["a region that is none", { options: ["s3.region=here, please"] }, { ...OPTION, says: /s3\.region .*eu-central-1/ }],
  [
    "a retention without days",
    { options: ["s3.retention-mode=governance"] },
    { ...OPTION, says: /s3\.retention-days .*number of days/ },
  ],
  [
    "a retention of another kind",
    { options: ["s3.retention-mode=eternal", "s3.retention-days=3"] },
    { ...OPTION, says: /s3\.retention-mode .*governance or compliance/ },
  ],
  [
    "a retention of minus one day",
    { options: ["s3.retention-mode=governance", "s3.retention-days=-1"] },
    { ...OPTION, says: /s3\.retention-days .*whole number/ },
  ],
  ["a time without its zone", { options: ["s3.as-of=2026-11-01"] }, { ...OPTION, says: /s3\.as-of .*zone/ }],
  [
    "an option that is none",
    { options: ["s3.regoin=eu-central-1"] },
    { error: "STORAGE_UNKNOWN_OPTION", says: /no option s3\.regoin/, hint: /s3\.region,/ },
  ],
];

describe.skipIf(!hasCeph())("a repository in a bucket of Ceph's gateway", { timeout: 120_000 }, () => {
  let gateway: CephGateway;
  let owner: BucketOwner;
  let bucket: string;
  const at = (name = bucket): string => `s3:${gateway.url}/${name}/repository`;

  beforeAll(async () => {
    gateway = await CephGateway.start();
    owner = new BucketOwner(gateway.url);
    bucket = await owner.makeBucket();
    const small = join(folder, "small");
    writeFileSync(small, randomBytes(1000));
    await succeed(["init", "-q", "-r", at()], keys());
    await succeed(["backup", "-q", "-r", at(), small], keys());
  }, 120_000);
  afterAll(async () => {
    owner.close();
    await gateway.stop();
  });

  test.for(ROWS)("with %s is told as such", async ([, given, expected]) => {
    const { variables = keys(), options = [] } = given;
    const argv = ["snapshots", "-r", at(given.bucket), ...options.flatMap((option) => ["-o", option])];
    await expectRefused({ argv, variables, exit: 1, secrets, ...expected });
    await succeed(["snapshots", "-q", "-r", at()], keys());
  });

  test("whose bucket keeps no locks is not made where retention is asked for", async () => {
    const elsewhere = `s3:${gateway.url}/${bucket}/locked`;
    const retention = ["-o", "s3.retention-mode=governance", "-o", "s3.retention-days=1"];
    const argv = ["init", "-r", elsewhere, ...retention];
    const none = { error: "STORAGE_NO_RETENTION", says: /not protected/, hint: /object lock/ };
    await expectRefused({ argv, variables: keys(), exit: 1, secrets, ...none });
  });

  test("that nobody serves ends with 1 at once where no patience was asked for", async () => {
    const argv = ["snapshots", "-r", "s3:http://127.0.0.1:1/bucket/x", "--retry-for", "0"];
    const nobody = { error: "STORAGE_UNAVAILABLE", says: /nothing listens there/, hint: /--retry-for/ };
    await expectRefused({ argv, variables: keys(), exit: 1, secrets, ...nobody });
  });

  test("whose user has used up the quota says so, and what was stored before is whole", async () => {
    const other = new BucketOwner(gateway.url, OTHER);
    const place = ["-r", at(await other.makeBucket())];
    other.close();
    const variables = keys(OTHER.accessKeyId, OTHER.secretAccessKey);
    const [small, large] = [join(folder, "fits"), join(folder, "does not fit")];
    writeFileSync(small, randomBytes(100_000));
    writeFileSync(large, randomBytes(40 * MIB));
    await succeed(["init", "-q", ...place], variables);
    await succeed(["backup", "-q", ...place, small], variables);
    const ofUser = ["--quota-scope=user", `--uid=${OTHER.name}`];
    await gateway.admin("quota", "set", ...ofUser, `--max-size=${4 * MIB}`);
    await gateway.admin("quota", "enable", ...ofUser);
    const full = { error: "STORAGE_FULL", says: /no space left/, hint: /Free space/ };
    await expectRefused({ argv: ["backup", ...place, large], variables, exit: 1, secrets, ...full });
    await expectWhole(place, variables);
  });

  test("is whole after all of that", async () => {
    await expectWhole(["-r", at()], keys());
  });
});

test("a bucket behind a certificate that has expired is not talked to", async () => {
  const authority = new TestAuthority();
  const { cert, key } = authority.sign("expired", "IP:127.0.0.1", -1);
  // The handshake ends before anything is asked, so what would answer does not matter.
  const asked: string[] = [];
  const server: Server = createServer({ cert, key }, (request) => void asked.push(request.url ?? ""));
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const argv = ["snapshots", "-r", `s3:https://127.0.0.1:${port}/bucket/x`, "--cacert", authority.file];
    const expired = { error: "STORAGE_UNTRUSTED", says: /has expired/, hint: /Renew the certificate/ };
    await expectRefused({ argv, variables: keys(), exit: 1, secrets, ...expired });
    expect(asked).toEqual([]);
  } finally {
    server.close();
    rmSync(authority.folder, { recursive: true, force: true });
  }
});
