/** The kind `mysql` by the method `dump`, on a real server that is written to. */
import { readdirSync } from "node:fs";
import { describe, expect } from "vitest";
import { sourceConformance } from "../../src/testing/index.ts";
import { mysqlKind } from "../../src/mysql/mysql-kind.ts";
import { HAS_MARIADB, MariadbServer } from "./mariadb-server.ts";
import { DATABASES, PASSWORD, SUM, endWriter, fingerprint, seedShop, startWriter } from "./shop.ts";

describe.skipIf(!HAS_MARIADB)("by dump", () => {
  sourceConformance(mysqlKind, async ({ folder, lab }) => {
    const server = await MariadbServer.start(folder);
    seedShop(server);
    const before = fingerprint(server);
    lab.secrets.set("MYSQL_PASSWORD_OF_TEST", PASSWORD);
    lab.secrets.set("WRONG", "wrong");
    const writer = await startWriter(server);
    const empty = lab.newFolder();
    return {
      settings: {
        socket: server.socket,
        user: "backup",
        password: { env: "MYSQL_PASSWORD_OF_TEST" },
        queries: {
          shop: [
            { sql: "SELECT SUM(balance) FROM account", expect: SUM },
            { sql: "SELECT SUM(amount) = (SELECT SUM(amount) FROM billing.entry) FROM transfer", expect: true },
            { sql: "SELECT doubled(21)", expect: 42 },
          ],
        },
      },
      broken: [
        { what: "wrong password", settings: { password: { env: "WRONG" } }, code: "SOURCES_CREDENTIALS" },
        { what: "no such socket", settings: { socket: `${folder}/absent` }, code: "SOURCES_UNREACHABLE" },
        {
          what: "nobody listens",
          settings: { socket: undefined, host: "127.0.0.1", port: 1 },
          code: "SOURCES_UNREACHABLE",
        },
        { what: "no tools", settings: { tools: empty }, code: "SOURCES_TOOL_MISSING" },
        { what: "no such database", settings: { databases: ["absent"] }, code: "SOURCES_SETTINGS" },
        { what: "the server's own database", settings: { databases: ["mysql"] }, code: "SOURCES_SETTINGS" },
        { what: "nothing is left", settings: { "exclude-databases": DATABASES }, code: "SOURCES_EMPTY" },
      ],
      async destroy() {
        await endWriter(writer, server);
        for (const name of DATABASES) server.sql(`DROP DATABASE \`${name}\``);
        server.sql("DROP USER app@'10.0.0.%'; DROP ROLE reader");
      },
      target: { settings: { socket: server.socket, user: "root" } },
      async assertRestored() {
        expect(fingerprint(server)).toEqual(before);
        expect(server.sql("SELECT SUM(balance) FROM shop.account")).toBe(String(SUM));
        expect(server.sql("SELECT COUNT(*) > 0 FROM shop.transfer")).toBe("1");
        expect(server.sql("SHOW GRANTS FOR app@'10.0.0.%'")).toContain("GRANT `reader` TO");
      },
      isQuiet: async () =>
        (await server.isWithout("backup")) &&
        readdirSync(folder, { recursive: true }).every((name) => !/(^|\/)mysql-/.test(String(name))),
      async close() {
        await endWriter(writer, server);
        await server.stop();
      },
    };
  });
});
