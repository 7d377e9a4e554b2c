/** What can go wrong with a real server of MariaDB: each is said, makes no snapshot, and leaves nothing behind. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Capture, Source } from "../../src/contract/source.ts";
import { isProven } from "../../src/contract/source.ts";
import { mysqlKind } from "../../src/mysql/mysql-kind.ts";
import { SourceLab } from "../../src/testing/index.ts";
import { HAS_MARIADB, MariadbServer } from "./mariadb-server.ts";
import { PASSWORD, fingerprint, seedShop } from "./shop.ts";

const signal = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {}, signal };
const identity = { kind: "mysql", name: "shop" };
/** Its definer is gone. */
const BROKEN_VIEW =
  "CREATE USER gone@localhost; CREATE DEFINER = gone@localhost VIEW stock.own AS SELECT 1 AS one; DROP USER gone@localhost";
const isRoot = process.getuid?.() === 0;

describe.skipIf(!HAS_MARIADB)("a mysql source", () => {
  let lab: SourceLab;
  let server: MariadbServer;
  let other: MariadbServer;
  let before: string[];

  beforeAll(async () => {
    lab = await SourceLab.open();
    lab.secrets.set("PASSWORD", PASSWORD);
    for (const name of ["own", "foreign"]) {
      const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
      const files = ["-keyout", join(lab.folder, `${name}.key`), "-out", join(lab.folder, `${name}.crt`)];
      execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", ...subject, ...files], {
        stdio: "ignore",
      });
      // For the server's user.
      chmodSync(join(lab.folder, `${name}.key`), 0o644);
    }
    const tls = [`--ssl-cert=${join(lab.folder, "own.crt")}`, `--ssl-key=${join(lab.folder, "own.key")}`];
    [server, other] = await Promise.all([MariadbServer.start(lab.folder), MariadbServer.start(lab.folder, tls)]);
    seedShop(server);
    before = fingerprint(server);
    await lab.capture(source(), identity);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([server.stop(), other.stop()]);
    lab.remove();
  });

  const account = { user: "backup", password: { env: "PASSWORD" } };
  const source = (settings: Record<string, unknown> = {}, name = "shop"): Source =>
    mysqlKind.open(
      name,
      mysqlKind.settings.parse({ socket: server.socket, ...account, ...settings }),
      lab.surroundings(),
    );
  const isQuiet = async (): Promise<boolean> =>
    (await server.isWithout("backup")) &&
    readdirSync(lab.folder, { recursive: true }).every((name) => !/(^|\/)mysql-/.test(String(name)));
  /** Captures, and does something as soon as rows of the database `shop` come: those of `stock` are still to come. */
  const captureDisturbed = async (inner: Source, disturb: () => void, within = signal): Promise<unknown> => {
    const outer = {
      ...inner,
      capture: async (options: Parameters<Source["capture"]>[0]) => {
        const capture = await inner.capture(options);
        const entries = async function* (): Capture["entries"] & AsyncGenerator {
          for await (const entry of capture.entries) {
            if (entry.path.endsWith("/shop/tables.sql")) disturb();
            yield entry;
          }
        };
        return { ...capture, entries: entries() };
      },
    };
    return lab.capture(outer, identity, within);
  };
  /** A folder of tools in which some are others. */
  const tools = (changed: Record<string, string>): string => {
    const folder = lab.newFolder();
    chmodSync(folder, 0o755);
    for (const name of ["mariadb", "mariadb-dump", "mariadb-backup", "mbstream", "mariadbd", "mariadb-install-db"]) {
      const real = name === "mariadbd" ? "/usr/sbin/mariadbd" : `/usr/bin/${name}`;
      const script = changed[name];
      if (script === undefined) symlinkSync(real, join(folder, name));
      else writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    return folder;
  };

  test("whose connection is killed in the middle of a dump makes no snapshot", async () => {
    const count = await lab.snapshotCount();
    const kill = (): string => server.sql("KILL USER backup");
    await expect(captureDisturbed(source(), kill)).rejects.toMatchObject({ code: "SOURCES_UNREACHABLE" });
    expect(await lab.snapshotCount()).toBe(count);
    expect(await isQuiet()).toBe(true);
  });

  test("whose tables are changed during a dump says so", async () => {
    server.sql("CREATE TABLE stock.zebra (a INT PRIMARY KEY); INSERT INTO stock.zebra VALUES (1)");
    const alter = (): string => server.sql("ALTER TABLE stock.zebra ADD COLUMN b INT, ALGORITHM = COPY");
    try {
      await expect(captureDisturbed(source(), alter)).rejects.toMatchObject({ code: "SOURCES_STRUCTURE_CHANGED" });
    } finally {
      server.sql("DROP TABLE stock.zebra");
    }
  });

  test("that is aborted in the middle ends what it has started", async () => {
    const abort = new AbortController();
    const reason = new Error("interrupted");
    await expect(captureDisturbed(source(), () => abort.abort(reason), abort.signal)).rejects.toBe(reason);
    expect(await isQuiet()).toBe(true);
  });

  test("whose account lacks rights names the grants", async () => {
    server.sql("CREATE USER poor@localhost IDENTIFIED BY 'poor'; GRANT SELECT ON *.* TO poor@localhost");
    lab.secrets.set("POOR", "poor");
    const poor = { user: "poor", password: { env: "POOR" } };
    await expect(lab.capture(source(poor), identity)).rejects.toThrow(
      "GRANT SHOW VIEW, TRIGGER, EVENT, BINLOG MONITOR ON *.* TO 'poor'@'localhost'",
    );
    await expect(lab.capture(source({ ...poor, method: "physical" }), identity)).rejects.toThrow(
      "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO 'poor'@'localhost'",
    );
    const follow = source(poor).journal?.follow({ spool: lab.newFolder(), signal });
    await expect(follow).rejects.toThrow("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.*");
    server.sql(
      "GRANT SHOW VIEW, TRIGGER, EVENT ON `shop`.* TO poor@localhost; GRANT BINLOG MONITOR ON *.* TO poor@localhost",
    );
    await expect(lab.capture(source({ ...poor, databases: ["shop"] }), identity)).rejects.toThrow(
      "GRANT EXECUTE ON `shop`.* TO 'poor'@'localhost'",
    );
  });

  test.for([
    ["is older than the server", "echo 'mariadb-dump  Ver 10.19 Distrib 10.5.9-MariaDB'", "SOURCES_TOOL_TOO_OLD"],
    ["is of another make", "echo 'mysqldump  Ver 8.4.2 for Linux on x86_64 (Source)'", "SOURCES_UNSUPPORTED"],
    ["says nothing of its version", "echo hello", "SOURCES_TOOL_FAILED"],
  ] as const)("whose dump tool %s makes no snapshot", async ([, script, code]) => {
    const folder = tools({ "mariadb-dump": script });
    await expect(lab.capture(source({ tools: folder }), identity)).rejects.toMatchObject({ code });
  });

  test("whose dump tool ends well with half a dump, or without a table, makes no snapshot", async () => {
    const count = await lab.snapshotCount();
    const half = tools({
      "mariadb-dump":
        'case "$*" in *--version*) exec /usr/bin/mariadb-dump --version;; esac; /usr/bin/mariadb-dump "$@" | head -c 300000',
    });
    await expect(lab.capture(source({ tools: half }), identity)).rejects.toThrow("the dump breaks off");
    const less = tools({
      "mariadb-dump": 'first="$1"; shift; exec /usr/bin/mariadb-dump "$first" --ignore-table=stock.history "$@"',
    });
    await expect(lab.capture(source({ tools: less }), identity)).rejects.toThrow(
      "does not hold the table stock.history",
    );
    expect(await lab.snapshotCount()).toBe(count);
  });

  test("with tables without transactions warns, or locks them", async () => {
    server.sql("CREATE DATABASE old; CREATE TABLE old.log (a INT) ENGINE = MyISAM; INSERT INTO old.log VALUES (1)");
    try {
      const only = { databases: ["old"] };
      const { warnings } = await lab.capture(source(only, "old"), { kind: "mysql", name: "old" });
      expect(warnings).toMatchObject([
        { code: "not-transactional", message: expect.stringContaining("old.log (MyISAM)") },
      ]);
      expect(
        (await lab.capture(source({ ...only, "lock-tables": false }, "old"), { kind: "mysql", name: "old" })).warnings,
      ).toEqual([]);
      expect(
        (await lab.capture(source({ ...only, "lock-tables": true }, "old"), { kind: "mysql", name: "old" })).warnings,
      ).toEqual([]);
      expect((await lab.captured()).facts.detail["notConsistent"]).toEqual([]);
    } finally {
      server.sql("DROP DATABASE old");
    }
  });

  test("restores over nothing that is there; with overwrite that is kept under another name", async () => {
    await lab.capture(source(), identity);
    const captured = await lab.captured();
    const target = { socket: other.socket, user: "root" };
    other.sql(`CREATE DATABASE shop; USE shop; CREATE TABLE mine (a INT PRIMARY KEY); INSERT INTO mine VALUES (1);
      CREATE TABLE child (a INT, FOREIGN KEY (a) REFERENCES mine (a)); CREATE SEQUENCE s;
      CREATE FUNCTION one() RETURNS INT DETERMINISTIC RETURN 1; CREATE VIEW v AS SELECT one() AS one, a FROM mine;
      CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH ROW SET NEW.a = NEW.a + 1;
      CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM mine;
      CREATE USER app@'10.0.0.%' IDENTIFIED BY 'another'`);
    const hash = other.sql("SHOW CREATE USER app@'10.0.0.%'");
    const restore = (overwrite: boolean) => source().restore(captured, { ...silent, settings: target, overwrite });
    await expect(restore(false)).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
    expect(other.sql("SHOW DATABASES LIKE 'billing'")).toBe("");
    expect(other.sql("SELECT a FROM shop.mine")).toBe("1");

    const { remaining, restored } = await restore(true);
    expect(fingerprint(other)).toEqual(before);
    expect(restored).toContain("the database stock: tables: 3, rows: 20007");
    const former = /now in (shop_before_\w+),/.exec(remaining.join("\n"))?.[1] as string;
    expect(other.sql("SELECT * FROM v", { database: former })).toBe("1\t1");
    expect(other.sql("INSERT INTO mine VALUES (5); SELECT MAX(a) FROM mine", { database: former })).toBe("6");
    expect(other.sql(`SELECT EVENT_NAME, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '${former}'`)).toBe(
      "e\tDISABLED",
    );
    expect(other.sql("SHOW CREATE USER app@'10.0.0.%'")).toBe(hash);
    expect(remaining.join("\n")).toContain("Accounts that were there are as they were: 'app'@'10.0.0.%'");
    other.sql(
      `DROP DATABASE \`${former}\`; DROP DATABASE shop; DROP DATABASE billing; DROP DATABASE \`odd/na"me ü\`; DROP DATABASE stock`,
    );
  });

  test("brings back one database of many, and says which definers are not there", async () => {
    server.sql(BROKEN_VIEW);
    try {
      await lab.capture(source(), identity);
      const target = { host: "127.0.0.1", port: other.port, user: "root", databases: ["stock"] };
      other.sql("CREATE USER IF NOT EXISTS root@'127.0.0.1'; GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION");
      const { remaining } = await source().restore(await lab.captured(), { ...silent, settings: target });
      expect(other.sql("SHOW DATABASES LIKE 'shop'")).toBe("");
      expect(other.sql("SELECT COUNT(*) FROM stock.filler")).toBe("20001");
      expect(remaining.join("\n")).toContain("There is no account gone@localhost");
      const absent = source().restore(await lab.captured(), { ...silent, settings: { ...target, databases: ["x"] } });
      await expect(absent).rejects.toThrow("the snapshot has no database x");
      const wrong = source().restore(await lab.captured(), { ...silent, settings: { method: "dump" } });
      await expect(wrong).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
    } finally {
      server.sql("DROP VIEW stock.own");
      other.sql("DROP DATABASE stock");
    }
  });

  test("is not proven when rows are missing, or a file is cut off", async () => {
    // A view that was broken before is no fault of the snapshot.
    server.sql(BROKEN_VIEW);
    await lab.capture(source(), identity);
    server.sql("DROP VIEW stock.own");
    const captured = await lab.captured();
    const cut = async function* (path: string): AsyncGenerator<Uint8Array> {
      const parts: Uint8Array[] = [];
      for await (const part of captured.read(path, { signal })) parts.push(part);
      const text = Buffer.concat(parts).toString();
      yield Buffer.from(
        path === "contents.json" ? text.replace('"filler": 20001', '"filler": 20002') : text.slice(0, text.length / 2),
      );
    };
    const proof = (damaged: string) =>
      source().prove(
        {
          ...captured,
          facts: captured.facts,
          list: (...args) => captured.list(...args),
          extract: (...args) => captured.extract(...args),
          read: (path, options) => (path === damaged ? cut(path) : captured.read(path, options)),
        },
        { ...silent, scratch: lab.newFolder() },
      );
    const [counted, loaded] = [await proof("contents.json"), await proof("databases/stock/tables.sql")];
    expect(isProven(counted)).toBe(false);
    expect(counted.checks.filter(({ passed }) => !passed)).toMatchObject([
      { detail: "the table filler has 20001 rows, and 20002 were dumped" },
    ]);
    expect(loaded.checks[0]).toMatchObject({ name: "the dump loads", passed: false });
    expect(loaded.usableAfterMs).toBeUndefined();
  });

  test.skipIf(!isRoot)("says that it was not tried where the disk is full", async () => {
    const mount = lab.newFolder();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=70m,mode=700", "none", mount]);
    try {
      const scratch = join(mount, "scratch");
      mkdirSync(scratch, { mode: 0o700 });
      chmodSync(mount, 0o711);
      await expect(source().prove(await lab.captured(), { ...silent, scratch })).rejects.toMatchObject({
        code: "SOURCES_NO_ROOM",
      });
    } finally {
      execFileSync("umount", [mount]);
    }
  });

  test.skipIf(!isRoot)("is let in as another user of the system", async () => {
    server.sql("CREATE USER mysql@localhost IDENTIFIED VIA unix_socket; GRANT ALL ON *.* TO mysql@localhost");
    const as = { user: "mysql", password: undefined, "run-as": "mysql", databases: ["billing"] };
    await lab.capture(source(as, "as"), { kind: "mysql", name: "as" });
    await expect(lab.capture(source({ ...as, "run-as": "no-such-user" }), identity)).rejects.toMatchObject({
      code: "SOURCES_SETTINGS",
    });
  });

  test("is reached over TLS, and not when its certificate is another's", async () => {
    other.sql(`CREATE DATABASE encrypted; CREATE TABLE encrypted.t (a INT); INSERT INTO encrypted.t VALUES (1);
      CREATE USER tls@'127.0.0.1' IDENTIFIED BY 'tls' REQUIRE SSL; GRANT ALL ON *.* TO tls@'127.0.0.1'`);
    lab.secrets.set("TLS", "tls");
    const over = (authority: string): Source =>
      source(
        {
          socket: undefined,
          host: "127.0.0.1",
          port: other.port,
          user: "tls",
          password: { env: "TLS" },
          databases: ["encrypted"],
          tls: { ca: join(lab.folder, authority) },
        },
        "tls",
      );
    await lab.capture(over("own.crt"), { kind: "mysql", name: "tls" });
    expect((await lab.captured()).facts.detail["databases"]).toEqual(["encrypted"]);
    await expect(lab.capture(over("foreign.crt"), { kind: "mysql", name: "tls" })).rejects.toMatchObject({
      code: "SOURCES_UNREACHABLE",
    });
    other.sql("DROP DATABASE encrypted");
  });

  test("that did not change adds next to nothing, by either method", async () => {
    await server.settle();
    for (const method of ["dump", "physical"]) {
      const name = `same-${method}`;
      await lab.capture(source({ method }, name), { kind: "mysql", name });
      const { result } = await lab.capture(source({ method }, name), { kind: "mysql", name });
      expect(result.counts.dataAdded / result.bytesDone, method).toBeLessThan(method === "dump" ? 0.01 : 0.15);
    }
  });

  test("restores a data folder over none of a server that runs, and keeps what was there", async () => {
    await lab.capture(source({ method: "physical" }, "files"), { kind: "mysql", name: "files" });
    const captured = await lab.captured();
    const restore = (folder: string, overwrite = false) =>
      source({ method: "physical" }).restore(captured, { ...silent, form: "data", folder, overwrite });
    await expect(restore(server.data, true)).rejects.toMatchObject({ code: "SOURCES_TARGET_RUNNING" });
    const folder = lab.newFolder();
    writeFileSync(join(folder, "mine"), "mine");
    await expect(restore(folder)).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
    const { remaining } = await restore(folder, true);
    const former = /is now (\S+):/.exec(remaining.join("\n"))?.[1] as string;
    expect(readdirSync(former)).toEqual(["mine"]);
    expect(readdirSync(folder)).toContain("ibdata1");
    expect(readdirSync(folder).filter((name) => name.startsWith(".holdfast"))).toEqual([]);
  });
});
