/** Point in time: binary logs of a real server in the journal of a repository, and restores to times, ids and places in them. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RecoveryTarget, parseRecoveryTarget } from "../../src/contract/recovery-target.ts";
import type { CapturedTree } from "../../src/contract/captured-tree.ts";
import type { Source } from "../../src/contract/source.ts";
import { isProven } from "../../src/contract/source.ts";
import { binlogFormat } from "../../src/mysql/journal/binlog-format.ts";
import { mysqlKind } from "../../src/mysql/mysql-kind.ts";
import { SourceLab } from "../../src/testing/index.ts";
import { HAS_MARIADB, MariadbServer } from "./mariadb-server.ts";

const signal = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {}, signal };
const DUMP = { kind: "mysql", name: "dumped" };
const PHYSICAL = { kind: "mysql", name: "physical" };

describe.skipIf(!HAS_MARIADB)("binary logs", () => {
  let lab: SourceLab;
  let server: MariadbServer;
  let other: MariadbServer;
  let spool: string;
  let dumped: CapturedTree;
  let physical: CapturedTree;
  /** After the notes that are meant to come back, and before the others. */
  let until: RecoveryTarget;
  let gtid = "";
  let place = "";

  const source = (name: string, settings: Record<string, unknown> = {}): Source =>
    mysqlKind.open(
      name,
      mysqlKind.settings.parse({ socket: server.socket, user: "root", ...settings }),
      lab.surroundings(),
    );
  const note = (text: string, on = server): string => on.sql(`INSERT INTO shop.note (text) VALUES ('${text}')`);
  const notes = (on: MariadbServer): string[] => on.sql("SELECT text FROM shop.note ORDER BY id").split("\n");
  const files = async () =>
    Promise.all(
      readdirSync(spool)
        .sort()
        .map((name) => binlogFormat.examine(join(spool, name), { signal })),
    );
  const pushAll = async (): Promise<void> => {
    for (const identity of [DUMP, PHYSICAL]) await lab.push(identity, { format: binlogFormat, files: await files() });
  };
  /** Follows the server until its spool folder has all that the server has. */
  const followed = async (): Promise<void> => {
    const end = new AbortController();
    const following = source("dumped").journal?.follow({ spool, signal: end.signal }) as Promise<void>;
    const ended = following.then(
      () => "it ended by itself",
      (error: unknown) => String(error),
    );
    const [name = "", position] = server.sql("SHOW MASTER STATUS").split("\t");
    try {
      for (let n = 0; ; n++) {
        const file = existsSync(join(spool, name))
          ? await binlogFormat.examine(join(spool, name), { signal }).catch(() => undefined)
          : undefined;
        if (file?.usedBytes === Number(position)) break;
        if (n > 400) throw new Error(`the spool has ${readdirSync(spool).join(", ")}, and not ${name}:${position}`);
        await sleep(50);
      }
    } finally {
      end.abort(new Error("enough"));
      expect(await ended).toBe("Error: enough");
    }
  };

  beforeAll(async () => {
    lab = await SourceLab.open();
    spool = lab.newFolder();
    [server, other] = await Promise.all([
      MariadbServer.start(lab.folder),
      MariadbServer.start(lab.folder, ["--event-scheduler=OFF"]),
    ]);
    server.sql(`CREATE DATABASE shop; CREATE TABLE shop.note (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(50));
      CREATE TABLE shop.doomed (a INT PRIMARY KEY); INSERT INTO shop.doomed VALUES (1), (2); FLUSH BINARY LOGS`);
    note("captured");
    await lab.capture(source("dumped"), DUMP);
    dumped = await lab.captured();
    note("between");
    await lab.capture(source("physical", { method: "physical" }), PHYSICAL);
    physical = await lab.captured();
    note("before 1");
    server.sql("FLUSH BINARY LOGS; CREATE TABLE shop.late (a INT PRIMARY KEY); INSERT INTO shop.late VALUES (7)");
    server.sql("BEGIN; INSERT INTO shop.note (text) VALUES ('rolled back'); ROLLBACK");
    note("before 2");
    gtid = server.sql("SELECT @@gtid_binlog_pos");
    place = server.sql("SHOW MASTER STATUS").split("\t").slice(0, 2).join(":");
    const second = Math.floor(Date.now() / 1000) + 1;
    until = parseRecoveryTarget(new Date(second * 1000).toISOString());
    await sleep(second * 1000 + 100 - Date.now());
    note("after");
    server.sql("DROP TABLE shop.doomed; CREATE USER later@localhost IDENTIFIED BY 'later'");
    await followed();
    await pushAll();
    // It cannot close its log, and begins another one.
    await server.stop("SIGKILL");
    await server.run();
    note("after the crash");
    await followed();
    await pushAll();
  }, 120_000);
  afterAll(async () => {
    await Promise.all([server.stop(), other.stop()]);
    lab.remove();
  });

  test("arrive as the server has them, under the stream of their server", async () => {
    const all = await files();
    expect(all.length).toBeGreaterThanOrEqual(4);
    expect(new Set(all.map(({ stream }) => stream))).toEqual(new Set(["bin-1"]));
    const [first] = all;
    expect(first?.isPartial).toBe(false);
    expect(readFileSync(first?.path as string).equals(readFileSync(join(server.data, first?.name as string)))).toBe(
      true,
    );
    expect(all.map(({ isPartial }) => isPartial)).toEqual(all.map((_, at) => at === all.length - 1));
  });

  test("are without a gap, also where the server was killed; a missing file is one", async () => {
    const journal = await lab.journal(DUMP);
    const need = binlogFormat.neededFrom(dumped.facts);
    expect(need).toMatchObject({ stream: "bin-1", from: expect.stringMatching(/^bin\.0+2$/) });
    const reach = await binlogFormat.reach(journal, need as NonNullable<typeof need>, { signal });
    expect(reach.gaps).toEqual([]);
    const last = (await files()).at(-1);
    expect(reach.position).toBe(`${last?.name}:${last?.usedBytes}`);

    const holed = { kind: "mysql", name: "holed" };
    const some = (await files()).filter(({ name }) => !name.endsWith("3"));
    await lab.push(holed, { format: binlogFormat, files: some });
    const gapped = await binlogFormat.reach(await lab.journal(holed), need as NonNullable<typeof need>, { signal });
    expect(gapped.gaps).toEqual([{ first: "bin.000003", last: "bin.000003", count: 1 }]);
    expect(gapped.last?.name).toBe("bin.000002");
    const recovery = { journal: await lab.journal(holed), until: parseRecoveryTarget("gtid:" + gtid) };
    const restored = source("holed").restore(dumped, {
      ...silent,
      settings: { socket: other.socket, user: "root" },
      recovery,
    });
    await expect(restored).rejects.toMatchObject({ code: "SOURCES_JOURNAL_GAP" });
    expect(other.sql("SHOW DATABASES LIKE 'shop'")).toBe("");
    const latest = { ...recovery, until: parseRecoveryTarget("latest") };
    const report = await source("holed").prove(dumped, { scratch: lab.newFolder(), recovery: latest, ...silent });
    const replayed = report.checks.find(({ name }) => name.includes("replayed to latest"));
    expect(replayed?.detail).toMatch(/^bin\.000002:\d+, after which bin\.000003 is missing$/);
  });

  test("which were cut short in the middle are a gap, though the next file is there", async () => {
    const cut = { kind: "mysql", name: "cut" };
    const all = await files();
    // The log of the server that was killed: without its last transactions nothing in it says that something is missing.
    const torn = all.at(-2) as (typeof all)[number];
    const [whole, folder] = [readFileSync(torn.path), lab.newFolder()];
    const events: number[] = [];
    for (let at = 4; at < whole.length; at += whole.readUInt32LE(at + 9)) events.push(at);
    writeFileSync(join(folder, torn.name), whole.subarray(0, events.at(-3)));
    const shorter = await binlogFormat.examine(join(folder, torn.name), { signal });
    expect(shorter.isPartial).toBe(true);
    // As in the folder of who was interrupted, and went on with what the server still had.
    const next = all.at(-1) as (typeof all)[number];
    copyFileSync(next.path, join(folder, next.name));
    expect((await binlogFormat.examine(join(folder, torn.name), { signal })).isPartial).toBe(true);
    await lab.push(cut, { format: binlogFormat, files: [...all.filter(({ name }) => name !== torn.name), shorter] });
    const need = binlogFormat.neededFrom(dumped.facts) as NonNullable<ReturnType<typeof binlogFormat.neededFrom>>;
    const { gaps } = await binlogFormat.reach(await lab.journal(cut), need, { signal });
    expect(gaps).toEqual([{ first: torn.name, last: torn.name, count: 1 }]);
  });

  test("bring a dump to a time: what was written before is there, what was written after is not", async () => {
    const queries = {
      shop: [
        { sql: "SELECT GROUP_CONCAT(text ORDER BY id) FROM note", expect: "captured,between,before 1,before 2" },
        { sql: "SELECT COUNT(*) FROM doomed", expect: 2 },
        { sql: "SELECT a FROM late", expect: 7 },
      ],
    };
    const proving = { scratch: lab.newFolder(), recovery: { journal: await lab.journal(DUMP), until }, ...silent };
    const report = await source("dumped", { queries }).prove(dumped, proving);
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(isProven(report)).toBe(true);
    expect(report.checks.some(({ name }) => name.startsWith("the binary log is replayed to 2"))).toBe(true);
  });

  test("bring a physical capture to a time, and its server to nothing that comes after", async () => {
    const queries = {
      shop: [
        { sql: "SELECT GROUP_CONCAT(text ORDER BY id) FROM note", expect: "captured,between,before 1,before 2" },
        { sql: "SELECT COUNT(*) FROM doomed", expect: 2 },
      ],
    };
    const proving = { scratch: lab.newFolder(), recovery: { journal: await lab.journal(PHYSICAL), until }, ...silent };
    const report = await source("physical", { method: "physical", queries }).prove(physical, proving);
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
  });

  test("bring a server to just after a transaction, or to a place", async () => {
    for (const target of [`gtid:${gtid}`, `binlog:${place}`]) {
      const recovery = { journal: await lab.journal(DUMP), until: parseRecoveryTarget(target) };
      await source("dumped").restore(dumped, { ...silent, settings: { socket: other.socket, user: "root" }, recovery });
      expect(notes(other), target).toEqual(["captured", "between", "before 1", "before 2"]);
      expect(other.sql("SELECT COUNT(*) FROM shop.doomed"), target).toBe("2");
      other.sql("DROP DATABASE shop");
    }
  });

  test("bring a data folder to the latest, with which a server starts", async () => {
    const recovery = { journal: await lab.journal(PHYSICAL), until: parseRecoveryTarget("latest") };
    const folder = lab.newFolder();
    rmSync(folder, { recursive: true });
    const report = await source("physical").restore(physical, { ...silent, form: "data", folder, recovery });
    expect(report.restored.at(-1)).toMatch(/^the binary log up to bin\.\d+:\d+$/);
    await other.stop();
    await other.run(folder);
    expect(notes(other)).toEqual(["captured", "between", "before 1", "before 2", "after", "after the crash"]);
    expect(other.sql("SHOW TABLES IN shop")).toBe("late\nnote");
    expect(other.sql("SELECT User FROM mysql.user WHERE User IN ('later', 'holdfast-replay')")).toBe("later");
  });

  test("bring no data folder anywhere whose server did not end as it should", async () => {
    const tools = lab.newFolder();
    chmodSync(tools, 0o755);
    for (const name of ["mariadb", "mariadb-backup", "mariadb-binlog"])
      symlinkSync(`/usr/bin/${name}`, join(tools, name));
    writeFileSync(join(tools, "mariadbd"), '#!/bin/sh\n/usr/sbin/mariadbd "$@"\nexit 3\n', { mode: 0o755 });
    const recovery = { journal: await lab.journal(PHYSICAL), until: parseRecoveryTarget("latest") };
    const folder = lab.newFolder();
    const restoring = source("physical", { tools }).restore(physical, { ...silent, form: "data", folder, recovery });
    await expect(restoring).rejects.toThrow("exit code 3");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("bring a server that was quiet to a time at which its log went on, and to no place behind its end", async () => {
    const second = Math.floor(Date.now() / 1000) + 1;
    await sleep(second * 1000 + 100 - Date.now());
    const quiet = async (): Promise<unknown> => {
      await followed();
      await lab.push(DUMP, { format: binlogFormat, files: await files() });
      const recovery = {
        journal: await lab.journal(DUMP),
        until: parseRecoveryTarget(new Date(second * 1000).toISOString()),
      };
      return source("dumped").prove(dumped, { scratch: lab.newFolder(), recovery, ...silent });
    };
    await expect(quiet()).rejects.toMatchObject({ code: "SOURCES_JOURNAL_GAP" });
    server.sql("FLUSH BINARY LOGS");
    expect(isProven((await quiet()) as Awaited<ReturnType<NonNullable<Source["prove"]>>>)).toBe(true);

    const [name, position] = server.sql("SHOW MASTER STATUS").split("\t");
    const recovery = {
      journal: await lab.journal(DUMP),
      until: parseRecoveryTarget(`binlog:${name}:${Number(position) + 1}`),
    };
    const behind = source("dumped").prove(dumped, { scratch: lab.newFolder(), recovery, ...silent });
    await expect(behind).rejects.toMatchObject({ code: "SOURCES_JOURNAL_GAP" });
  });

  test("that end before the time that is asked for are refused; so is what a capture cannot reach", async () => {
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const recovery = { journal: await lab.journal(DUMP), until: parseRecoveryTarget(soon) };
    const proving = source("dumped").prove(dumped, { scratch: lab.newFolder(), recovery, ...silent });
    await expect(proving).rejects.toMatchObject({ code: "SOURCES_JOURNAL_GAP" });
    const reaches = (text: string): boolean | undefined =>
      source("dumped").reaches?.(dumped.facts, parseRecoveryTarget(text));
    expect(reaches("2020-01-01T00:00:00Z")).toBe(false);
    expect(reaches("gtid:0-1-1")).toBe(false);
    expect(reaches("name:here")).toBe(false);
    expect(reaches("binlog:bin.000001:4")).toBe(false);
    expect([soon, "latest", `gtid:${gtid}`, `binlog:${place}`].map(reaches)).toEqual([true, true, true, true]);
  });
});
