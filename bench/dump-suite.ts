/** A PostgreSQL database captured twice and restored: as a source, and by pg_dump through a pipe into restic. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PostgresServer } from "@holdfast/sources/testing";
import type { Corpus } from "./corpora.ts";
import { type Command, measure } from "./measure.ts";
import { BENCH_PASSWORD, HOLDFAST_ENTRY, type RepositoryProgram } from "./programs.ts";
import type { Row } from "./report.ts";
import { Turns } from "./turns.ts";

const DATABASE = "shop";
const COPY = "copy";
/** What a row of the generated table takes in a dump. */
const ROW_BYTES = 150;

interface Settings {
  readonly mebibytes: number;
  readonly programs: readonly RepositoryProgram[];
  readonly runs: number;
  readonly folder: string;
}

/** Needs PostgreSQL of Debian. Its data lies in the folder, too, so that no disk is measured. */
export async function dumpRows({
  mebibytes,
  programs,
  runs,
  folder,
}: Settings): Promise<{ corpus: Corpus; rows: Row[] }> {
  chmodSync(folder, 0o711);
  const server = await startIn(folder);
  try {
    const rows = Math.round((mebibytes * 1024 * 1024) / ROW_BYTES);
    fill(server, rows);
    const bytes = Number(server.sql(DATABASE, `SELECT pg_database_size('${DATABASE}')`));
    const description = `a PostgreSQL database of ${rows.toLocaleString("en")} rows in one table, ${Math.round(bytes / 2 ** 20)} MiB with its index; restic gets it by pg_dump through a pipe. A restore is into another database, with ANALYZE; its memory is measured for Holdfast only`;
    const corpus = { name: "dump", path: server.data, description };
    const turns = new Turns(corpus.name);
    for (let n = 0; n < runs; n++) {
      for (const program of programs) await onePass(program, { server, turns, folder });
    }
    return { corpus, rows: turns.rows() };
  } finally {
    await server.end();
  }
}

async function startIn(folder: string): Promise<PostgresServer> {
  const { TMPDIR } = process.env;
  process.env["TMPDIR"] = folder;
  try {
    return await PostgresServer.start({ configuration: ["max_wal_size = 1GB", "autovacuum = off"] });
  } finally {
    if (TMPDIR === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = TMPDIR;
  }
}

/** Half of each row compresses, as it does in most databases. */
function fill(server: PostgresServer, rows: number): void {
  server.sql("postgres", `CREATE DATABASE ${DATABASE}`);
  server.sql(
    DATABASE,
    `CREATE TABLE sale (id int PRIMARY KEY, at timestamptz, customer int, price numeric, code text, note text);
     INSERT INTO sale SELECT g, '2026-01-01'::timestamptz + g * interval '1 second', hashint4(g) % 10000, (g % 9973)::numeric / 100,
       md5(g::text), 'sold at the counter to a customer of the shop in ' || (g % 31) FROM generate_series(1, ${rows}) g;
     VACUUM ANALYZE sale; CHECKPOINT;`,
  );
}

interface Pass {
  readonly server: PostgresServer;
  readonly turns: Turns;
  readonly folder: string;
}

async function onePass(program: RepositoryProgram, { server, turns, folder }: Pass): Promise<void> {
  const place = mkdtempSync(join(folder, "dump-"));
  const repository = join(place, "repository");
  const { backup, restore } = program.name === "holdfast" ? asSource(server, place) : throughPipe(server, repository);
  try {
    await measure(program.init(repository));
    turns.note(program, "first capture", await measure(backup));
    const before = storedKib(repository);
    turns.note(program, "second capture", await measure(backup));
    process.stderr.write(
      `dump, stored: ${program.name} ${before} KiB, then ${storedKib(repository) - before} KiB more\n`,
    );
    turns.note(program, "restore", await measure(restore));
    const stored = server.sql(COPY, "SELECT count(*) = max(id) FROM sale");
    if (stored !== "t") throw new Error(`${program.name} has not restored all rows`);
  } finally {
    server.sql("postgres", `DROP DATABASE IF EXISTS ${COPY}`);
    rmSync(place, { recursive: true });
  }
}

function asSource(server: PostgresServer, place: string): { backup: Command; restore: Command } {
  const { host, port } = server;
  const configuration = {
    version: 1,
    repositories: { main: { location: join(place, "repository"), password: { env: "BENCH_PASSWORD" } } },
    sources: {
      [DATABASE]: { kind: "postgres", host, port, user: "postgres", databases: [DATABASE], "count-rows-up-to": 0 },
    },
  };
  const file = join(place, "holdfast.json");
  writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 });
  const env = { BENCH_PASSWORD };
  const run = (...args: string[]): Command => ({
    program: process.execPath,
    args: [HOLDFAST_ENTRY, "--config", file, "--no-cache", "--quiet", ...args],
    env,
  });
  return { backup: run("backup", DATABASE), restore: run("restore", DATABASE, "--set", `target-database=${COPY}`) };
}

function throughPipe(server: PostgresServer, repository: string): { backup: Command; restore: Command } {
  const bash = (script: string): Command => ({
    program: "bash",
    args: ["-o", "pipefail", "-c", script, "bash", repository],
    env: { RESTIC_PASSWORD: BENCH_PASSWORD, ...server.variables, PATH: `${server.binaries}:${process.env["PATH"]}` },
  });
  const restic = `restic -r "$1" --no-cache --quiet`;
  return {
    backup: bash(`exec ${restic} backup --stdin --stdin-filename shop.dump < <(pg_dump -Fc -Z0 ${DATABASE})`),
    restore: bash(
      `createdb ${COPY} && ${restic} dump latest shop.dump | pg_restore --exit-on-error --dbname=${COPY} && psql -qd ${COPY} -c ANALYZE`,
    ),
  };
}

function storedKib(path: string): number {
  return Number(execFileSync("du", ["-sk", "--apparent-size", path], { encoding: "utf8" }).split("\t")[0]);
}
