/** What a restore into a real server must not lose, nor leave unsaid. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CapturedTree } from "../../src/contract/captured-tree.ts";
import type { Source, SourceWarning } from "../../src/contract/source.ts";
import { mysqlKind } from "../../src/mysql/mysql-kind.ts";
import { SourceLab } from "../../src/testing/index.ts";
import { HAS_MARIADB, MariadbServer } from "./mariadb-server.ts";

const signal = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {}, signal };
const identity = { kind: "mysql", name: "all" };
/** Names of the greatest length that differ at their end only. */
const LONG = ["1", "2"].map((end) => `${"long_".repeat(12)}xyz${end}`);

describe.skipIf(!HAS_MARIADB)("into a server", () => {
  let lab: SourceLab;
  let server: MariadbServer;
  let other: MariadbServer;
  let captured: CapturedTree;

  beforeAll(async () => {
    lab = await SourceLab.open();
    [server, other] = await Promise.all([
      MariadbServer.start(lab.folder),
      MariadbServer.start(lab.folder, ["--max-allowed-packet=4M"]),
    ]);
    server.sql(`CREATE DATABASE big; CREATE TABLE big.file (id INT PRIMARY KEY, content LONGBLOB);
      INSERT INTO big.file VALUES (1, 'private');
      INSERT INTO big.file VALUES (2, REPEAT('x', 3 * 1024 * 1024));
      CREATE SEQUENCE big.number; DO NEXTVAL(big.number);
      GRANT SELECT ON big.file TO PUBLIC;
      INSTALL SONAME 'auth_ed25519'; CREATE USER edward@localhost IDENTIFIED VIA ed25519 USING PASSWORD('of-edward')`);
    for (const name of LONG) server.sql(`CREATE DATABASE ${name}; CREATE TABLE ${name}.t (a INT)`);
    await lab.capture(source(), identity);
    captured = await lab.captured();
  }, 120_000);
  afterAll(async () => {
    await Promise.all([server.stop(), other.stop()]);
    lab.remove();
  });

  const source = (settings: Record<string, unknown> = {}): Source =>
    mysqlKind.open(
      "all",
      mysqlKind.settings.parse({ socket: server.socket, user: "root", ...settings }),
      lab.surroundings(),
    );
  const target = (): Record<string, unknown> => ({ socket: other.socket, user: "root" });
  const changedFile = (changed: string, content: (text: string) => AsyncIterable<Uint8Array>): CapturedTree => ({
    ...captured,
    facts: captured.facts,
    list: (...args) => captured.list(...args),
    extract: (...args) => captured.extract(...args),
    async *read(path, options) {
      if (path !== changed) yield* captured.read(path, options);
      else {
        const parts: Uint8Array[] = [];
        for await (const part of captured.read(path, options)) parts.push(part);
        yield* content(Buffer.concat(parts).toString("utf8"));
      }
    },
  });

  test("that takes no statement as large as the largest row nothing is restored, and it says what to do", async () => {
    other.sql("CREATE DATABASE big; CREATE TABLE big.mine (a INT)");
    const restoring = source().restore(captured, { ...silent, settings: target(), overwrite: true });
    await expect(restoring).rejects.toThrow(/SET GLOBAL max_allowed_packet = \d+/);
    expect(other.sql("SHOW TABLES IN big")).toBe("mine");
    other.sql("DROP DATABASE big");
  });

  test("a statement that it refuses is not shown with what is in its row", async () => {
    other.sql("SET GLOBAL max_allowed_packet = 64 * 1024 * 1024");
    const bad = changedFile("databases/big/tables.sql", async function* (text) {
      yield Buffer.from(text.replace("INSERT INTO `file`", "INSERT INTO `nowhere`"));
    });
    const restoring = source().restore(bad, { ...silent, settings: { ...target(), databases: ["big"] } });
    const failure = await restoring.then(
      () => undefined,
      (error: unknown) => String(error),
    );
    expect(failure).toContain("nowhere");
    expect(failure).not.toContain(Buffer.from("private").toString("hex").toUpperCase());
    other.sql("DROP DATABASE big");
  });

  test("what was there is named at once, also when the restore is interrupted then", async () => {
    other.sql("CREATE DATABASE big; CREATE TABLE big.mine (a INT)");
    const abort = new AbortController();
    const warnings: SourceWarning[] = [];
    const interrupted = changedFile("databases/big/tables.sql", async function* (text) {
      yield Buffer.from(text.slice(0, 100));
      abort.abort(new Error("interrupted"));
    });
    const restoring = source().restore(interrupted, {
      ...silent,
      signal: abort.signal,
      onWarning: (warning) => warnings.push(warning),
      settings: { ...target(), databases: ["big"] },
      overwrite: true,
    });
    await expect(restoring).rejects.toThrow("interrupted");
    const former = /now in (big_before_\w+),/.exec(warnings.map(({ message }) => message).join("\n"))?.[1];
    expect(other.sql(`SHOW TABLES IN \`${former}\``)).toBe("mine");
    other.sql(`DROP DATABASE IF EXISTS big; DROP DATABASE \`${former}\``);
  });

  test.for(["interrupted", "refused"] as const)(
    "tables that somebody uses keep their triggers when setting them aside is %s",
    async (how) => {
      other.sql(`CREATE DATABASE big; USE big; CREATE TABLE a (a INT); CREATE TABLE mine (a INT);
        CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.a = 1`);
      const holding = spawn("mariadb", ["--no-defaults", "-uroot", "-S", other.socket, "--unbuffered", "-N", "big"]);
      holding.stdin.write("LOCK TABLES mine READ; SELECT 'held';\n");
      await once(holding.stdout, "data");
      const abort = new AbortController();
      const settings = { ...target(), databases: ["big"] };
      const restoring = source().restore(captured, { ...silent, signal: abort.signal, settings, overwrite: true });
      const ended = restoring.then(
        () => "it ended well",
        (error: unknown) => String(error),
      );
      const waiting = (): string =>
        other.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'RENAME TABLE%'");
      for (let n = 0; n < 400 && waiting() === ""; n++) await sleep(20);
      if (how === "interrupted") abort.abort(new Error("interrupted"));
      else other.sql(`KILL QUERY ${waiting()}`);
      if (how === "interrupted") holding.kill("SIGKILL");
      expect(await ended).toMatch(/interrupted/);
      holding.kill("SIGKILL");
      const triggers = "SELECT EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_NAME = 't'";
      expect(other.sql(triggers)).toBe("a");
      for (const name of other.sql("SHOW DATABASES LIKE 'big%'").split("\n")) other.sql(`DROP DATABASE ${name}`);
    },
  );

  test("long names of databases are set aside under names of their own; accounts, and what all may do, come back", async () => {
    other.sql(LONG.map((name) => `CREATE DATABASE ${name}; CREATE TABLE ${name}.mine (a INT)`).join(";"));
    other.sql("INSTALL SONAME 'auth_ed25519'");
    const { remaining } = await source().restore(captured, { ...silent, settings: target(), overwrite: true });
    const former = [...remaining.join("\n").matchAll(/is now in (\w+),/g)].map(([, name]) => name as string);
    expect(new Set(former).size).toBe(2);
    for (const name of former) expect(other.sql(`SHOW TABLES IN ${name}`)).toBe("mine");
    expect(other.sql("SHOW GRANTS FOR PUBLIC")).toContain("GRANT SELECT ON `big`.`file` TO PUBLIC");
    expect(other.sql("SHOW CREATE USER edward@localhost")).toBe(server.sql("SHOW CREATE USER edward@localhost"));
    expect(other.sql("SELECT LENGTH(content) FROM big.file WHERE id = 2")).toBe(String(3 * 1024 * 1024));
  });

  test("a proof makes accounts of plugins that the server must load, and misses a sequence that is not there", async () => {
    const report = await source().prove(captured, { ...silent, scratch: lab.newFolder() });
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
    const without = changedFile("databases/big/tables.sql", async function* (text) {
      yield Buffer.from(text.replaceAll(/^.*(CREATE SEQUENCE|SETVAL).*$/gm, ""));
    });
    const less = await source().prove(without, { ...silent, scratch: lab.newFolder() });
    expect(less.checks.filter(({ passed }) => !passed)).toMatchObject([{ detail: "the sequence number is not there" }]);
  });
});
