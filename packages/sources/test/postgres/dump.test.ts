/** Dumps of PostgreSQL in the cases that the contract does not ask for. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { CapturedTree } from "../../src/contract/captured-tree.ts";
import type { Capture, ProofReport } from "../../src/contract/source.ts";
import type { StoredFacts } from "../../src/contract/facts.ts";
import { dumpDetailOf } from "../../src/postgres/dump/dump-facts.ts";
import { postgresKind } from "../../src/postgres/postgres-kind.ts";
import { PostgresServer, SourceLab, postgresBinaries } from "../../src/testing/index.ts";
import { PASSWORD, SUM, endProcess, makeBank, ownSessions, startWriter } from "./bank.ts";

const never = new AbortController().signal;
const identity = { kind: "postgres", name: "cluster" };

describe.skipIf(postgresBinaries() === undefined)("dumps of PostgreSQL", () => {
  let lab: SourceLab;
  let server: PostgresServer;
  let captured: CapturedTree;

  beforeAll(async () => {
    lab = await SourceLab.open();
    lab.secrets.set("PASSWORD", PASSWORD);
    const others = ["local all all trust", "host all all 127.0.0.1/32 scram-sha-256"];
    server = await PostgresServer.start({ access: ["local all nobody peer", ...others] });
    makeBank(server, { documents: 800 });
    await lab.capture(open(), identity);
    captured = await lab.captured();
  });
  afterEach(async () => {
    expect(await ownSessions(server)).toBe(0);
  });
  afterAll(async () => {
    await server.end();
    lab.remove();
  });

  const open = (settings: Record<string, unknown> = {}) => {
    const { host, port } = server;
    const parsed = postgresKind.settings.parse({ host, port, user: "postgres", ...settings });
    return postgresKind.open("cluster", parsed, lab.surroundings());
  };
  const restore = (settings: Record<string, unknown>, { overwrite = false, tree = captured } = {}) =>
    open().restore(tree, { settings, overwrite, signal: never, onWarning: () => {}, onStep: () => {} });
  const prove = (tree: CapturedTree, settings: Record<string, unknown> = {}): Promise<ProofReport> =>
    open(settings).prove(tree, { scratch: lab.newFolder(), signal: never, onStep: () => {} });
  /** Stays open until it is ended. */
  const session = (database: string, sql: string): ChildProcess => {
    const psql = spawn(join(server.binaries, "psql"), ["-X", "-q", "-d", database, "-f", "-"], {
      stdio: ["pipe", "ignore", "ignore"],
      env: { ...process.env, ...server.variables },
    });
    psql.stdin?.write(`${sql}\n`);
    return psql;
  };
  const databases = (): string[] =>
    server.sql("postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1").split("\n");

  /** A capture that has given some of the dump of `shop`, and what is left of that. */
  async function begun(settings: Record<string, unknown> = {}, signal = never) {
    const capture = await open({ databases: ["shop"], ...settings }).capture({ signal, onWarning: () => {} });
    for await (const entry of capture.entries) {
      if (entry.kind !== "file") continue;
      if (!entry.path.endsWith("shop.dump")) {
        for await (const _ of entry.content);
        continue;
      }
      const rest = entry.content[Symbol.asyncIterator]();
      expect((await rest.next()).done).toBe(false);
      return { capture, rest };
    }
    throw new Error("no dump of shop");
  }
  async function takeAll({ rest }: { rest: AsyncIterator<Uint8Array>; capture: Capture }): Promise<void> {
    while ((await rest.next()).done !== true);
  }

  test("tell of the cluster, of each database, and what is in it", () => {
    const { facts } = captured;
    expect(facts.server).toMatchObject({ product: "PostgreSQL" });
    expect(facts.position["lsn"]).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    expect(facts.position["timeline"]).toBe("1");
    expect(facts.position["systemIdentifier"]).toMatch(/^\d{15,}$/);
    const detail = dumpDetailOf(facts);
    expect(detail).toMatchObject({ passwords: true, sameMoment: true, superuser: "postgres" });
    expect(new Set(detail.databases.map(({ snapshot }) => snapshot)).size).toBe(1);
    expect(detail.databases.map(({ name, isEmpty }) => [name, isEmpty])).toEqual([
      ["odd name/1", false],
      ["postgres", true],
      ["shop", false],
    ]);
    const shop = detail.databases[2];
    expect(shop).toMatchObject({
      owner: "owner",
      encoding: "UTF8",
      collate: "C.UTF-8",
      tables: 5,
      sequences: 2,
      largeObjects: 1,
    });
    expect(shop?.roles.toSorted()).toEqual(["dumper", "owner", "staff"]);
    expect(shop?.extensions.map(({ name }) => name)).toEqual(["plpgsql"]);
    expect(shop?.counts).toContainEqual({ schema: "bank", table: "account", rows: 100 });
    expect(detail.databases[0]?.counts).toEqual([{ schema: "public", table: "Straße", rows: 2 }]);
  });

  test("of several databases are of one moment, while somebody writes to one after the other", async () => {
    const ledgers = ["ledger1", "ledger2"];
    for (const name of ledgers) {
      server.sql("postgres", `CREATE DATABASE ${name}`);
      server.sql(name, "CREATE TABLE entry (id serial)");
    }
    const add = String.raw`INSERT INTO entry DEFAULT VALUES;`;
    const lines = Array.from({ length: 4000 }, (_, n) => `\\c ${ledgers[n % 2]}\n${add}\n`).join("");
    const writer = spawn(join(server.binaries, "psql"), ["-X", "-q", "-d", "postgres", "-f", "-"], {
      stdio: ["pipe", "ignore", "ignore"],
      env: { ...process.env, ...server.variables },
    });
    writer.stdin?.on("error", () => {});
    writer.stdin?.end(lines);
    try {
      while (server.sql("ledger2", "SELECT count(*) > 3 FROM entry") !== "t") await sleep(20);
      const { warnings } = await lab.capture(open({ databases: ledgers }), identity);
      expect(warnings).toEqual([]);
      const { facts } = await lab.captured();
      expect(dumpDetailOf(facts).sameMoment).toBe(true);
      const [one = 0, two = 0] = dumpDetailOf(facts).databases.map(({ counts }) => counts[0]?.rows);
      expect(two).toBeGreaterThan(3);
      expect([0, 1]).toContain(one - two);
    } finally {
      await endProcess(writer);
      for (const name of ledgers) server.sql("postgres", `DROP DATABASE ${name} WITH (FORCE)`);
    }
  });

  test("by a role that may read all are whole; its password is in no list of processes", async () => {
    const by = { host: "127.0.0.1", user: "dumper", password: { env: "PASSWORD" } };
    const { warnings } = await lab.capture(open(by), identity);
    expect(warnings).toEqual([]);
    const tree = await lab.captured();
    expect(dumpDetailOf(tree.facts)).toMatchObject({ passwords: true, sameMoment: true });
    const run = await begun(by);
    const own = readdirSync("/proc").filter((pid) => {
      return /^\d+$/.test(pid) && textOf(`/proc/${pid}/cmdline`).includes(`pg_dump\0`);
    });
    const ofUs = own.filter((pid) => textOf(`/proc/${pid}/environ`).includes(`PGPORT=${server.port}\0`));
    expect(ofUs.length).toBeGreaterThan(0);
    for (const pid of ofUs) {
      expect(textOf(`/proc/${pid}/cmdline`)).not.toContain(PASSWORD);
      expect(textOf(`/proc/${pid}/environ`)).not.toContain(PASSWORD);
    }
    await takeAll(run);
    await run.capture.close();
    const proof = await prove(tree);
    expect(proof.checks.filter(({ passed }) => !passed)).toEqual([]);
  });

  test("by a role that may read its own database only are without the passwords of roles, which is said", async () => {
    const { warnings } = await lab.capture(open({ user: "owner", databases: ["shop"] }), identity);
    expect(warnings).toMatchObject([{ code: "no-role-passwords" }]);
    const tree = await lab.captured();
    expect(dumpDetailOf(tree.facts)).toMatchObject({ passwords: false });
    const parts: Uint8Array[] = [];
    for await (const part of tree.read("globals.sql", { signal: never })) parts.push(part);
    expect(Buffer.concat(parts).toString()).toMatch(/CREATE ROLE owner;/);
    expect(Buffer.concat(parts).toString()).not.toMatch(/SCRAM/);
  });

  test.skipIf(process.geteuid?.() !== 0)(
    "are made and restored as the system's user that the server lets in",
    async () => {
      server.sql("postgres", "CREATE ROLE nobody SUPERUSER LOGIN");
      try {
        const by = { user: undefined, "run-as": "nobody", databases: ["odd name/1"] };
        const asRoot = lab.capture(open({ ...by, "run-as": undefined, user: "nobody" }), identity);
        await expect(asRoot).rejects.toMatchObject({ code: "SOURCES_CREDENTIALS" });
        const unknown = lab.capture(open({ ...by, "run-as": "no-such-user" }), identity);
        await expect(unknown).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
        await lab.capture(open(by), identity);
        const tree = await lab.captured();
        const settings = { "target-database": "copy" };
        await open(by).restore(tree, { settings, signal: never, onWarning: () => {}, onStep: () => {} });
        expect(server.sql("copy", `SELECT count(*) FROM "Straße"`)).toBe("2");
        server.sql("postgres", "DROP DATABASE copy");
        const both = { "run-as": "nobody", password: { env: "PASSWORD" } };
        expect(postgresKind.settings.safeParse(both).error?.message).toContain("no `password`");
      } finally {
        server.sql("postgres", "DROP ROLE nobody");
      }
    },
  );

  test("that policies would make incomplete fail, and say which right is missing", async () => {
    server.sql("postgres", "CREATE DATABASE hidden");
    try {
      server.sql("hidden", "CREATE TABLE secret (a int); ALTER TABLE secret ENABLE ROW LEVEL SECURITY");
      const failing = lab.capture(open({ user: "dumper", databases: ["hidden"] }), identity);
      await expect(failing).rejects.toMatchObject({
        code: "SOURCES_RIGHTS",
        hint: expect.stringContaining('"dumper" BYPASSRLS'),
      });
      // Also where nothing is counted, and pg_dump itself comes upon it.
      const uncounted = open({ user: "dumper", databases: ["hidden"], "count-rows-up-to": 0 });
      await expect(lab.capture(uncounted, identity)).rejects.toMatchObject({ code: "SOURCES_RIGHTS" });
      server.sql("postgres", "ALTER ROLE dumper BYPASSRLS");
      await lab.capture(open({ user: "dumper", databases: ["hidden"] }), identity);
    } finally {
      server.sql("postgres", "DROP DATABASE hidden; ALTER ROLE dumper NOBYPASSRLS");
    }
  });

  test("that break off in the middle are no dumps", async () => {
    const before = await lab.snapshotCount();
    const run = await begun();
    server.sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^COPY'");
    await expect(takeAll(run)).rejects.toMatchObject({ code: "SOURCES_INTERRUPTED" });
    await run.capture.close();
    await run.capture.close();
    expect(await lab.snapshotCount()).toBe(before);
  });

  test("wait for a lock as long as lock-limit says", async () => {
    const locker = session("shop", "BEGIN; LOCK TABLE bank.filler IN ACCESS EXCLUSIVE MODE;");
    try {
      const locks =
        "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'bank.filler'::regclass";
      while (server.sql("shop", locks) !== "1") await sleep(20);
      for (const more of [{}, { "count-rows-up-to": 0 }]) {
        const failing = lab.capture(open({ databases: ["shop"], "lock-limit": "1s", ...more }), identity);
        await expect(failing).rejects.toMatchObject({
          code: "SOURCES_INTERRUPTED",
          hint: expect.stringContaining("lock-limit"),
        });
      }
    } finally {
      await endProcess(locker);
    }
  });

  test("that are aborted in the middle leave no session and no file", async () => {
    const abort = new AbortController();
    const run = await begun({}, abort.signal);
    abort.abort(new Error("interrupted"));
    await expect(takeAll(run)).rejects.toThrow("interrupted");
    await run.capture.close();
  });

  test("end with the process that makes them", async () => {
    const script = join(import.meta.dirname, "capture-and-wait.ts");
    const child = spawn(process.execPath, [script, server.host, String(server.port), lab.newFolder()], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await once(child.stdout, "data");
      expect(
        server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^COPY' AND state = 'active'"),
      ).not.toBe("0");
    } finally {
      await endProcess(child);
    }
  });

  test("are not restored over a database that is there; with overwrite that one is kept under another name", async () => {
    const before = databases();
    await expect(restore({ databases: ["shop"] })).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
    expect(databases()).toEqual(before);
    server.sql("shop", "UPDATE bank.account SET balance = 0; ALTER ROLE owner SET work_mem = '9MB'");
    const writer = await startWriter(server);
    await expect(restore({ databases: ["shop"] }, { overwrite: true })).rejects.toMatchObject({
      code: "SOURCES_TARGET_IN_USE",
    });
    await endProcess(writer);
    while (server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'") !== "0")
      await sleep(20);
    const report = await restore({ databases: ["shop"] }, { overwrite: true });
    expect(server.sql("shop", "SELECT sum(balance) FROM bank.account")).toBe(String(SUM));
    const former = /is now (.*):/.exec(report.remaining.join("\n"))?.[1] as string;
    expect(server.sql(former, "SELECT sum(balance) FROM bank.account")).toBe("0");
    // Roles that are there are not touched.
    expect(report.remaining.join("\n")).toMatch(/stayed as they were: .*owner/);
    expect(server.sql("postgres", "SELECT rolconfig FROM pg_roles WHERE rolname = 'owner'")).toBe("{work_mem=9MB}");
    server.sql("postgres", `DROP DATABASE "${former}"`);
    expect(databases()).toEqual(before);
  });

  test("that were restored are kept under their temporary name when somebody takes the place meanwhile", async () => {
    const users: ReturnType<typeof spawn>[] = [];
    const connections = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'";
    const restoring = open().restore(captured, {
      settings: { databases: ["odd name/1"] },
      overwrite: true,
      signal: never,
      onWarning: () => {},
      onStep: (step) => {
        if (!step.startsWith("putting")) return;
        const env = { ...process.env, ...server.variables };
        const args = ["-X", "-d", "odd name/1", "-c", "SELECT pg_sleep(60)"];
        users.push(spawn(join(server.binaries, "psql"), args, { stdio: "ignore", env }));
        while (server.sql("postgres", connections) !== "1");
      },
    });
    const error = await restoring.catch((reason: unknown) => reason);
    for (const user of users) await endProcess(user);
    server.sql(
      "postgres",
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'",
    );
    expect(error).toMatchObject({ code: "SOURCES_TARGET_IN_USE" });
    const kept = / as (odd name\/1\.restoring-\w+)/.exec((error as Error).message)?.[1] as string;
    expect(databases()).toEqual(expect.arrayContaining(["odd name/1", kept]));
    expect(server.sql(kept, `SELECT count(*) FROM "Straße"`)).toBe("2");
    server.sql("postgres", `DROP DATABASE "${kept}"`);
  });

  test("of one database are restored under another name, into another server, with the roles that it needs", async () => {
    server.sql("postgres", "CREATE ROLE stranger");
    await lab.capture(open(), identity);
    const tree = await lab.captured();
    const other = await PostgresServer.start({ initdb: ["--encoding=UTF8", "--locale=C"] });
    try {
      const to = { host: other.host, port: other.port };
      const both = restore({ ...to, "target-database": "copy" }, { tree });
      await expect(both).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
      await expect(restore({ ...to, databases: ["none"] }, { tree })).rejects.toMatchObject({
        code: "SOURCES_SETTINGS",
      });
      await expect(restore({ ...to, nonsense: 1 }, { tree })).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
      const report = await restore({ ...to, databases: ["shop"], "target-database": "copy" }, { tree });
      expect(report.restored).toEqual(expect.arrayContaining(["role dumper", "role owner", "role staff"]));
      expect(other.sql("copy", "SELECT sum(balance) FROM bank.account")).toBe(String(SUM));
      expect(other.sql("copy", "SHOW search_path")).toBe("bank, public");
      const names = (sql: string): string[] => other.sql("postgres", sql).split("\n").toSorted();
      expect(names("SELECT datname FROM pg_database WHERE NOT datistemplate")).toEqual(["copy", "postgres"]);
      const made = ["dumper", "owner", "postgres", "staff"];
      expect(names("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")).toEqual(made);
      // Without owners, nothing is needed of roles.
      await restore({ ...to, databases: ["shop"], "target-database": "mine", owners: false }, { tree });
      expect(other.sql("mine", "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'bank'")).toBe("postgres");
    } finally {
      await other.end();
      server.sql("postgres", "DROP ROLE stranger");
    }
  });

  test("that cannot be restored to their end leave nothing behind, and nothing half done", async () => {
    const before = databases();
    /** The dump of the shop, with something done once so many of its bytes were read; after that it ends. */
    const cutAt = (bytes: number, work: () => void): CapturedTree =>
      Object.assign(Object.create(captured) as CapturedTree, {
        facts: captured.facts,
        async *read(path: string, options: { signal: AbortSignal }) {
          let rest = path.endsWith("shop.dump") ? bytes : Number.MAX_SAFE_INTEGER;
          for await (const part of captured.read(path, options)) {
            yield part.subarray(0, rest);
            rest -= part.length;
            if (rest <= 0) return work();
          }
        },
      });
    const abort = new AbortController();
    const interrupted = open().restore(
      cutAt(4_000_000, () => abort.abort(new Error("interrupted"))),
      {
        settings: { databases: ["shop"], "target-database": "copy" },
        signal: abort.signal,
        onWarning: () => {},
        onStep: () => {},
      },
    );
    await expect(interrupted).rejects.toThrow("interrupted");
    expect(databases()).toEqual(before);
    const damaged = cutAt(4_000_000, () => {});
    const cut = restore({ databases: ["shop"], "target-database": "copy" }, { tree: damaged });
    await expect(cut).rejects.toMatchObject({ code: "SOURCES_TOOL_FAILED" });
    expect(databases()).toEqual(before);
  });

  test("that are interrupted while the server makes a database leave none", async () => {
    const before = databases();
    // Nobody can make a database meanwhile, but all can read.
    const locker = session("postgres", "BEGIN; LOCK TABLE pg_catalog.pg_database IN SHARE MODE;");
    const waiting =
      "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE%' AND wait_event_type = 'Lock'";
    const abort = new AbortController();
    const settings = { databases: ["shop"], "target-database": "copy" };
    const options = { settings, signal: abort.signal, onWarning: () => {}, onStep: () => {} };
    const restoring = open().restore(captured, options);
    restoring.catch(() => {});
    for (let n = 0; n < 400 && server.sql("postgres", waiting) !== "1"; n++) await sleep(25);
    expect(server.sql("postgres", waiting)).toBe("1");
    abort.abort(new Error("interrupted"));
    await sleep(300);
    await endProcess(locker);
    await expect(restoring).rejects.toThrow("interrupted");
    // What a server goes on with although its client has gone takes a moment.
    await sleep(1500);
    expect(databases()).toEqual(before);
  });

  test("can be had as files of pg_dump", async () => {
    const folder = join(lab.newFolder(), "files");
    mkdirSync(folder);
    const options = { form: "folder", folder, signal: never, onWarning: () => {}, onStep: () => {} };
    await open().restore(captured, options);
    expect(readdirSync(folder, { recursive: true }).map(String).toSorted()).toEqual([
      "databases",
      "databases/odd name%2F1.dump",
      "databases/postgres.dump",
      "databases/shop.dump",
      "globals.sql",
    ]);
    const list = server.run("pg_restore", ["--list", join(folder, "databases/shop.dump")]);
    expect(list).toContain("TABLE DATA bank account");
    expect(readFileSync(join(folder, "globals.sql"), "utf8")).toContain("CREATE ROLE owner;");
  });

  test("are not proven where rows are missing, an extension is not there, or an answer is another", async () => {
    const changed = (change: (facts: StoredFacts) => void): CapturedTree => {
      const facts = structuredClone(captured.facts);
      change(facts);
      return Object.assign(Object.create(captured) as CapturedTree, {
        facts,
        read: captured.read.bind(captured),
      });
    };
    const tree = changed((facts) => {
      const [odd, , shop] = dumpDetailOf(facts).databases;
      const account = shop?.counts.find(({ table }) => table === "account");
      if (account !== undefined) account.rows = 101;
      odd?.extensions.push({ name: "no_such_extension", version: "1" });
      facts.detail = { ...facts.detail, databases: [odd, shop] };
    });
    const queries = { shop: [{ sql: "SELECT sum(balance) FROM account", expect: 1 }], none: ["SELECT 1"] };
    const { checks, usableAfterMs } = await prove(tree, { queries });
    const failed = Object.fromEntries(checks.filter(({ passed }) => !passed).map(({ name, detail }) => [name, detail]));
    expect(failed).toEqual({
      "odd name/1: restored": expect.stringContaining("no_such_extension"),
      "shop: rows": "bank.account has 100 rows, where 101 were captured",
      "shop: SELECT sum(balance) FROM account": `${SUM}, where 1 was expected`,
      "none: SELECT 1": "there is no restored database none",
    });
    expect(usableAfterMs).toBeUndefined();
    expect(checks.find(({ name }) => name === "shop: pg_amcheck")).toMatchObject({ passed: true });
  });
});

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
