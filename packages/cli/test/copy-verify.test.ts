/** `holdfast copy --verify` into a repository on a real server, and with a way to it that damages what it keeps. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningServer, type Ended, holdfast, startServer, temporaryFolder } from "./command-runner.ts";

const MIB = 1024 * 1024;
const folder = temporaryFolder();
const first = join(folder, "first");
const source = join(folder, "source");
const root = join(folder, "root");
const variables = {
  HOLDFAST_PASSWORD: "second",
  HOLDFAST_FROM_PASSWORD: "first",
  XDG_CACHE_HOME: join(folder, "cache"),
};

let server: RunningServer;
let isDamaging = false;
/** Packs that were asked for whole. */
const asked: string[] = [];

/** What a disk with bad memory would give back: the first byte of a pack is another than was stored. */
const proxy = createServer((request: IncomingMessage, response: ServerResponse) => {
  const { method, headers, url: path } = request;
  const pack = method === "GET" ? /\/data\/([0-9a-f]{64})$/.exec(path ?? "")?.[1] : undefined;
  if (pack !== undefined) asked.push(pack);
  const forwarded = send({ host: "127.0.0.1", port: new URL(server.url).port, method, headers, path }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    if (isDamaging && pack !== undefined) answer.once("data", (chunk: Buffer) => (chunk[0] = (chunk[0] ?? 0) ^ 1));
    answer.pipe(response);
  });
  forwarded.on("error", () => response.destroy());
  request.pipe(forwarded);
});

async function succeed(argv: readonly string[], more: Record<string, string> = {}): Promise<Ended> {
  const outcome = await holdfast(argv, { variables: { ...variables, ...more } });
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
}

const at = (name: string): string => `rest:http://127.0.0.1:${(proxy.address() as AddressInfo).port}/${name}/`;
const copy = (name: string, ...more: string[]): string[] => ["copy", "--from-repo", first, "-r", at(name), ...more];

beforeAll(async () => {
  mkdirSync(root);
  mkdirSync(source);
  for (let n = 0; n < 6; n++) writeFileSync(join(source, `f${n}`), randomBytes(4 * MIB));
  server = await startServer([root, "--anonymous", "maintenance"]);
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  await succeed(["init", "-q", "-r", first], { HOLDFAST_PASSWORD: "first" });
  await succeed(["backup", "-q", "-r", first, source], { HOLDFAST_PASSWORD: "first" });
}, 60_000);
afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  await server.stop();
});

describe("copy --verify", { timeout: 60_000 }, () => {
  test("reads back each pack that it has stored, with trees as well, and says how many", async () => {
    await succeed(["init", "-q", "-r", at("good")]);
    asked.length = 0;
    const { stdout } = await succeed(copy("good", "--verify", "--json"));
    const summary = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
    expect(summary).toMatchObject({
      message_type: "summary",
      snapshots_copied: 1,
      verified_packs: summary["new_packs"],
    });
    expect(summary["verified_bytes"]).toBeGreaterThan(24 * MIB);
    expect(new Set(asked).size).toBe(summary["new_packs"]);
    const again = await succeed(copy("good", "--verify"));
    expect(again.stdout).toContain("nothing to copy");
    await succeed(["init", "-q", "-r", at("told")]);
    expect((await succeed(copy("told", "--verify"))).stdout).toMatch(
      /read back \d+ new packs \(2\d\.\d MiB\): as they were stored/,
    );
    await succeed(["init", "-q", "-r", at("unasked")]);
    asked.length = 0;
    await succeed(copy("unasked"));
    expect(asked).toEqual([]);
  });

  test("ends with 20 and the name of a pack that comes back damaged, and writes no snapshot that needs it", async () => {
    await succeed(["init", "-q", "-r", at("bad")]);
    isDamaging = true;
    for (const json of [[], ["--json"]]) {
      const { code, stderr } = await holdfast(copy("bad", "--verify", ...json), { variables });
      expect(code, stderr).toBe(20);
      const pack = /pack ([0-9a-f]{64}) was stored and cannot be read back/.exec(stderr)?.[1] ?? "";
      expect(existsSync(join(root, "bad", "data", pack.slice(0, 2), pack)), stderr).toBe(true);
      if (json.length === 0) expect(stderr).toMatch(/^hint: The place does not keep what it is given/m);
      else expect(stderr).toContain('"error_code":"ENGINE_NOT_AS_STORED"');
      expect(JSON.parse((await succeed(["snapshots", "-r", at("bad"), "--json"])).stdout)).toEqual([]);
    }
    isDamaging = false;
    await succeed(copy("bad", "--verify"));
    await succeed(["check", "--read-data", "-q", "-r", at("bad")]);
  });
});
