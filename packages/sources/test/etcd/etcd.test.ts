/** The kind `etcd`, with a real server that another process writes to. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { etcdKind } from "../../src/etcd/etcd-kind.ts";
import { SourceLab, sourceConformance } from "../../src/testing/index.ts";
import { PASSWORD, TestEtcd } from "./etcd-server.ts";

const never = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {} };
const identity = { kind: "etcd", name: "cluster" };
const hasEtcd = (process.env["PATH"] ?? "").split(delimiter).some((each) => existsSync(join(each, "etcd")));

describe.skipIf(!hasEtcd)("with a server", () => {
  sourceConformance(etcdKind, async ({ folder }) => {
    const server = await TestEtcd.at(folder, "data");
    await server.start();
    for (let n = 0; n < 10; n++) server.ask("put", `/shop/${n}`, `value ${n}`);
    server.startWriter();
    const restored = await TestEtcd.at(folder, "restored");
    return {
      settings: {
        endpoints: ["http://127.0.0.1:1", server.url],
        queries: [{ key: "/shop/7", expect: "value 7" }, { key: "/shop/0" }],
      },
      broken: [
        { what: "no server", settings: { endpoints: ["http://127.0.0.1:1"] }, code: "SOURCES_UNREACHABLE" },
        { what: "no tool", settings: { tools: folder }, code: "SOURCES_TOOL_MISSING" },
      ],
      async destroy() {
        await server.stop();
        rmSync(server.data, { recursive: true });
      },
      target: { form: "data", settings: { data: restored.data } },
      async assertRestored() {
        await restored.start();
        const lines = restored.ask("get", "", "--prefix").split("\n");
        expect(lines).toHaveLength(24);
        expect(lines[lines.indexOf("/shop/3") + 1]).toBe("value 3");
        expect(Number(lines[lines.indexOf("a") + 1])).toBeGreaterThan(0);
        expect(lines[lines.indexOf("b") + 1]).toBe(lines[lines.indexOf("a") + 1]);
        await restored.stop();
      },
      isQuiet: async () => readdirSync(folder, { recursive: true }).every((name) => !String(name).includes("etcd-")),
      async close() {
        await server.stop();
        await restored.stop();
      },
    };
  });

  describe("an etcd source", () => {
    let lab: SourceLab;
    let server: TestEtcd;
    beforeAll(async () => {
      lab = await SourceLab.open();
      lab.secrets.set("PASSWORD", PASSWORD).set("WRONG", "wrong");
      server = await TestEtcd.at(lab.folder, "data");
      await server.start();
      for (let n = 0; n < 5; n++) server.ask("put", "counter", String(n));
      server.ask("put", "--", "-begins with a dash", "x");
    });
    afterAll(async () => {
      await server.stop();
      lab.remove();
    });

    const open = (settings: Record<string, unknown> = {}) =>
      etcdKind.open("cluster", etcdKind.settings.parse({ endpoints: [server.url], ...settings }), lab.surroundings());
    const prove = async (source: ReturnType<typeof open>) =>
      source.prove(await lab.captured(), { scratch: lab.newFolder(), signal: never, onStep: () => {} });

    test("compares keys, revision and checksum, and fails where a key is not as it should be", async () => {
      await lab.capture(open(), identity);
      const { facts } = await lab.captured();
      expect(facts).toMatchObject({
        consistency: "application",
        server: { product: "etcd" },
        detail: { hash: { hash: expect.any(String) } },
      });
      expect(facts.position["cluster-id"]).toMatch(/^\d{10,}$/);
      expect(Number(facts.position["revision"])).toBeGreaterThan(5);
      const report = await prove(
        open({
          queries: [
            { key: "counter", expect: 4 },
            { key: "-begins with a dash" },
            { key: "counter", expect: 5 },
            { key: "absent" },
          ],
        }),
      );
      expect(report.checks.map(({ passed }) => passed)).toEqual([true, true, true, true, true, true, false, false]);
      expect(report.checks[3]?.detail).toContain("same checksum as the server had");
    });

    test("goes where the configuration says, whatever the environment says to etcd and its client", async () => {
      const settings = etcdKind.settings.parse({ endpoints: [server.url], queries: [{ key: "counter", expect: 4 }] });
      const surroundings = lab.surroundings();
      const environment = {
        ...surroundings.environment,
        ETCDCTL_ENDPOINTS: "http://127.0.0.1:1",
        ETCDCTL_CACERT: "/absent",
        ETCD_NAME: "another",
        ETCD_LISTEN_METRICS_URLS: "http://127.0.0.1:1",
      };
      const source = etcdKind.open("cluster", settings, { ...surroundings, environment });
      await lab.capture(source, identity);
      const { checks } = await prove(source);
      expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    });

    test("a snapshot with a changed byte is not proven", async () => {
      await lab.capture(open(), identity);
      const captured = await lab.captured();
      const torn: typeof captured = {
        facts: captured.facts,
        list: (folder, options) => captured.list(folder, options),
        read: (path, options) => captured.read(path, options),
        spotCheck: (path, request) => captured.spotCheck(path, request),
        async extract(path, folder, options) {
          await captured.extract(path, folder, options);
          const bytes = readFileSync(join(folder, "snapshot.db"));
          bytes[bytes.length - 5000] = (bytes[bytes.length - 5000] as number) ^ 0xff;
          writeFileSync(join(folder, "snapshot.db"), bytes);
        },
      };
      const report = await open().prove(torn, { scratch: lab.newFolder(), signal: never, onStep: () => {} });
      expect(report.checks.some(({ passed }) => !passed)).toBe(true);
      expect(report.usableAfterMs).toBeUndefined();
    });

    test("is not restored over data, nor under a server that runs; replaced, that is kept", async () => {
      const captured = await lab.captured();
      const restore = (data: string, overwrite: boolean) =>
        open().restore(captured, { ...silent, form: "data", settings: { data }, overwrite, signal: never });
      await expect(restore(server.data, true)).rejects.toMatchObject({ code: "SOURCES_TARGET_RUNNING" });
      const other = join(lab.newFolder(), "etcd");
      mkdirSync(other);
      writeFileSync(join(other, "mine"), "mine");
      await expect(restore(other, false)).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
      const { remaining } = await restore(other, true);
      expect(readdirSync(other)).toEqual(["member"]);
      const former = /is now (\S+):/.exec(remaining[0] ?? "")?.[1] as string;
      expect(readdirSync(former)).toEqual(["mine"]);
      expect(remaining.join("\n")).toMatch(/every other member from the same snapshot/);
    });

    test("lets in who has the password, and says so when it is wrong", async () => {
      const guarded = await TestEtcd.at(lab.newFolder(), "guarded");
      await guarded.start();
      try {
        guarded.ask("user", "add", `root:${PASSWORD}`);
        guarded.ask("user", "grant-role", "root", "root");
        guarded.ask("auth", "enable");
        const as = (password: string) => open({ endpoints: [guarded.url], user: "root", password: { env: password } });
        await lab.capture(as("PASSWORD"), identity);
        expect((await prove(as("PASSWORD"))).checks.filter(({ passed }) => !passed).map(({ name }) => name)).toEqual(
          [],
        );
        await expect(lab.capture(as("WRONG"), identity)).rejects.toMatchObject({ code: "SOURCES_CREDENTIALS" });
        await expect(lab.capture(open({ endpoints: [guarded.url] }), identity)).rejects.toMatchObject({
          code: "SOURCES_CREDENTIALS",
        });
      } finally {
        await guarded.stop();
      }
    });

    test("a disk that is too small for the snapshot is said before anything is read", async () => {
      const surroundings = { ...lab.surroundings(), temporary: "/proc" };
      const source = etcdKind.open("cluster", etcdKind.settings.parse({ endpoints: [server.url] }), surroundings);
      await expect(lab.capture(source, identity)).rejects.toMatchObject({ code: "SOURCES_NO_ROOM" });
    });
  });
});
