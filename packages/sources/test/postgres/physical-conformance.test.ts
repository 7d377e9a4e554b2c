/** The kind `postgres` by its files keeps the contract, with a server that is written to, and with a tablespace. */
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, vi } from "vitest";
import { postgresKind } from "../../src/postgres/postgres-kind.ts";
import { PostgresServer, postgresBinaries, sourceConformance } from "../../src/testing/index.ts";
import { SUM, endProcess, makeBank, ownSessions, startWriter } from "./bank.ts";

// A cluster has a thousand files, and is recovered several times.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

describe.skipIf(postgresBinaries() === undefined)("by files", () => {
  sourceConformance(postgresKind, async ({ folder }) => {
    const server = await PostgresServer.start();
    makeBank(server);
    const space = join(server.folder, "space");
    mkdirSync(space, { mode: 0o700 });
    if (server.user !== undefined) chownSync(space, server.user.uid, server.user.gid);
    server.sql("postgres", `CREATE TABLESPACE fast LOCATION '${space}'`);
    server.sql("shop", "CREATE TABLE bank.elsewhere TABLESPACE fast AS SELECT g AS id FROM generate_series(1, 5000) g");
    server.sql("shop", "CREATE UNLOGGED TABLE bank.passing AS SELECT g AS id FROM generate_series(1, 1000) g");
    const writer = await startWriter(server);
    const { host, port } = server;
    let restored: PostgresServer | undefined;
    return {
      settings: {
        method: "physical",
        host,
        port,
        user: "postgres",
        queries: {
          shop: [
            { sql: "SELECT sum(balance) FROM bank.account", expect: SUM },
            {
              sql: "SELECT count(*) FROM bank.filler",
              expect: Number(server.sql("shop", "SELECT count(*) FROM bank.filler")),
            },
            { sql: "SELECT count(*) FROM bank.elsewhere", expect: 5000 },
            { sql: "SELECT count(*) FROM bank.passing", expect: 0 },
            {
              sql: "SELECT sum(amount) = (SELECT sum(balance) - 50000 FROM bank.account WHERE id > 50) FROM bank.transfer",
              expect: true,
            },
          ],
        },
      },
      broken: [
        { what: "server down", settings: { port: 1 }, code: "SOURCES_UNREACHABLE" },
        { what: "no data folder", settings: { "data-folder": join(folder, "absent") }, code: "SOURCES_UNSUPPORTED" },
        { what: "tool missing", settings: { tools: join(folder, "absent") }, code: "SOURCES_TOOL_MISSING" },
        { what: "no rights", settings: { user: "owner" }, code: "SOURCES_RIGHTS" },
      ],
      async destroy() {
        await endProcess(writer);
        await server.stop("SIGKILL");
      },
      target: { form: "folder" },
      async assertRestored(data) {
        restored = await PostgresServer.start({ data });
        const ask = (sql: string): string => (restored as PostgresServer).sql("shop", sql);
        expect(ask("SELECT sum(balance) FROM bank.account")).toBe(String(SUM));
        expect(ask("SELECT count(*) > 10 FROM bank.transfer")).toBe("t");
        expect(ask("SELECT count(*) FROM bank.elsewhere")).toBe("5000");
        expect(ask("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'fast'")).toContain(
          `${data}.tablespaces/`,
        );
        expect(ask("SHOW archive_mode")).toBe("off");
      },
      async isQuiet() {
        const slots = server.sql("postgres", "SELECT count(*) FROM pg_replication_slots");
        return (await ownSessions(server)) === 0 && slots === "0";
      },
      async close() {
        await endProcess(writer);
        await restored?.end();
        await server.end();
      },
    };
  });
});
