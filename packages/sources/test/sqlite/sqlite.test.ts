/** The kind `sqlite`, with databases that another process writes to. */
import { spawn } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SourceLab, sourceConformance } from "../../src/testing/index.ts";
import { SUM, ask, end, makeBank, startWriter } from "./bank.ts";
import { sqliteKind } from "../../src/sqlite/sqlite-kind.ts";

const never = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {} };
describe.for(["wal", "delete"] as const)("with journal mode %s", (journal) => {
  sourceConformance(sqliteKind, async ({ folder, lab }) => {
    const path = join(folder, `bank-${journal}.db`);
    const restored = join(lab.newFolder(), "bank.db");
    makeBank(path, journal);
    const writer = await startWriter(path);
    const text = join(folder, "text");
    writeFileSync(text, "no database at all");
    return {
      settings: {
        path,
        queries: [
          { sql: "SELECT sum(balance) FROM account", expect: SUM },
          { sql: "SELECT count(*) = 20000 FROM filler", expect: true },
          "SELECT count(*) FROM account",
        ],
      },
      broken: [
        { what: "no such file", settings: { path: join(folder, "absent") }, code: "SOURCES_UNREACHABLE" },
        { what: "no database", settings: { path: text }, code: "SOURCES_SETTINGS" },
      ],
      async destroy() {
        await end(writer);
        for (const name of readdirSync(folder).filter((each) => each.startsWith(basename(path)))) {
          renameSync(join(folder, name), join(folder, `destroyed-${name}`));
        }
      },
      target: { settings: { path: restored } },
      async assertRestored() {
        expect(ask(restored, "SELECT sum(balance) FROM account")).toBe(SUM);
        expect(ask(restored, "SELECT count(*) > 0 FROM transfer")).toBe(1);
        expect(ask(restored, "PRAGMA integrity_check")).toBe("ok");
      },
      isQuiet: async () => readdirSync(folder, { recursive: true }).every((name) => !String(name).includes("sqlite-")),
      close: async () => {
        if (writer.exitCode === null && writer.signalCode === null) await end(writer);
      },
    };
  });
});

describe("a sqlite source", () => {
  let lab: SourceLab;
  let path: string;
  beforeAll(async () => {
    lab = await SourceLab.open();
    path = join(lab.folder, "bank.db");
    makeBank(path, "wal");
  });
  afterAll(() => lab.remove());

  const open = (settings: Record<string, unknown> = {}) =>
    sqliteKind.open("bank", sqliteKind.settings.parse({ path, ...settings }), lab.surroundings());
  const identity = { kind: "sqlite", name: "bank" };

  test("never shows a moment that was not, however often it is captured", async () => {
    const writer = await startWriter(path);
    try {
      for (let n = 0; n < 5; n++) {
        await lab.capture(open(), identity);
        const scratch = lab.newFolder();
        const report = await open({ queries: [{ sql: "SELECT sum(balance) FROM account", expect: SUM }] }).prove(
          await lab.captured(),
          { scratch, signal: never, onStep: () => {} },
        );
        expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
      }
    } finally {
      await end(writer);
    }
  });

  test("a proof fails where the answer is another, a table is missing, or a page is torn", async () => {
    await lab.capture(open(), identity);
    const queries = [
      { sql: "SELECT count(*) FROM filler", expect: 3 },
      "SELECT * FROM nothing_of_the_kind",
      "SELECT NULL",
    ];
    const options = { signal: never, onStep: () => {} };
    const report = await open({ queries }).prove(await lab.captured(), { ...options, scratch: lab.newFolder() });
    expect(report.checks.map(({ passed }) => passed)).toEqual([true, true, false, false, false]);
    expect(report.checks[2]?.detail).toBe("20000, where 3 was expected");

    const torn = join(lab.newFolder(), "torn.db");
    writeFileSync(torn, readFileSync(path));
    const file = openSync(torn, "r+");
    writeSync(file, Buffer.alloc(4096, 0xaa), 0, 4096, Math.floor(statSync(torn).size / 8192) * 4096);
    closeSync(file);
    const { warnings } = await lab.capture(open({ path: torn }), identity);
    expect(warnings).toMatchObject([{ code: "damaged-source" }]);
    const damaged = await open().prove(await lab.captured(), { ...options, scratch: lab.newFolder() });
    expect(damaged.checks.some(({ passed }) => !passed)).toBe(true);
  });

  test("a database that is there is refused; with overwrite it is set aside with its log, and the new one has none", async () => {
    await lab.capture(open(), identity);
    const captured = await lab.captured();
    const target = join(lab.newFolder(), "live.db");
    makeBank(target, "wal");
    const user = new DatabaseSync(target);
    user.exec("UPDATE account SET balance = 0; INSERT INTO filler (text) VALUES ('mine')");
    const holder = spawn("sleep", ["300"], { stdio: [openSync(target, "r"), "ignore", "ignore"] });
    const restore = (overwrite: boolean) =>
      open().restore(captured, { ...silent, settings: { path: target }, overwrite, signal: never });
    await expect(restore(false)).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
    await expect(restore(true)).rejects.toMatchObject({ code: "SOURCES_TARGET_RUNNING" });
    expect(Object.values(user.prepare("SELECT sum(balance) FROM account").get() ?? {})[0]).toBe(0);
    await end(holder);
    // As after a crash: the log stays beside the database.
    const log = readFileSync(`${target}-wal`);
    const whole = readFileSync(target);
    user.close();
    writeFileSync(target, whole);
    writeFileSync(`${target}-wal`, log);
    const { remaining } = await restore(true);
    expect(ask(target, "SELECT sum(balance) FROM account")).toBe(SUM);
    const former = /is now (\S+):/.exec(remaining[0] ?? "")?.[1] as string;
    expect(ask(former, "SELECT sum(balance) FROM account")).toBe(0);
    expect(existsSync(`${former}-wal`)).toBe(true);
  });

  test("a database whose writer was cut off is not captured, and the error says what to do", async () => {
    const folder = lab.newFolder();
    const cut = join(folder, "cut.db");
    const writing = new DatabaseSync(join(folder, "live.db"));
    const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)";
    writing.exec(`PRAGMA cache_size = 1; CREATE TABLE t(a); INSERT INTO t ${numbers} SELECT randomblob(500) FROM n`);
    writing.exec("BEGIN; UPDATE t SET a = randomblob(500)");
    for (const ending of ["", "-journal"]) copyFileSync(join(folder, `live.db${ending}`), cut + ending);
    writing.close();
    const capturing = lab.capture(open({ path: cut }), identity);
    await expect(capturing).rejects.toMatchObject({
      code: "SOURCES_UNREACHABLE",
      message: expect.stringContaining("cut off"),
    });
  });

  test("an abort in the middle of a copy leaves nothing behind", async () => {
    const abort = new AbortController();
    const surroundings = lab.surroundings();
    const source = sqliteKind.open("bank", sqliteKind.settings.parse({ path }), surroundings);
    const capture = source.capture({ signal: abort.signal, onWarning: () => {} });
    setTimeout(() => abort.abort(new Error("interrupted")), 5);
    await expect(capture).rejects.toThrow("interrupted");
    expect(readdirSync(surroundings.temporary)).toEqual([]);
  });
});
