/** A base backup and its WAL bring a cluster to any time between: rows from before are there, rows from after are not. */
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { StoredFacts } from "../../src/contract/facts.ts";
import type { JournalReader } from "../../src/contract/journal.ts";
import { type RecoveryTarget, parseRecoveryTarget } from "../../src/contract/recovery-target.ts";
import { walFormat } from "../../src/postgres/physical/wal-format.ts";
import { postgresKind } from "../../src/postgres/postgres-kind.ts";
import { PostgresServer, SourceLab, postgresBinaries, withoutPart } from "../../src/testing/index.ts";
import type { ProofReport, Source } from "../../src/contract/source.ts";

// Several clusters are recovered in each of these.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const signal = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {} };
const identity = { kind: "postgres", name: "shop" };

describe.skipIf(postgresBinaries() === undefined)("recovery to a point in time", () => {
  let lab: SourceLab;
  let server: PostgresServer;
  let archive: string;
  /** What was true when. */
  const marks: Record<string, string> = {};
  const restored: PostgresServer[] = [];
  /** Of the oldest capture. */
  let first: StoredFacts;

  const open = (settings: Record<string, unknown> = {}, name = "shop"): Source => {
    const { host, port } = server;
    const given = { method: "physical", host, port, user: "postgres", ...settings };
    return postgresKind.open(name, postgresKind.settings.parse(given), lab.surroundings());
  };
  const ask = (sql: string): string => server.sql("postgres", sql);
  const note = (word: string): string =>
    ask(`INSERT INTO note VALUES ('${word}'); SELECT clock_timestamp()`).split("\n").at(-1) ?? "";

  beforeAll(async () => {
    lab = await SourceLab.open();
    server = await PostgresServer.start({
      configuration: ["wal_level = replica", "archive_mode = on", `archive_command = 'cp %p archive/%f'`],
    });
    archive = join(server.data, "archive");
    mkdirSync(archive);
    if (server.user !== undefined) chownSync(archive, server.user.uid, server.user.gid);
    ask("CREATE TABLE note (word text, at timestamptz DEFAULT clock_timestamp())");
    note("before the backup");
    await lab.capture(open(), identity);
    first = (await lab.captured()).facts;
    note("first");
    marks["time"] = note("second");
    await sleep(50);
    note("third");
    ask("SELECT pg_create_restore_point('tidy')");
    note("fourth");
    marks["lsn"] = ask("SELECT pg_current_wal_lsn()");
    note("fifth");
    await archived();
    ask("CREATE TABLE filler AS SELECT g FROM generate_series(1, 1000) g");
    await archived();
    note("sixth");
    await archived();
    await push();
  });
  afterAll(async () => {
    for (const each of restored) await each.end();
    await server.end();
    lab.remove();
  });

  /** Everything up to now is in the archive. */
  async function archived(): Promise<void> {
    const name = ask("SELECT pg_walfile_name(pg_switch_wal())");
    for (let n = 0; n < 200 && !existsSync(join(archive, name)); n++) await sleep(50);
    await sleep(100);
  }

  const pushed = new Set<string>();
  /** What is new in the archive. */
  async function push(): Promise<void> {
    const files = [];
    for (const name of readdirSync(archive).sort()) {
      if (!pushed.has(name)) files.push(await walFormat.examine(join(archive, name), { signal }));
      pushed.add(name);
    }
    await lab.push(identity, { format: walFormat, files });
  }

  const words = (text: string): RecoveryTarget => parseRecoveryTarget(text);
  const expected = (count: number): { sql: string; expect: string } => ({
    sql: "SELECT string_agg(word, ',' ORDER BY at) FROM note",
    expect: ["before the backup", "first", "second", "third", "fourth", "fifth", "sixth"].slice(0, count).join(","),
  });

  async function prove(until: string | undefined, count: number, journal?: JournalReader): Promise<ProofReport> {
    const recovery =
      until === undefined
        ? {}
        : { recovery: { until: words(until), journal: journal ?? (await lab.journal(identity)) } };
    const source = open({ queries: { postgres: [expected(count)] } });
    return source.prove(await lab.captured(), { ...silent, ...recovery, scratch: lab.newFolder(), signal });
  }

  const failed = ({ checks }: ProofReport): string[] =>
    checks.filter(({ passed }) => !passed).map(({ name, detail }) => `${name}: ${detail}`);

  test("without a target shows the end of the backup", async () => {
    expect(failed(await prove(undefined, 1))).toEqual([]);
  });

  test("ends at a time: what was written before is there, and what was written after is not", async () => {
    const report = await prove(marks["time"]?.replace(" ", "T"), 3);
    expect(failed(report)).toEqual([]);
    expect(report.checks[0]?.detail).toMatch(/^LSN \S+, last transaction of /);
  });

  test("ends at a restore point that has a name, and at an LSN", async () => {
    expect(failed(await prove("name:tidy", 4))).toEqual([]);
    expect(failed(await prove(`lsn:${marks["lsn"]}`, 5))).toEqual([]);
  });

  test("goes as far as the WAL does", async () => {
    expect(failed(await prove("latest", 7))).toEqual([]);
  });

  test("is not proven for a time or a name that the WAL does not reach, and is refused before the end of the backup", async () => {
    const [late] = (await prove(new Date(Date.now() + 3_600_000).toISOString(), 7)).checks;
    expect(late).toMatchObject({ passed: false });
    expect(late?.detail).toMatch(/recovery ended before configured recovery target was reached/);
    const [unknown] = (await prove("name:nobody-made-it", 7)).checks;
    expect(unknown?.passed).toBe(false);
    const early = await prove("2020-01-01T00:00:00Z", 0);
    expect(early.checks[0]?.detail).toMatch(/which is later/);
    const { facts } = await lab.captured();
    const source = open();
    expect(source.reaches?.(facts, words("2020-01-01T00:00:00Z"))).toBe(false);
    expect(source.reaches?.(facts, words(`lsn:${facts.position["start-lsn"]}`))).toBe(false);
    expect(source.reaches?.(facts, words("latest"))).toBe(true);
  });

  test("as a restored folder is a server of its own, which archives nothing", async () => {
    const folder = join(lab.newFolder(), "main");
    const recovery = { until: words(marks["time"]?.replace(" ", "T") as string), journal: await lab.journal(identity) };
    const { remaining } = await open().restore(await lab.captured(), { ...silent, recovery, folder, signal });
    expect(remaining.join(" ")).toContain("archive_mode is off");
    expect(remaining.join(" ")).toMatch(/no transaction after that time .* --until latest/);
    // Others must be able to pass through to it.
    const data = join(server.folder, "restored");
    renameSync(folder, data);
    const copy = await PostgresServer.start({ data });
    restored.push(copy);
    for (let n = 0; n < 100 && copy.sql("postgres", "SELECT pg_is_in_recovery()") === "t"; n++) await sleep(50);
    expect(copy.sql("postgres", expected(3).sql)).toBe(expected(3).expect);
    expect(
      copy.sql("postgres", "SHOW archive_mode; SELECT timeline_id FROM pg_control_checkpoint()").split("\n")[0],
    ).toBe("off");
    copy.sql("postgres", "CREATE TABLE now_it_writes ()");
  });

  test("over a server that runs is refused, and nothing of it is touched", async () => {
    const captured = await lab.captured();
    const control = readFileSync(join(server.data, "postmaster.pid"));
    const restore = open().restore(captured, { ...silent, folder: server.data, overwrite: true, signal });
    await expect(restore).rejects.toMatchObject({ code: "SOURCES_TARGET_RUNNING" });
    expect(readFileSync(join(server.data, "postmaster.pid"))).toEqual(control);
    expect(ask("SELECT count(*) FROM note")).toBe("7");
  });

  test("that fails leaves what was there, and before its end nothing that a server would start on", async () => {
    const folder = join(lab.newFolder(), "cluster");
    mkdirSync(folder);
    writeFileSync(join(folder, "mine"), "mine");
    let seen: string[] = [];
    const captured = withoutPart(await lab.captured(), "data/global", () => {
      seen = readdirSync(folder);
    });
    const restore = open().restore(captured, { ...silent, folder, overwrite: true, signal });
    await expect(restore).rejects.toMatchObject({ code: "SOURCES_DAMAGED" });
    expect(seen).toEqual(expect.arrayContaining(["PG_VERSION", "base", "backup_label"]));
    expect(seen).not.toContain("global");
    expect(readdirSync(folder)).toEqual(["mine"]);
    expect(readdirSync(dirname(folder))).toEqual(["cluster"]);
  });

  test("is refused over a gap, and told where it is", async () => {
    const whole = await lab.journal(identity);
    const need = walFormat.neededFrom((await lab.captured()).facts);
    const files = await whole.files(need?.stream as string, { signal });
    const segments = files
      .map(({ name }) => name)
      .filter((name) => name.length === 24 && name >= (need?.from as string));
    const missing = segments.at(-2) as string;
    const torn: JournalReader = {
      streams: (options) => Promise.resolve(options.signal.aborted ? [] : [need?.stream as string]),
      files: async (stream, options) => (await whole.files(stream, options)).filter(({ name }) => name !== missing),
      read: (...args) => whole.read(...args),
    };
    const [check] = (await prove("latest", 7, torn)).checks;
    expect(check?.detail).toContain(`${missing} to ${missing} is missing`);
    const reach = await walFormat.reach(torn, need as never, { signal });
    expect(reach.gaps).toEqual([{ first: missing, last: missing, count: 1 }]);
    // What lies before the gap can be had.
    expect(failed(await prove("name:tidy", 4, torn))).toEqual([]);
  });

  test("is not proven where the server takes broken WAL for the end of it", async () => {
    const whole = await lab.journal(identity);
    const { from = "" } = walFormat.neededFrom((await lab.captured()).facts) ?? {};
    const broken: JournalReader = {
      streams: () => whole.streams(),
      files: (stream, options) => whole.files(stream, options),
      async *read(stream, name, options) {
        for await (const piece of whole.read(stream, name, options)) {
          yield name === from ? Buffer.concat([piece.subarray(0, 40), Buffer.alloc(piece.length - 40)]) : piece;
        }
      },
    };
    const [check] = (await prove("latest", 7, broken)).checks;
    expect(check).toMatchObject({ passed: false });
    expect(check?.detail).toMatch(/^it ended at LSN \S+, and the WAL goes beyond/);
  });

  test("a backup whose session is lost in the middle makes no snapshot, and leaves nothing behind", async () => {
    const source = open();
    const before = await lab.snapshotCount();
    const losing: Source = {
      ...source,
      async capture(options) {
        const capture = await source.capture(options);
        ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast'");
        return capture;
      },
    };
    await expect(lab.capture(losing, identity)).rejects.toMatchObject({ kind: "unavailable" });
    expect(await lab.snapshotCount()).toBe(before);
    expect(ask("SELECT count(*) FROM pg_replication_slots")).toBe("0");
  });

  test("a capture with a link in it, which no base backup has, is not restored", async () => {
    const source = open({}, "forged");
    const forging: Source = {
      ...source,
      async capture(options) {
        const { entriesBeside: _, ...capture } = await source.capture(options);
        const entries = async function* () {
          yield* capture.entries;
          yield { kind: "symlink", path: "/postgres/forged/data/base/link", linkTarget: "/etc" } as const;
        };
        return { ...capture, entries: entries() };
      },
    };
    await lab.capture(forging, { kind: "postgres", name: "forged" });
    const folder = join(lab.newFolder(), "main");
    const restore = source.restore(await lab.captured(), { ...silent, folder, signal });
    await expect(restore).rejects.toMatchObject({ code: "SOURCES_DAMAGED" });
  });

  test("works from a backup that the server sends as well", async () => {
    const source = open({ transfer: "stream", queries: { postgres: [expected(7)] } }, "sent");
    const sent = { kind: "postgres", name: "sent" };
    await lab.capture(source, sent);
    const captured = await lab.captured();
    expect(captured.facts.tools).toHaveProperty("pg_basebackup");
    const report = await source.prove(captured, { ...silent, scratch: lab.newFolder(), signal });
    expect(failed(report)).toEqual([]);
    await lab.capture(open(), identity);
  });

  test("what was restored once is restored again from a backup of its own: its first recovery plays no part in it", async () => {
    const former = restored.at(-1) as PostgresServer;
    expect(readdirSync(former.data)).toContain("holdfast-wal");
    former.sql("postgres", "INSERT INTO note VALUES ('after the first recovery')");
    const settings = { host: former.host, port: former.port };
    for (const transfer of ["files", "stream"]) {
      const second = { kind: "postgres", name: `second-${transfer}` };
      const source = open({ ...settings, transfer }, second.name);
      await lab.capture(source, second);
      const folder = join(lab.newFolder(), "main");
      const recovery = { until: words("latest"), journal: await lab.journal(second) };
      await source.restore(await lab.captured(), { ...silent, recovery, folder, signal });
      expect(readdirSync(join(folder, "holdfast-wal"))).toEqual([]);
      const data = join(server.folder, `again-${transfer}`);
      renameSync(folder, data);
      const copy = await PostgresServer.start({ data });
      restored.push(copy);
      for (let n = 0; n < 100 && copy.sql("postgres", "SELECT pg_is_in_recovery()") === "t"; n++) await sleep(50);
      expect(copy.sql("postgres", "SELECT count(*) FROM note")).toBe("4");
    }
    await lab.capture(open(), identity);
  });

  test("takes over what has not changed since the last backup, without reading it", async () => {
    const file = join(server.data, ask("SELECT pg_relation_filepath('filler')"));
    ask("CHECKPOINT");
    utimesSync(file, new Date(Date.now() - 3_600_000), new Date(Date.now() - 3_600_000));
    await lab.capture(open(), identity);
    const path = `data/${file.slice(server.data.length + 1)}`;
    const content = async (): Promise<Buffer> => {
      const pieces: Uint8Array[] = [];
      for await (const piece of (await lab.captured()).read(path, { signal })) pieces.push(piece);
      return Buffer.concat(pieces);
    };
    const stored = await content();
    // Only one that is not read can be taken for the same now.
    const { mtime } = statSync(file);
    const live = readFileSync(file);
    writeFileSync(file, Buffer.from(live).fill(0x55, live.length - 64));
    utimesSync(file, mtime, mtime);
    await lab.capture(open(), identity);
    expect((await content()).equals(stored)).toBe(true);
    // One with another time is read.
    utimesSync(file, mtime, new Date(Date.now() - 1_800_000));
    await lab.capture(open(), identity);
    expect((await content()).equals(stored)).toBe(false);
    writeFileSync(file, live);
  });

  test("needs nothing of the journal from before the oldest base backup, which leaves it out then", async () => {
    const stream = first.position["system-identifier"] as string;
    const before = (await (await lab.journal(identity)).files(stream, { signal })).length;
    note("seventh");
    await archived();
    await push();
    const journal = await lab.journal(identity, { isNewestOnly: true });
    const names = (await journal.files(stream, { signal })).map(({ name }) => name);
    expect(names.filter((name) => name.length === 24 && name < (first.position["journal-from"] as string))).toEqual([]);
    expect(names).toContain(first.position["journal-from"]);
    expect(before).toBeGreaterThan(0);
  });
});
