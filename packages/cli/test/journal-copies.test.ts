/** A PostgreSQL server whose base backup and WAL are kept in two repositories, either of which goes away. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PostgresServer, postgresBinaries } from "@holdfast/sources/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Ended, HOLDFAST, program, temporaryFolder } from "./command-runner.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const folder = temporaryFolder();
const variables = {
  XDG_CONFIG_HOME: join(folder, "config"),
  XDG_STATE_HOME: join(folder, "state"),
  XDG_CACHE_HOME: join(folder, "cache"),
  HOME: folder,
  TMPDIR: join(folder, "t"),
};

describe.skipIf(postgresBinaries() === undefined)("a journal in two repositories", () => {
  let server: PostgresServer;
  let asServer: readonly string[];
  let copy: PostgresServer | undefined;

  const run = (...argv: string[]): Promise<Ended> => {
    const [first = "", ...words] = [...asServer, ...HOLDFAST, ...argv];
    return program(first, words, { variables });
  };
  const succeed = async (...argv: string[]): Promise<Ended> => {
    const outcome = await run(...argv);
    expect(outcome.code, outcome.stderr).toBe(0);
    return outcome;
  };
  /** Writes a row, and makes the server finish its segment. @returns the path of the segment */
  const finish = (word: string): string => {
    const sql = `INSERT INTO note VALUES ('${word}'); SELECT pg_walfile_name(pg_switch_wal())`;
    return join(server.data, "pg_wal", server.sql("postgres", sql));
  };
  const without = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const place = join(folder, name);
    renameSync(place, `${place}-away`);
    try {
      return await work();
    } finally {
      renameSync(`${place}-away`, place);
    }
  };
  const newest = async (repository: string): Promise<string | undefined> => {
    const { stdout } = await run("-r", repository, "journal", "status", "shop", "--json");
    const { streams } = JSON.parse(stdout.split("\n")[0] ?? "") as { streams: { newest: string }[] };
    return streams[0]?.newest;
  };

  beforeAll(async () => {
    chmodSync(folder, 0o711);
    for (const name of ["config/holdfast", "state", "cache", "t", "near", "far"])
      mkdirSync(join(folder, name), { recursive: true });
    server = await PostgresServer.start({ configuration: ["wal_level = replica", "wal_keep_size = 512MB"] });
    const { user, host, port } = server;
    asServer = user === undefined ? [] : ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
    writeFileSync(join(folder, "password"), "correct horse\n");
    const repository = (name: string): string =>
      `{ location: ${join(folder, name)}, password: { file: ${join(folder, "password")} } }`;
    writeFileSync(
      join(folder, "config/holdfast/holdfast.yaml"),
      `version: 1
repositories:
  near: ${repository("near")}
  far: ${repository("far")}
sources:
  shop: { kind: postgres, method: physical, host: ${host}, port: ${port}, user: postgres }
`,
    );
    if (user !== undefined) spawnSync("chown", ["-R", `${user.uid}:${user.gid}`, folder]);
    chmodSync(join(folder, "password"), 0o600);
    await succeed("-r", "near", "init", "-q");
    await succeed("-r", "far", "init", "-q");
    server.sql("postgres", "CREATE TABLE note (word text)");
    await succeed("backup", "-q", "shop");
  });
  afterAll(async () => {
    await copy?.end();
    await server.end();
  });

  test("is in both, is acknowledged when the first has it, and is mended by copying", async () => {
    const start = server.sql("postgres", "SELECT pg_walfile_name(pg_current_wal_lsn())");
    const first = finish("in both");
    await succeed("journal", "push", "shop", join(server.data, "pg_wal", start), first);
    for (const name of ["near", "far"]) expect(first.endsWith((await newest(name)) ?? "none")).toBe(true);
    const second = finish("far was away");
    const pushed = await without("far", () => run("journal", "push", "shop", second));
    expect([pushed.code, pushed.stderr]).toEqual([0, expect.stringContaining("far does not have it yet")]);
    expect(first.endsWith((await newest("far")) ?? "none")).toBe(true);
    const third = finish("near was away");
    const refused = await without("near", () => run("journal", "push", "shop", third));
    expect(refused.code).not.toBe(0);
    await succeed("journal", "push", "shop", third);
    expect(third.endsWith((await newest("near")) ?? "none")).toBe(true);
    const near = ["--from-repo", join(folder, "near"), "--from-password-file", join(folder, "password")];
    await succeed("-r", "far", "copy", "-q", ...near);
    expect(third.endsWith((await newest("far")) ?? "none")).toBe(true);
  });

  test("brings the cluster to the end of it from the second when the first is gone", async () => {
    const data = join(folder, "t", "recovered");
    const outcome = await without("near", () => run("restore", "shop", "--until", "latest", "-t", data));
    expect([outcome.code, outcome.stderr]).toEqual([0, expect.stringContaining("near is passed over")]);
    copy = await PostgresServer.start({ data });
    for (let n = 0; n < 600 && copy.sql("postgres", "SELECT pg_is_in_recovery()") === "t"; n++) await sleep(100);
    expect(copy.sql("postgres", "SELECT string_agg(word, ',') FROM note")).toBe("in both,far was away,near was away");
  });
});
