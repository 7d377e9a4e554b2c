/** A PostgreSQL server whose WAL comes into a repository by archive_command and by `journal follow`, and out again. */
import { type ChildProcess, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { type AddressInfo, type Server, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PostgresServer, postgresBinaries } from "@holdfast/sources/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Ended, HOLDFAST, ended, program, startProgram, temporaryFolder } from "./command-runner.ts";

// Each of these runs the program many times.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const folder = temporaryFolder();
const config = join(folder, "config");
const variables = {
  XDG_CONFIG_HOME: config,
  XDG_STATE_HOME: join(folder, "state"),
  XDG_CACHE_HOME: join(folder, "cache"),
  HOME: folder,
  TMPDIR: join(folder, "t"),
};

describe.skipIf(postgresBinaries() === undefined)("the journal of a PostgreSQL server", () => {
  let server: PostgresServer;
  let mute: Server;
  let asServer: readonly string[];
  const restored: PostgresServer[] = [];

  const sql = (text: string): string => server.sql("postgres", text);
  const run = (...argv: string[]): Promise<Ended> => {
    const [first = "", ...words] = [...asServer, ...HOLDFAST, ...argv];
    return program(first, words, { variables });
  };
  const start = (...argv: string[]): ChildProcess => {
    const [first = "", ...words] = [...asServer, ...HOLDFAST, ...argv];
    return startProgram(first, words, { variables });
  };
  async function succeed(...argv: string[]): Promise<Ended> {
    const outcome = await run(...argv);
    expect(outcome.code, outcome.stderr).toBe(0);
    return outcome;
  }
  async function until(what: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + 90_000;
    while (!(await what())) {
      if (Date.now() > end) throw new Error("it did not come in time");
      await sleep(200);
    }
  }
  const status = async (name = "shop") => {
    const { code, stdout } = await run("journal", "status", name, "--json");
    const [line = "{}"] = stdout.split("\n");
    return { code, ...(JSON.parse(line) as { streams: { newest: string; partial: boolean }[]; problems: string[] }) };
  };

  beforeAll(async () => {
    chmodSync(folder, 0o711);
    for (const name of ["config/holdfast", "state", "cache", "t", "main"])
      mkdirSync(join(folder, name), { recursive: true });
    server = await PostgresServer.start({ configuration: ["wal_level = replica", "archive_mode = on"] });
    const { user, host, port } = server;
    // Takes connections, says nothing for a while, and hangs up.
    mute = createServer((socket) => void setTimeout(() => socket.destroy(), 8_000));
    await once(mute.listen(0, "127.0.0.1"), "listening");
    const { port: mutePort } = mute.address() as AddressInfo;
    asServer = user === undefined ? [] : ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
    writeFileSync(join(folder, "password"), "correct horse\n");
    const source = `{ kind: postgres, method: physical, host: ${host}, port: ${port}, user: postgres, journal: { partial-every: 1s } }`;
    writeFileSync(
      join(config, "holdfast/holdfast.yaml"),
      `version: 1
repositories:
  main: { location: ${join(folder, "main")}, password: { file: ${join(folder, "password")} } }
sources:
  shop: ${source}
  followed: ${source}
  outrun: ${source}
  silent: ${source.replace(host, "127.0.0.1").replace(String(port), String(mutePort))}
  other: ${source}
`,
    );
    if (user !== undefined) spawnSync("chown", ["-R", `${user.uid}:${user.gid}`, folder]);
    chmodSync(join(folder, "password"), 0o600);
    await succeed("-r", "main", "init", "-q");
    // As the server's configuration would have it.
    const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const command = ["env", ...words, ...HOLDFAST, "-q", "journal", "push", "shop", "%p"].join(" ");
    sql(`ALTER SYSTEM SET archive_command = '${command}'`);
    sql("SELECT pg_reload_conf(); CREATE TABLE note (word text)");
  });
  afterAll(async () => {
    for (const each of restored) await each.end();
    await server.end();
    mute.close();
  });

  /** Makes the server finish its segment. @returns its name */
  const finish = (): string => sql("INSERT INTO note VALUES ('x'); SELECT pg_walfile_name(pg_switch_wal())");

  async function startRestored(data: string): Promise<PostgresServer> {
    const copy = await PostgresServer.start({ data });
    restored.push(copy);
    await until(() => copy.sql("postgres", "SELECT pg_is_in_recovery()") === "f");
    return copy;
  }

  test("comes by archive_command, and is told as complete", async () => {
    await succeed("backup", "-q", "shop");
    const name = finish();
    await until(() => sql("SELECT last_archived_wal FROM pg_stat_archiver") >= name);
    expect(sql("SELECT failed_count FROM pg_stat_archiver")).toBe("0");
    const { code, streams, problems } = await status();
    expect({ code, problems }).toEqual({ code: 0, problems: [] });
    expect(streams).toMatchObject([{ newest: name, partial: false }]);
    expect((await run("journal", "status", "shop", "--max-age", "1s")).code).toBe(3);
    // A journal is no capture.
    expect((await succeed("prove", "shop", "--until", "latest")).stdout).toContain("shop is PROVEN");
  });

  test("is pushed again without harm, never replaced, and fetched as it was", async () => {
    const name = finish();
    await until(() => sql("SELECT last_archived_wal FROM pg_stat_archiver") >= name);
    const path = join(server.data, "pg_wal", name);
    const bytes = readFileSync(path);
    expect(await succeed("journal", "push", "shop", path)).toBeDefined();
    const forged = join(folder, "t", name);
    writeFileSync(forged, Buffer.from(bytes).fill(7, 9000, 9100));
    const { code, stderr } = await run("journal", "push", "shop", forged);
    expect(code).toBe(1);
    expect(stderr).toContain(`another ${name} of the same server`);
    const target = join(folder, "t", "fetched");
    await succeed("journal", "fetch", "shop", name, target);
    expect(readFileSync(target).equals(bytes)).toBe(true);
    expect((await run("journal", "fetch", "shop", "0000000100000000000000FE", target)).code).toBe(1);
    expect(readFileSync(target).equals(bytes)).toBe(true);
  });

  test("a push that is killed anywhere acknowledges nothing, and the next one succeeds", async () => {
    const name = finish();
    await until(() => sql("SELECT last_archived_wal FROM pg_stat_archiver") >= name);
    const path = join(server.data, "pg_wal", name);
    for (const afterMs of [300, 700, 1200]) {
      const push = start("journal", "push", "other", path);
      const outcome = ended(push);
      await sleep(afterMs);
      push.kill("SIGKILL");
      expect([0, 137]).toContain((await outcome).code);
    }
    await succeed("journal", "push", "other", path);
    expect((await status("other")).streams).toMatchObject([{ newest: name }]);
    expect((await run("-r", "main", "check", "-q")).code).toBe(0);
  });

  test("with a gap in it is an alarm that names what is missing", async () => {
    await succeed("backup", "-q", "other");
    const names = [finish(), finish(), finish()];
    await until(() => sql("SELECT last_archived_wal FROM pg_stat_archiver") >= (names[2] as string));
    const paths = names.map((name) => join(server.data, "pg_wal", name));
    await succeed("journal", "push", "other", paths[0] as string, paths[2] as string);
    const { code, problems } = await status("other");
    expect(code).toBe(3);
    expect(problems.join()).toContain(`is missing: ${names[1]} to ${names[1]} (1 file)`);
    expect((await run("prove", "other", "--until", "latest")).code).toBe(20);
    await succeed("journal", "push", "other", paths[1] as string);
    expect((await status("other")).code).toBe(0);
  });

  test("goes on with what the server still has when it has removed what comes next, and the gap is an alarm", async () => {
    await succeed("backup", "-q", "outrun");
    const log: string[] = [];
    const follow = async (isEnough: () => boolean | Promise<boolean>): Promise<void> => {
      const child = start("journal", "follow", "outrun", "--json");
      child.stderr?.on("data", (text: Buffer) => log.push(text.toString()));
      await until(isEnough);
      child.kill("SIGTERM");
      await ended(child);
    };
    const newest = async (): Promise<string> => (await status("outrun")).streams[0]?.newest ?? "";
    await follow(async () => (await newest()) !== "");
    sql("ALTER SYSTEM SET min_wal_size = '32MB'");
    sql("ALTER SYSTEM SET max_wal_size = '32MB'");
    sql("SELECT pg_reload_conf()");
    const lost = sql("SELECT pg_walfile_name(pg_current_wal_lsn())");
    for (let n = 0; readdirSync(join(server.data, "pg_wal")).includes(lost); n++) {
      expect(n).toBeLessThan(60);
      finish();
      sql("CHECKPOINT");
      await sleep(100);
    }
    const here = sql("SELECT pg_walfile_name(pg_current_wal_lsn())");
    await follow(async () => (await newest()) >= here);
    expect(log.join("")).toMatch(/has already been removed.*Take a new backup now/s);
    const { code, problems } = await status("outrun");
    expect(code).toBe(3);
    expect(problems.join()).toContain(`is missing: ${lost} to`);
  });

  test("is not told as current by a follower whose server does not answer", async () => {
    await succeed("journal", "push", "silent", join(server.data, "pg_wal", finish()));
    const follow = start("journal", "follow", "silent", "--json", "--heartbeat", "1s");
    const said = { out: "", error: "" };
    follow.stdout?.on("data", (text: Buffer) => (said.out += text.toString()));
    follow.stderr?.on("data", (text: Buffer) => (said.error += text.toString()));
    await until(() => said.error.includes("does not give its journal"));
    follow.kill("SIGTERM");
    await ended(follow);
    expect(said.out).not.toContain("journal_push");
  });

  test("followed is there within seconds though no segment is full, also after the follower was killed and the server died", async () => {
    await succeed("backup", "-q", "followed");
    let follow = start("journal", "follow", "followed", "--json");
    const log: string[] = [];
    const listen = (): void => void follow.stdout?.on("data", (text: Buffer) => log.push(text.toString()));
    listen();
    const stored = (): number =>
      log
        .join("")
        .split("\n")
        .filter((line) => line.includes('"journal_push"')).length;
    await until(() => stored() > 0);
    follow.kill("SIGKILL");
    await ended(follow).catch(() => {});
    sql("INSERT INTO note VALUES ('while nobody followed')");
    follow = start("journal", "follow", "followed", "--json");
    listen();
    const before = stored();
    await until(() => stored() > before);
    sql("INSERT INTO note VALUES ('at last')");
    const lsn = sql("SELECT pg_current_wal_insert_lsn()");
    const reached = async (): Promise<boolean> => {
      const { stdout } = await run("journal", "status", "followed", "--json");
      const at = /"reaches":"timeline \d+, LSN ([^"]+)"/.exec(stdout)?.[1];
      return at !== undefined && isAfter(at, lsn);
    };
    await until(reached);
    await server.stop("SIGKILL");
    // Without a server it waits for one.
    follow.kill("SIGTERM");
    const outcome = await ended(follow);
    expect(outcome.code, outcome.stderr).toBe(0);
    const data = join(folder, "t", "recovered");
    await succeed("restore", "followed", "--until", "latest", "-t", data);
    const copy = await startRestored(data);
    expect(copy.sql("postgres", "SELECT string_agg(word, ',') FROM note WHERE word <> 'x'")).toBe(
      "while nobody followed,at last",
    );
    expect(existsSync(join(data, "holdfast-wal"))).toBe(true);
    expect(readdirSync(join(folder, "state/holdfast/journal/followed"))).not.toContain("holdfast.lock");
  });
});

function isAfter(lsn: string, other: string): boolean {
  const number = (text: string): bigint => {
    const [high = "0", low = "0"] = text.split("/");
    return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
  };
  return number(lsn) >= number(other);
}
