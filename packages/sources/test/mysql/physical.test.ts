/** The kind `mysql` by the method `physical`: the files of a real server that is written to. */
import { mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { SourceLab, sourceConformance, withoutPart } from "../../src/testing/index.ts";
import { mysqlKind } from "../../src/mysql/mysql-kind.ts";
import { FILES_FOLDER } from "../../src/mysql/physical/detail.ts";
import { HAS_MARIADB, MariadbServer } from "./mariadb-server.ts";
import { PASSWORD, SUM, endWriter, fingerprint, seedShop, startWriter } from "./shop.ts";

describe.skipIf(!HAS_MARIADB)("physical", () => {
  sourceConformance(mysqlKind, async ({ folder, lab }) => {
    const server = await MariadbServer.start(folder);
    seedShop(server);
    server.sql("CREATE TABLE bulk AS SELECT seq, RANDOM_BYTES(800) AS bytes FROM seq_1_to_25000", {
      database: "billing",
    });
    const before = fingerprint(server);
    await server.settle();
    server.sql("SET GLOBAL innodb_max_dirty_pages_pct = 90");
    lab.secrets.set("MYSQL_PASSWORD_OF_TEST", PASSWORD);
    lab.secrets.set("WRONG", "wrong");
    const writer = await startWriter(server);
    return {
      settings: {
        method: "physical",
        socket: server.socket,
        user: "backup",
        password: { env: "MYSQL_PASSWORD_OF_TEST" },
        queries: {
          shop: [
            { sql: "SELECT SUM(balance) FROM account", expect: SUM },
            { sql: "SELECT SUM(amount) = (SELECT SUM(amount) FROM billing.entry) FROM transfer", expect: true },
          ],
        },
      },
      broken: [
        { what: "wrong password", settings: { password: { env: "WRONG" } }, code: "SOURCES_CREDENTIALS" },
        { what: "no such socket", settings: { socket: `${folder}/absent` }, code: "SOURCES_UNREACHABLE" },
      ],
      async destroy() {
        await endWriter(writer, server);
        await server.stop("SIGKILL");
        renameSync(server.data, `${server.folder}/destroyed`);
      },
      target: { form: "data" },
      async assertRestored(restored) {
        await server.run(restored);
        expect(fingerprint(server)).toEqual(before);
        expect(server.sql("SELECT SUM(balance) FROM shop.account")).toBe(String(SUM));
        expect(server.sql("SHOW GRANTS FOR app@'10.0.0.%'")).toContain("GRANT `reader` TO");
      },
      isQuiet: async () =>
        (await server.isWithout("backup")) &&
        readdirSync(folder, { recursive: true }).every((name) => !/(^|\/)(mysql-|mariadb-backup)/.test(String(name))),
      async close() {
        await endWriter(writer, server);
        await server.stop();
      },
    };
  });

  test("that cannot be restored to its end leaves what was there", async () => {
    const lab = await SourceLab.open();
    const server = await MariadbServer.start(lab.folder);
    try {
      const settings = { method: "physical", socket: server.socket, user: "root" };
      const source = mysqlKind.open("small", mysqlKind.settings.parse(settings), lab.surroundings());
      await lab.capture(source, { kind: "mysql", name: "small" });
      const captured = withoutPart(await lab.captured(), FILES_FOLDER);
      const folder = join(lab.newFolder(), "data");
      mkdirSync(folder);
      writeFileSync(join(folder, "mine"), "mine");
      const { signal } = new AbortController();
      const options = { form: "data", folder, overwrite: true, signal, onWarning: () => {}, onStep: () => {} };
      await expect(source.restore(captured, options)).rejects.toMatchObject({ code: "SOURCES_DAMAGED" });
      expect(readdirSync(folder)).toEqual(["mine"]);
      expect(readdirSync(dirname(folder))).toEqual(["data"]);
    } finally {
      await server.stop();
      lab.remove();
    }
  });
});
