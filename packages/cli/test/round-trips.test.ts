/** How many questions of a command wait for each other: that many times a slow link is waited for. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RoundProxy } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningServer, holdfast, startServer, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const source = join(folder, "source");
let server: RunningServer;
let proxy: RoundProxy;

const variables = (): Record<string, string> => ({
  HOLDFAST_REPOSITORY: `rest:http://127.0.0.1:${proxy.port}/place/`,
  HOLDFAST_PASSWORD: "correct horse",
  XDG_STATE_HOME: join(folder, "state"),
});

/** Runs a command, without a cache, and tells what was asked in each round. */
async function roundsOf(argv: readonly string[]): Promise<string[][]> {
  proxy.reset();
  const { code, stderr } = await holdfast(["--no-cache", ...argv], { variables: variables() });
  expect(code, stderr).toBe(0);
  return proxy.reset();
}

beforeAll(async () => {
  const root = join(folder, "root");
  mkdirSync(root);
  for (let n = 0; n < 20; n++) {
    mkdirSync(join(source, `d${n % 4}`), { recursive: true });
    writeFileSync(join(source, `d${n % 4}`, `f${n}`), `file ${n}`);
  }
  server = await startServer([root, "--anonymous", "admin"]);
  proxy = await RoundProxy.start(Number(new URL(server.url).port));
  await roundsOf(["init", "-q"]);
});

afterAll(async () => {
  await proxy.close();
  await server.stop();
});

describe("questions that wait for each other", () => {
  test("a first backup", async () => {
    console.log(await roundsOf(["backup", "-q", source]));
    console.log(await roundsOf(["backup", "-q", source]));
    console.log(await roundsOf(["snapshots"]));
    console.log(await roundsOf(["restore", "latest", "-t", join(folder, "t")]));
  });
});
