/** The kind `redis`, with a real server that another process writes to. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redisKind } from "../../src/redis/redis-kind.ts";
import { SourceLab, sourceConformance } from "../../src/testing/index.ts";
import { PASSWORD, SUM, SUM_SCRIPT, TestRedis } from "./redis-server.ts";

const never = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {} };
const identity = { kind: "redis", name: "cache" };
const hasRedis = (process.env["PATH"] ?? "").split(delimiter).some((each) => existsSync(join(each, "redis-server")));
const SUM_QUERY = { command: ["EVAL", SUM_SCRIPT, "0"], expect: SUM };

describe.skipIf(!hasRedis)("with a server", () => {
  sourceConformance(redisKind, async ({ folder, lab }) => {
    lab.secrets.set("PASSWORD", PASSWORD).set("WRONG", "wrong");
    const server = new TestRedis(folder);
    await server.start();
    server.fill();
    server.startWriter();
    const restored = new TestRedis(join(folder, "new"));
    return {
      settings: {
        socket: server.socket,
        password: { env: "PASSWORD" },
        queries: [SUM_QUERY, { command: ["HGET", "h:7", "a"], database: 17, expect: 7 }, { command: ["DBSIZE"] }],
      },
      broken: [
        { what: "a wrong password", settings: { password: { env: "WRONG" } }, code: "SOURCES_CREDENTIALS" },
        { what: "no password", settings: { password: undefined }, code: "SOURCES_CREDENTIALS" },
        { what: "no server", settings: { socket: join(folder, "absent") }, code: "SOURCES_UNREACHABLE" },
        { what: "no tool", settings: { tools: folder }, code: "SOURCES_TOOL_MISSING" },
      ],
      async destroy() {
        await server.stop();
        rmSync(server.data, { recursive: true });
      },
      target: { form: "data", settings: { data: restored.data } },
      async assertRestored() {
        await restored.start();
        expect(restored.ask("EVAL", SUM_SCRIPT, "0")).toBe(String(SUM));
        expect(Number(restored.ask("GET", "moves"))).toBeGreaterThan(0);
        expect(restored.ask("-n", "17", "DBSIZE")).toBe("10001");
        await restored.stop();
      },
      isQuiet: async () => readdirSync(server.data).length === 0,
      async close() {
        await server.stop();
        await restored.stop();
      },
    };
  });

  describe("a redis source", () => {
    let lab: SourceLab;
    let server: TestRedis;
    beforeAll(async () => {
      lab = await SourceLab.open();
      lab.secrets.set("PASSWORD", PASSWORD);
      server = new TestRedis(lab.folder, ["appendonly yes"]);
      await server.start();
      server.fill();
    });
    afterAll(async () => {
      await server.stop();
      lab.remove();
    });

    const open = (settings: Record<string, unknown> = {}) =>
      redisKind.open(
        "cache",
        redisKind.settings.parse({ socket: server.socket, password: { env: "PASSWORD" }, ...settings }),
        lab.surroundings(),
      );

    test("never shows a moment that was not, and says where that was", async () => {
      server.startWriter();
      for (let n = 0; n < 2; n++) {
        await lab.capture(open(), identity);
        const report = await open({ queries: [SUM_QUERY] }).prove(await lab.captured(), {
          scratch: lab.newFolder(),
          signal: never,
          onStep: () => {},
        });
        expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
      }
      const { facts } = await lab.captured();
      expect(facts).toMatchObject({
        server: { product: "Redis" },
        detail: {
          "has-checksum": true,
          config: { appendonly: "yes", databases: "20" },
          keys: { before: { "17": 10001 } },
        },
      });
      expect(facts.position["replication-id"]).toMatch(/^[0-9a-f]{40}$/);
      expect(Number(facts.position["replication-offset"])).toBeGreaterThan(0);
    });

    test("is a file that ends where it should, with its users beside it", async () => {
      const folder = lab.newFolder();
      await open().restore(await lab.captured(), { ...silent, form: "folder", folder, signal: never });
      const dump = readFileSync(join(folder, "dump.rdb"));
      expect(execFileSync("redis-check-rdb", [join(folder, "dump.rdb")], { encoding: "utf8" })).toContain(
        `[offset ${dump.length}] \\o/ RDB looks OK! \\o/`,
      );
      expect(readFileSync(join(folder, "users.acl"), "utf8")).toMatch(/^user default on .*#[0-9a-f]{64}/);
      expect(statSync(join(folder, "users.acl")).mode & 0o777).toBe(0o600);
    });

    test("takes no password from the environment", async () => {
      const surroundings = lab.surroundings();
      const environment = { ...surroundings.environment, REDISCLI_AUTH: PASSWORD };
      const queries = [{ command: ["HGET", "h:7", "a"], database: 17, expect: 7 }];
      const settings = redisKind.settings.parse({ socket: server.socket, queries });
      const source = redisKind.open("cache", settings, { ...surroundings, environment });
      await expect(lab.capture(source, identity)).rejects.toMatchObject({ code: "SOURCES_CREDENTIALS" });
      const proving = { scratch: lab.newFolder(), signal: never, onStep: () => {} };
      const { checks } = await source.prove(await lab.captured(), proving);
      expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    });

    test("a proof fails where a key is missing, and where the server does not load the dump", async () => {
      const captured = await lab.captured();
      const prove = (source: ReturnType<typeof open>) =>
        source.prove(captured, { scratch: lab.newFolder(), signal: never, onStep: () => {} });
      const report = await prove(open({ queries: [{ command: ["GET", "absent"] }, { command: ["NOSUCH"] }] }));
      expect(report.checks.map(({ passed }) => passed)).toEqual([true, true, true, false, false]);
      const failing = await prove(open({ modules: ["/no/such/module.so"] }));
      expect(failing.checks.map(({ passed }) => passed)).toEqual([true, false]);
      expect(failing.checks[1]?.detail).toContain("no/such/module.so");
      expect(failing.usableAfterMs).toBeUndefined();
    });

    test("is not restored under a server that runs, nor over its data; replaced, that is kept with its journal", async () => {
      const captured = await lab.captured();
      const restore = (data: string, overwrite: boolean) =>
        open().restore(captured, { ...silent, form: "data", settings: { data }, overwrite, signal: never });
      await expect(restore(server.data, true)).rejects.toMatchObject({ code: "SOURCES_TARGET_RUNNING" });
      await expect(open().restore(captured, { ...silent, signal: never })).rejects.toMatchObject({
        code: "SOURCES_SETTINGS",
      });
      const other = lab.newFolder();
      mkdirSync(join(other, "appendonlydir"));
      writeFileSync(join(other, "appendonlydir", "mine"), "mine");
      await expect(restore(other, false)).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
      expect(readdirSync(other)).toEqual(["appendonlydir"]);
      const { remaining } = await restore(other, true);
      expect(readdirSync(other).sort()).toEqual([expect.stringMatching(/^appendonlydir\.before-restore-/), "dump.rdb"]);
      expect(remaining.join("\n")).toMatch(/appendonly yes \(the captured server had it on\)/);
    });

    test("takes the rights of its user as they are, and says what it could not read", async () => {
      server.ask("ACL", "SETUSER", "backup", "on", `>${PASSWORD}`, "+psync", "+sync", "+replconf", "+info", "+ping");
      const { warnings } = await lab.capture(open({ user: "backup" }), identity);
      expect(warnings).toMatchObject([{ code: "no-acl" }]);
      server.ask("ACL", "SETUSER", "backup", "-sync", "-psync");
      await expect(lab.capture(open({ user: "backup", acl: false }), identity)).rejects.toMatchObject({
        code: expect.stringMatching(/SOURCES_(CREDENTIALS|TOOL_FAILED)/),
      });
    });

    test("a server that goes away in the middle makes no snapshot", async () => {
      const dying = new TestRedis(lab.newFolder(), ["rdb-key-save-delay 1000"]);
      await dying.start();
      dying.fill();
      const before = await lab.snapshotCount();
      const capture = lab.capture(open({ socket: dying.socket }), identity);
      capture.catch(() => {});
      for (let n = 0; n < 100 && !dying.ask("INFO", "replication").includes("slave0:"); n++)
        await new Promise((r) => setTimeout(r, 20));
      await dying.stop();
      await expect(capture).rejects.toThrow();
      expect(await lab.snapshotCount()).toBe(before);
    });
  });
});
