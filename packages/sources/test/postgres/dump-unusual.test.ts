/** Dumps of databases with locales of ICU, tablespaces, subscriptions and extensions; of standbys; onto disks that are full. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CapturedTree } from "../../src/contract/captured-tree.ts";
import type { RestoreReport } from "../../src/contract/source.ts";
import { dumpDetailOf } from "../../src/postgres/dump/dump-facts.ts";
import { postgresKind } from "../../src/postgres/postgres-kind.ts";
import { PostgresServer, SourceLab, postgresBinaries } from "../../src/testing/index.ts";

const never = new AbortController().signal;
const identity = { kind: "postgres", name: "unusual" };

describe.skipIf(postgresBinaries() === undefined)("dumps of unusual PostgreSQL", () => {
  let lab: SourceLab;
  let server: PostgresServer;
  let captured: CapturedTree;

  beforeAll(async () => {
    lab = await SourceLab.open();
    server = await PostgresServer.start();
    server.sql("postgres", `CREATE TABLESPACE fast LOCATION '${folderOf(server, "fast")}'`);
    server.sql(
      "postgres",
      "CREATE DATABASE words TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'sv-SE' LOCALE 'C.UTF-8'",
    );
    server.sql(
      "postgres",
      "CREATE TABLE only_view AS SELECT 1; DROP TABLE only_view; CREATE VIEW nothing_else AS SELECT 1 AS one",
    );
    server.sql(
      "words",
      `CREATE EXTENSION hstore; CREATE TABLE word (text text PRIMARY KEY, more hstore) TABLESPACE fast;
       INSERT INTO word VALUES ('z', 'a=>1'), ('ö', NULL);
       CREATE UNLOGGED TABLE passing AS SELECT 1 AS a;
       CREATE TABLE large TABLESPACE fast AS SELECT repeat(md5(g::text), 60) FROM generate_series(1, 2000) g;
       CREATE SUBSCRIPTION far CONNECTION 'host=192.0.2.1 password=hidden' PUBLICATION p WITH (connect = false, slot_name = NONE, enabled = false);`,
    );
    const { warnings } = await lab.capture(open(), identity);
    expect(warnings).toEqual([]);
    captured = await lab.captured();
  });
  afterAll(async () => {
    await server.end();
    lab.remove();
  });

  const open = (at: PostgresServer = server) => {
    const settings = postgresKind.settings.parse({ host: at.host, port: at.port, user: "postgres" });
    return postgresKind.open("unusual", settings, lab.surroundings());
  };
  /** A capture of a standby that has to remove in its middle what the dump still reads. */
  async function interruptedByPrimary(standby: PostgresServer): Promise<void> {
    const capture = await open(standby).capture({ signal: never, onWarning: () => {} });
    try {
      for await (const entry of capture.entries) {
        if (entry.kind !== "file") continue;
        let isChanged = false;
        for await (const _ of entry.content) {
          if (isChanged || !entry.path.endsWith("words.dump")) continue;
          isChanged = true;
          server.sql("words", "DELETE FROM large; VACUUM large; CREATE TABLE seen AS SELECT 1");
          const until = Date.now() + 20_000;
          while (Date.now() < until && standby.sql("words", "SELECT to_regclass('seen') IS NOT NULL") !== "t")
            await sleep(50);
        }
      }
    } finally {
      await capture.close();
    }
  }
  const restore = (at: PostgresServer, settings: Record<string, unknown> = {}): Promise<RestoreReport> =>
    open(at).restore(captured, { settings, signal: never, onWarning: () => {}, onStep: () => {} });

  test("tell of their locales, tablespaces, extensions and subscriptions", () => {
    const words = dumpDetailOf(captured.facts).databases.find(({ name }) => name === "words");
    expect(words).toMatchObject({ provider: "icu", locale: "sv-SE", tablespaces: ["fast"], subscriptions: ["far"] });
    expect(words?.collationVersion).toMatch(/^\d/);
    expect(words?.extensions.map(({ name }) => name)).toEqual(["hstore", "plpgsql"]);
  });

  test("are proven with what they need", async () => {
    const { checks } = await open().prove(captured, { scratch: lab.newFolder(), signal: never, onStep: () => {} });
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(checks.map(({ name }) => name)).toContain("words: pg_amcheck");
  });

  test("are restored without the tablespaces and subscriptions that a server lacks, which is said; a full disk leaves nothing", async () => {
    const other = await PostgresServer.start();
    const disk = folderOf(other, "disk");
    try {
      const { remaining } = await restore(other);
      expect(other.sql("words", "SELECT string_agg(text, '' ORDER BY text) FROM word")).toBe("zö");
      // Also what has no tables.
      expect(other.sql("postgres", "SELECT one FROM nothing_else")).toBe("1");
      expect(remaining.join("\n")).toMatch(/lacks the tablespaces fast/);
      expect(remaining.join("\n")).toMatch(/Subscriptions were left out: far of words/);
      expect(other.sql("words", "SELECT count(*) FROM pg_subscription")).toBe("0");

      if (!isMounted(disk, other)) return;
      other.sql("postgres", `CREATE TABLESPACE fast LOCATION '${join(disk, "fast")}'`);
      const before = other.sql("postgres", "SELECT datname FROM pg_database ORDER BY 1");
      const full = restore(other, { databases: ["words"], "target-database": "more" });
      await expect(full).rejects.toMatchObject({ code: "SOURCES_NO_ROOM" });
      expect(other.sql("postgres", "SELECT datname FROM pg_database ORDER BY 1")).toBe(before);
    } finally {
      await other.stop("SIGQUIT");
      unmount(disk);
      await other.end();
    }
  });

  test.skipIf(!existsSync("/usr/share/i18n/locales/POSIX"))(
    "are proven with another locale where theirs is missing, which is said",
    async () => {
      const locales = lab.newFolder();
      chmodSync(locales, 0o755);
      // Of the smallest, by another name; it warns, and says so by its exit code.
      const made = ["--no-archive", "--force", "-i", "POSIX", "-f", "UTF-8", join(locales, "de_DE.UTF-8")];
      spawnSync("localedef", made, { stdio: "ignore" });
      const german = await PostgresServer.start({ environment: { LOCPATH: locales } });
      try {
        german.sql("postgres", "CREATE DATABASE wort TEMPLATE template0 LOCALE 'de_DE.UTF-8'");
        german.sql("wort", "CREATE TABLE wort AS SELECT 'ä' AS text");
        await lab.capture(open(german), identity);
        const tree = await lab.captured();
        const { checks } = await open(german).prove(tree, {
          scratch: lab.newFolder(),
          signal: never,
          onStep: () => {},
        });
        expect(checks.filter(({ passed }) => !passed)).toEqual([]);
        const restored = checks.find(({ name }) => name === "wort: restored");
        expect(restored?.detail).toContain(
          "this machine lacks the locale de_DE.UTF-8, so it was restored with C.UTF-8",
        );
      } finally {
        await german.end();
      }
    },
  );

  test("of a standby are of one moment; what it does not have, or must remove meanwhile, is said", async () => {
    const copy = join(lab.newFolder(), "..", "standby");
    mkdirSync(copy, { mode: 0o700 });
    if (server.user !== undefined) chownSync(copy, server.user.uid, server.user.gid);
    const slot = ["--pgdata", copy, "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync"];
    const spaces = `--tablespace-mapping=${join(server.folder, "fast")}=${join(copy, "..", "standby-fast")}`;
    execFileSync(join(server.binaries, "pg_basebackup"), [...slot, spaces], {
      env: { ...process.env, ...server.variables },
      stdio: ["ignore", "ignore", "pipe"],
      cwd: "/",
    });
    if (server.user !== undefined) execFileSync("chown", ["-R", "postgres", copy, join(copy, "..", "standby-fast")]);
    const standby = await PostgresServer.start({ data: copy, configuration: ["max_standby_streaming_delay = 0"] });
    try {
      while (standby.sql("postgres", "SELECT pg_is_in_recovery()") !== "t") await sleep(20);
      const { warnings } = await lab.capture(open(standby), identity);
      expect(warnings).toMatchObject([{ code: "unlogged-left-out" }]);
      const { facts } = await lab.captured();
      expect(dumpDetailOf(facts)).toMatchObject({ sameMoment: true });
      expect(facts.position["lsn"]).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
      await expect(restore(standby)).rejects.toMatchObject({ code: "SOURCES_UNSUPPORTED" });
      const { checks } = await open().prove(await lab.captured(), {
        scratch: lab.newFolder(),
        signal: never,
        onStep: () => {},
      });
      expect(checks.filter(({ passed }) => !passed)).toEqual([]);
      await expect(interruptedByPrimary(standby)).rejects.toMatchObject({
        code: "SOURCES_INTERRUPTED",
        hint: expect.stringContaining("max_standby_streaming_delay"),
      });
    } finally {
      await standby.end();
    }
  });
});

/** A folder of the server's user, in that of the server. */
function folderOf(server: PostgresServer, name: string): string {
  const folder = join(server.folder, name);
  mkdirSync(folder);
  if (server.user !== undefined) chownSync(folder, server.user.uid, server.user.gid);
  return folder;
}

/** A disk of a megabyte, where this process may make one. */
function isMounted(folder: string, { user }: PostgresServer): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { stdio: "ignore" });
  } catch {
    return false;
  }
  mkdirSync(join(folder, "fast"));
  if (user !== undefined) chownSync(join(folder, "fast"), user.uid, user.gid);
  return true;
}

function unmount(folder: string): void {
  try {
    execFileSync("umount", [folder], { stdio: "ignore" });
  } catch {
    // It was not mounted.
  }
}
