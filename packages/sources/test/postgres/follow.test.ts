/** The WAL of a real server in a spool folder: how following goes on after what may have happened to either. */
import { chownSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { walFormat } from "../../src/postgres/physical/wal-format.ts";
import { postgresKind } from "../../src/postgres/postgres-kind.ts";
import { PostgresServer, SourceLab, postgresBinaries } from "../../src/testing/index.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

describe.skipIf(postgresBinaries() === undefined)("following the WAL", () => {
  let lab: SourceLab;
  let server: PostgresServer;
  let spool: string;

  beforeAll(async () => {
    lab = await SourceLab.open();
    server = await PostgresServer.start({
      configuration: ["min_wal_size = 32MB", "max_wal_size = 32MB", "max_slot_wal_keep_size = 64MB"],
    });
    spool = lab.newFolder();
  });
  afterAll(async () => {
    await server.end();
    lab.remove();
  });

  const sql = (text: string): string => server.sql("postgres", text);
  /** Makes the server finish its segment. @returns its name */
  const finish = (): string =>
    sql("CREATE TABLE IF NOT EXISTS note (); INSERT INTO note DEFAULT VALUES; SELECT pg_walfile_name(pg_switch_wal())");
  const follow = (signal: AbortSignal, journal = {}): Promise<void> | undefined => {
    const { host, port } = server;
    const given = { method: "physical", host, port, user: "postgres", journal };
    return postgresKind.open("shop", postgresKind.settings.parse(given), lab.surroundings()).journal?.follow({
      spool,
      signal,
    });
  };
  /** Follows until a segment is there. @returns why it ended by itself, if it did */
  async function untilThere(name: string, journal = {}): Promise<unknown> {
    const end = new AbortController();
    let why: unknown;
    const following = follow(end.signal, journal)?.catch((error: unknown) => {
      why = error;
    });
    for (let n = 0; n < 400 && why === undefined && !readdirSync(spool).includes(name); n++) await sleep(50);
    const ended = why;
    end.abort(new Error("enough"));
    await following;
    return ended;
  }
  /** The server goes on for so long that it keeps nothing of what comes after this segment. */
  function outrun(name: string): void {
    for (let n = 0; n < 10; n++) finish();
    for (let n = 0; readdirSync(join(server.data, "pg_wal")).includes(name); n++) {
      if (n > 20) throw new Error(`${name} is still there`);
      finish();
      sql("CHECKPOINT");
    }
  }

  test("goes on where it was killed while it made a file ahead", async () => {
    const name = finish();
    for (const size of [1, 2 * 1024 * 1024]) {
      const path = join(spool, `${name}.partial`);
      rmSync(join(spool, name), { force: true });
      writeFileSync(path, Buffer.alloc(size));
      if (server.user !== undefined) chownSync(path, server.user.uid, server.user.gid);
      expect(await untilThere(name)).toBeUndefined();
      const { usedBytes } = await walFormat.examine(join(spool, name), { signal: new AbortController().signal });
      expect(usedBytes).toBe(16 * 1024 * 1024);
    }
  });

  test("says so when the server has removed what comes next", async () => {
    const next = finish();
    outrun(next);
    const why = await untilThere(next);
    expect(why).toMatchObject({ code: "SOURCES_JOURNAL_REMOVED" });
    expect(String(why)).toContain("has already been removed");
  });

  test("says so when the server has given its slot up, and makes another one", async () => {
    const journal = { slot: "holdfast" };
    for (const name of readdirSync(spool)) rmSync(join(spool, name));
    sql("SELECT pg_create_physical_replication_slot('holdfast', true)");
    const name = finish();
    expect(await untilThere(name, journal)).toBeUndefined();
    outrun(name);
    for (let n = 0; n < 20 && sql("SELECT wal_status FROM pg_replication_slots") !== "lost"; n++) {
      finish();
      sql("CHECKPOINT");
    }
    expect(await untilThere("what never comes", journal)).toMatchObject({ code: "SOURCES_JOURNAL_REMOVED" });
    for (const each of readdirSync(spool)) rmSync(join(spool, each));
    const next = sql("SELECT pg_walfile_name(pg_current_wal_lsn())");
    const following = untilThere(next, journal);
    for (let n = 0; n < 200 && sql("SELECT active FROM pg_replication_slots") !== "t"; n++) await sleep(50);
    finish();
    expect(await following).toBeUndefined();
    expect(readdirSync(spool)).toContain(next);
    expect(sql("SELECT wal_status FROM pg_replication_slots")).toBe("reserved");
  });
});
