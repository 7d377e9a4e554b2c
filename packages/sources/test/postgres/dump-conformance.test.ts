/** The kind `postgres` by dumps keeps the contract, with a server that is written to. */
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { postgresKind } from "../../src/postgres/postgres-kind.ts";
import { PostgresServer, postgresBinaries, sourceConformance } from "../../src/testing/index.ts";
import { PASSWORD, SUM, endProcess, makeBank, ownSessions, startWriter } from "./bank.ts";

describe.skipIf(postgresBinaries() === undefined)("by dumps", () => {
  sourceConformance(postgresKind, async ({ folder, lab }) => {
    const server = await PostgresServer.start();
    makeBank(server);
    const writer = await startWriter(server);
    lab.secrets.set("PASSWORD", PASSWORD);
    lab.secrets.set("WRONG", "wrong");
    const { host, port } = server;
    const tcp = { host: "127.0.0.1", user: "owner" };
    return {
      settings: {
        host,
        port,
        user: "postgres",
        queries: {
          shop: [
            { sql: "SELECT sum(balance) FROM account", expect: SUM },
            { sql: "SELECT count(*) FROM filler", expect: 2000 },
            {
              sql: "SELECT sum(amount) = (SELECT sum(balance) - 50000 FROM account WHERE id > 50) FROM transfer",
              expect: true,
            },
            { sql: "SELECT encode(lo_get(4242), 'hex')", expect: "00ff00ff" },
          ],
          "odd name/1": [{ sql: `SELECT count(*) FROM "Straße"`, expect: 2 }],
        },
      },
      broken: [
        { what: "wrong password", settings: { ...tcp, password: { env: "WRONG" } }, code: "SOURCES_CREDENTIALS" },
        { what: "no password", settings: tcp, code: "SOURCES_CREDENTIALS" },
        { what: "server down", settings: { port: 1 }, code: "SOURCES_UNREACHABLE" },
        { what: "no such host", settings: { host: "no-such-host.invalid" }, code: "SOURCES_UNREACHABLE" },
        { what: "no such database to connect to", settings: { database: "none" }, code: "SOURCES_SETTINGS" },
        { what: "no such database to capture", settings: { databases: ["shop", "none"] }, code: "SOURCES_SETTINGS" },
        { what: "tool missing", settings: { tools: join(folder, "absent") }, code: "SOURCES_TOOL_MISSING" },
        { what: "tool too old", settings: { tools: oldTools(folder) }, code: "SOURCES_TOOL_TOO_OLD" },
        { what: "no rights", settings: { user: "owner", "exclude-databases": ["shop"] }, code: "SOURCES_RIGHTS" },
      ],
      async destroy() {
        await endProcess(writer);
        server.sql("postgres", `DROP DATABASE shop; DROP DATABASE "odd name/1"; DROP ROLE owner; DROP ROLE staff;`);
      },
      target: { form: "server" },
      async assertRestored() {
        const ask = (sql: string, database = "shop"): string => server.sql(database, sql);
        expect(ask("SELECT sum(balance) FROM bank.account")).toBe(String(SUM));
        expect(ask("SELECT count(*) > 10 FROM bank.transfer")).toBe("t");
        expect(ask("SELECT nextval('bank.number'), nextval('bank.transfer_id_seq') > 10")).toBe("4712|t");
        const noted = Number(ask("SELECT count(*) FROM bank.audit"));
        ask("UPDATE bank.account SET balance = balance WHERE id = 7");
        expect(Number(ask("SELECT count(*) FROM bank.audit"))).toBe(noted + 1);
        expect(ask("SELECT encode(lo_get(4242), 'hex')")).toBe("00ff00ff");
        expect(ask("SELECT tableowner FROM pg_tables WHERE tablename = 'filler'")).toBe("owner");
        expect(ask("SELECT has_table_privilege('staff', 'bank.filler', 'SELECT')")).toBe("t");
        expect(ask("SHOW search_path")).toBe("bank, public");
        expect(
          ask(
            "SELECT pg_get_userbyid(datdba), shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'",
          ),
        ).toBe("owner|the shop; of all");
        expect(
          ask(
            "SELECT rolconfig, pg_has_role('owner', 'staff', 'MEMBER'), shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = 'owner'",
          ),
        ).toBe("{work_mem=8MB}|t|of; the 'shop'");
        expect(ask(`SELECT count(*) FROM "Straße" WHERE "Käse" IN (E'\\\\x \\n', 'ü')`, "odd name/1")).toBe("2");
        expect(ask("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname LIKE 'odd%'")).toBe("LATIN1");
        // The password came back as well.
        expect(
          server.sql("shop", "SELECT current_user", { PGHOST: "127.0.0.1", PGUSER: "owner", PGPASSWORD: PASSWORD }),
        ).toBe("owner");
        expect(ask("SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database WHERE NOT datistemplate")).toBe(
          "odd name/1,postgres,shop",
        );
      },
      isQuiet: async () =>
        (await ownSessions(server)) === 0 &&
        readdirSync(folder, { recursive: true }).every((name) => !/\/(postgres|list)-/.test(String(name))),
      close: async () => {
        await endProcess(writer);
        await server.end();
      },
    };
  });
});

/** Programs of a version before the server's. */
function oldTools(folder: string): string {
  const tools = join(folder, "old-tools");
  mkdirSync(tools);
  for (const name of ["psql", "pg_dump", "pg_dumpall"]) {
    const real = join(postgresBinaries() ?? "", name);
    writeFileSync(
      join(tools, name),
      `#!/bin/sh\n[ "$1" = --version ] && echo "${name} (PostgreSQL) 9.6.24" && exit\nexec ${real} "$@"\n`,
    );
    chmodSync(join(tools, name), 0o755);
  }
  return tools;
}
