/** A base backup of a data folder in which links lead to other disks, as WAL and logs often do. */
import { lstatSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { postgresKind } from "../../src/postgres/postgres-kind.ts";
import { PostgresServer, SourceLab, postgresBinaries } from "../../src/testing/index.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const signal = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {}, signal };
const identity = { kind: "postgres", name: "main" };

describe.skipIf(postgresBinaries() === undefined)("links in a data folder", () => {
  let lab: SourceLab;
  let server: PostgresServer;
  let restored: PostgresServer | undefined;

  beforeAll(async () => {
    lab = await SourceLab.open();
    server = await PostgresServer.start();
    server.sql("postgres", "CREATE TABLE note AS SELECT 'kept' AS word");
    await server.stop();
    renameSync(join(server.data, "pg_wal"), join(server.folder, "wal"));
    symlinkSync(join(server.folder, "wal"), join(server.data, "pg_wal"));
    mkdirSync(join(server.folder, "extra"));
    symlinkSync(join(server.folder, "extra"), join(server.data, "extra"));
    await server.resume();
  });
  afterAll(async () => {
    await restored?.end();
    await server.end();
    lab.remove();
  });

  test("to its WAL do not keep a restored server from starting; what others lead to is said not to be captured", async () => {
    const { host, port } = server;
    const settings = postgresKind.settings.parse({
      method: "physical",
      transfer: "files",
      host,
      port,
      user: "postgres",
    });
    const source = postgresKind.open("main", settings, lab.surroundings());
    const { warnings } = await lab.capture(source, identity);
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining("extra")]);
    const folder = join(lab.newFolder(), "main");
    await source.restore(await lab.captured(), { ...silent, folder });
    const wal = lstatSync(join(folder, "pg_wal"));
    expect([wal.isDirectory(), wal.mode & 0o777]).toEqual([true, 0o700]);
    const data = join(server.folder, "restored");
    renameSync(folder, data);
    restored = await PostgresServer.start({ data });
    expect(restored.sql("postgres", "SELECT word FROM note")).toBe("kept");
  });
});
