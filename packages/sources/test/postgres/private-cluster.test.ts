/** Servers that proofs start for themselves. */
import { join } from "node:path";
import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postgresPrograms } from "../../src/postgres/connection.ts";
import {
  PrivateCluster,
  initializeCluster,
  letThrough,
  serverFolder,
  serverUser,
} from "../../src/postgres/private-cluster.ts";
import { findTools } from "../../src/postgres/tools.ts";
import { SourceLab, postgresBinaries } from "../../src/testing/index.ts";

const never = { signal: new AbortController().signal };

describe.skipIf(postgresBinaries() === undefined)("a private cluster", () => {
  let lab: SourceLab;
  let cluster: PrivateCluster;
  let folder: string;

  beforeAll(async () => {
    lab = await SourceLab.open();
    folder = lab.newFolder();
    const programs = postgresPrograms("source db", { environment: process.env });
    const wanted = { tools: ["postgres", "initdb", "psql"] as const, folder: undefined, setting: "server-binaries" };
    const tools = await findTools({ ...wanted, tools: [...wanted.tools], major: undefined }, programs, never);
    const user = await serverUser("postgres", programs, never);
    await letThrough(folder, folder, user);
    const [data, work] = [join(folder, "data"), join(folder, "run")];
    await serverFolder(data, user);
    const parts = { programs, tools, data, user, superuser: "odd name" };
    await initializeCluster(parts, ["--encoding=UTF8", "--locale=C"], never);
    cluster = await PrivateCluster.start({ ...parts, work, readyWithinMs: 60_000 }, never);
  });
  afterAll(async () => {
    await cluster.end();
    lab.remove();
  });

  test("has no network, no archive, no standbys and no subscriptions", async () => {
    const row = await cluster.psql.row<Record<string, string>>(
      "postgres",
      `SELECT current_setting('listen_addresses') AS network, current_setting('archive_mode') AS archive,
         current_setting('max_logical_replication_workers') AS subscriptions, current_setting('autovacuum') AS vacuum`,
      never,
    );
    expect(row).toEqual({ network: "", archive: "off", subscriptions: "0", vacuum: "off" });
  });

  test("answers with what is there: text, no row, NULL, the first of several, and truth", async () => {
    const ask = (sql: string) => cluster.psql.ask("postgres", sql, never);
    expect(await ask("SELECT 'a\nb''\\', 2")).toBe("a\nb'\\");
    expect(await ask("SELECT 1 WHERE false")).toBeUndefined();
    expect(await ask("SELECT NULL")).toBeNull();
    expect(await ask("SELECT ''")).toBe("");
    expect(await ask("SELECT '', 1 UNION ALL SELECT 'x', 2")).toBe("");
    expect(await ask("SELECT * FROM (VALUES (3), (4)) v; ")).toBe("3");
    expect(await ask("SELECT true")).toBe("t");
    expect(await ask("SHOW server_encoding")).toBe("UTF8");
  });

  test("takes nothing of SQL for a command of psql", async () => {
    const file = join(folder, "written");
    const sql = `SELECT 1\n\\! touch ${file}\n`;
    await expect(cluster.psql.ask("postgres", sql, never)).rejects.toThrow(/syntax error/);
    await expect(cluster.psql.execute("postgres", [`'\\! touch ${file}`], never)).rejects.toThrow(/unterminated/);
    await expect(cluster.psql.execute("postgres", [`\\\\ ' \\! touch ${file}`], never)).rejects.toThrow(/syntax error/);
    expect(existsSync(file)).toBe(false);
  });

  test("gives rows as they are, from databases of any name", async () => {
    const name = `odd = '"\\ name`;
    await cluster.psql.execute("postgres", [`CREATE DATABASE "odd = '""\\ name"`], never);
    const rows = await cluster.psql.rows(
      name,
      `SELECT current_database() AS name, E'a\\nb' AS text, NULL AS none`,
      never,
    );
    expect(rows).toEqual([{ name, text: "a\nb", none: null }]);
  });

  test("stops at the first statement that fails", async () => {
    const statements = ["CREATE TABLE one (a int)", "CREATE NONSENSE", "CREATE TABLE two (a int)"];
    await expect(
      cluster.psql.execute(
        "postgres",
        statements.map((each) => each.replace("TABLE ", "TABLE public.")),
        never,
      ),
    ).rejects.toMatchObject({ code: "SOURCES_TOOL_FAILED" });
    const rows = await cluster.psql.rows(
      "postgres",
      "SELECT relname FROM pg_class WHERE relname IN ('one', 'two')",
      never,
    );
    expect(rows).toEqual([{ relname: "one" }]);
    expect(readFileSync(join(folder, "run", "log"), "utf8")).toContain("CREATE NONSENSE");
  });
});
