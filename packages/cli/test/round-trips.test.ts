/**
 * How many questions of a command wait for each other: so many times it waits for a slow link. A question that is added to a round
 * costs nothing there, one that makes a round costs everybody a round trip.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BucketOwner, CephGateway, OWNER, RoundProxy, hasCeph } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningServer, holdfast, startServer, temporaryFolder } from "./command-runner.ts";

const source = temporaryFolder();
const root = temporaryFolder();
for (let n = 0; n < 20; n++) {
  mkdirSync(join(source, `d${n % 4}`), { recursive: true });
  writeFileSync(join(source, `d${n % 4}`, `f${n}`), `file ${n}`);
}

/** Runs a command, without a cache, and tells what was asked in each round. */
async function roundsOf(
  argv: readonly string[],
  { proxy, variables }: { proxy: RoundProxy; variables: Readonly<Record<string, string>> },
): Promise<string[][]> {
  proxy.reset();
  const { code, stderr } = await holdfast(["--no-cache", ...argv], { variables });
  expect(code, stderr).toBe(0);
  return proxy.reset();
}

describe("over restic's REST protocol", () => {
  let server: RunningServer;
  let proxy: RoundProxy;
  const rounds = (name: string, argv: readonly string[], more: Record<string, string> = {}): Promise<string[][]> => {
    const variables = {
      HOLDFAST_REPOSITORY: `rest:http://127.0.0.1:${proxy.port}/${name}/`,
      HOLDFAST_PASSWORD: "correct horse",
      ...more,
    };
    return roundsOf(argv, { proxy, variables });
  };

  beforeAll(async () => {
    server = await startServer([root, "--anonymous", "admin"]);
    proxy = await RoundProxy.start(Number(new URL(server.url).port));
    await rounds("used", ["init", "-q"]);
    await rounds("used", ["backup", "-q", source]);
  });

  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });

  test("a first backup waits nine times: for the connection, a key, the lock, and what it writes", async () => {
    await rounds("new", ["init", "-q"]);
    expect(await rounds("new", ["backup", "-q", source])).toEqual([
      ["connect", "connect", "connect", "connect", "connect"],
      ["GET config", "GET index", "GET keys", "GET keys", "GET snapshots"],
      // Beside these the key is derived, which takes longer; files are read from then on.
      ["GET data", "GET locks"],
      ["POST locks"],
      ["GET locks"],
      ["POST data", "POST data"],
      ["POST index"],
      ["POST snapshots"],
      ["DELETE locks"],
    ]);
  });

  test("a list of snapshots, and one of a snapshot's files", async () => {
    const opened = [
      ["connect", "connect", "connect"],
      ["GET config", "GET keys", "GET keys"],
      ["GET locks"],
      ["POST locks"],
      ["GET locks"],
    ];
    const listed = await rounds("used", ["snapshots"]);
    expect(listed.slice(0, 6)).toEqual([...opened, ["GET snapshots"]]);
    expect(listed.length, JSON.stringify(listed)).toBeLessThanOrEqual(9);
    const files = await rounds("used", ["ls", "latest"]);
    expect(files[5]).toEqual(["GET index", "GET snapshots"]);
    expect(files.length, JSON.stringify(files)).toBeLessThanOrEqual(9);
  });

  test("a restore", async () => {
    const restored = await rounds("used", ["restore", "-q", "latest", "-t", temporaryFolder()]);
    expect(restored.flat()).not.toContain("HEAD config");
    expect(restored.length, JSON.stringify(restored)).toBeLessThanOrEqual(11);
  });

  test("on a machine that does not know the key, it is found beside the first questions", async () => {
    await rounds("foreign", ["init", "-q"]);
    const elsewhere = { XDG_STATE_HOME: temporaryFolder() };
    const asked = await rounds("foreign", ["backup", "-q", source], elsewhere);
    expect(asked.slice(0, 3)).toEqual([
      ["connect", "connect", "connect", "connect"],
      ["GET config", "GET index", "GET keys", "GET snapshots"],
      ["GET data", "GET keys", "GET locks"],
    ]);
    expect(asked).toHaveLength(9);
  });

  test("a second one waits also for what is there", async () => {
    writeFileSync(join(source, "d1", "changed"), String(Date.now()));
    expect(await rounds("used", ["backup", "-q", source])).toEqual([
      ["connect", "connect", "connect", "connect", "connect"],
      ["GET config", "GET index", "GET keys", "GET keys", "GET snapshots"],
      ["GET locks"],
      ["POST locks"],
      ["GET locks"],
      ["GET data", "GET index", "GET snapshots"],
      ["GET index", "GET snapshots"],
      // The trees of the folders above the source, then those that its threads compare with.
      ["GET data"],
      ["GET data"],
      ["POST data", "POST data"],
      ["POST index"],
      ["POST snapshots"],
      ["DELETE locks"],
    ]);
  });
});

describe.skipIf(!hasCeph())("over S3", () => {
  let gateway: CephGateway;
  let proxy: RoundProxy;

  beforeAll(async () => {
    gateway = await CephGateway.start();
    proxy = await RoundProxy.start(gateway.port);
  });

  afterAll(async () => {
    await proxy.close();
    await gateway.stop();
  });

  test("a first backup waits no more often", async () => {
    const owner = new BucketOwner(gateway.url);
    const bucket = await owner.makeBucket();
    owner.close();
    const variables = {
      HOLDFAST_REPOSITORY: `s3:http://127.0.0.1:${proxy.port}/${bucket}/place`,
      HOLDFAST_PASSWORD: "correct horse",
      AWS_ACCESS_KEY_ID: OWNER.accessKeyId,
      AWS_SECRET_ACCESS_KEY: OWNER.secretAccessKey,
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_EC2_METADATA_DISABLED: "true",
    };
    await roundsOf(["init", "-q"], { proxy, variables });
    const rounds = await roundsOf(["backup", "-q", source], { proxy, variables });
    expect(rounds.length, JSON.stringify(rounds)).toBeLessThanOrEqual(9);
  });
});
