/** A real PostgreSQL server for tests: its own folder, sockets and a port of loopback; ended and removed by `end`. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@holdfast/storage/testing";

const VERSIONS = "/usr/lib/postgresql";
const READY_MS = 30_000;
/** The role that may do everything. */
const SUPERUSER = "postgres";

export interface PostgresServerOptions {
  /** Lines of `postgresql.conf`. */
  readonly configuration?: readonly string[];
  /** Lines of `pg_hba.conf`. Default: all are trusted on the socket, and need a password over TCP. */
  readonly access?: readonly string[];
  /** Arguments of initdb besides `--pgdata`, `--username` and `--auth`. */
  readonly initdb?: readonly string[];
  /** Variables that the server sees. */
  readonly environment?: Readonly<Record<string, string>>;
  /** A data folder that is there already, such as a copy; then there is no initdb. It must belong to `serverUser()`. */
  readonly data?: string;
}

/** The folder of the newest version's programs; `undefined` when PostgreSQL is not installed. */
export function postgresBinaries(): string | undefined {
  const majors = existsSync(VERSIONS) ? readdirSync(VERSIONS).map(Number).filter(Number.isInteger) : [];
  const newest = majors.toSorted((a, b) => b - a).find((major) => existsSync(`${VERSIONS}/${major}/bin/postgres`));
  return newest === undefined ? undefined : `${VERSIONS}/${newest}/bin`;
}

/** Who servers run as: `postgres` where we are root, which PostgreSQL refuses. */
export function serverUser(): { uid: number; gid: number } | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const number = (flag: string): number => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: number("-u"), gid: number("-g") };
}

export class PostgresServer {
  /** Sockets and data lie in it; others may pass through. */
  readonly folder: string;
  readonly data: string;
  readonly port: number;
  readonly binaries: string;
  readonly user: { uid: number; gid: number } | undefined;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number, binaries: string, { data, environment }: PostgresServerOptions) {
    this.folder = folder;
    this.data = data ?? join(folder, "data");
    this.#environment = { ...process.env, LC_ALL: "C.UTF-8", ...environment };
    this.port = port;
    this.binaries = binaries;
    this.user = serverUser();
  }

  /** Makes a cluster and starts it. */
  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const binaries = postgresBinaries();
    if (binaries === undefined) throw new Error("PostgreSQL is not installed");
    // Sockets have short paths.
    const folder = mkdtempSync(join(tmpdir(), "hf-pg-"));
    const server = new PostgresServer(folder, await freePort(), binaries, options);
    chmodSync(folder, 0o711);
    if (server.user !== undefined) chownSync(folder, server.user.uid, server.user.gid);
    try {
      server.#prepare(options);
      await server.resume();
      return server;
    } catch (error) {
      await server.end();
      throw error;
    }
  }

  /** The folder of its socket, as the setting `host` takes it. */
  get host(): string {
    return this.folder;
  }

  /** Variables by which PostgreSQL's programs reach it as the superuser. */
  get variables(): Record<string, string> {
    return { PGHOST: this.folder, PGPORT: String(this.port), PGUSER: SUPERUSER, PGCLIENTENCODING: "UTF8" };
  }

  /** Runs SQL in order, and gives what it prints: rows in lines, columns between `|`. */
  sql(database: string, sql: string, variables: Record<string, string> = {}): string {
    const args = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"];
    return this.run("psql", args, { input: sql, variables }).trim();
  }

  /** Runs one of its programs against it. */
  run(
    tool: string,
    args: readonly string[],
    { input = "", variables = {} }: { input?: string; variables?: Record<string, string> } = {},
  ): string {
    return execFileSync(join(this.binaries, tool), args, {
      input,
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C.UTF-8", ...this.variables, ...variables },
      maxBuffer: 256 * 1024 * 1024,
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  /** Ends the server and keeps its data. */
  async stop(signal: "SIGINT" | "SIGQUIT" | "SIGKILL" = "SIGINT"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  /** Starts the server on its data again. */
  async resume(): Promise<void> {
    const log = openSync(join(this.folder, "log"), "a");
    const child = spawn(join(this.binaries, "postgres"), ["-D", this.data], {
      stdio: ["ignore", log, log],
      env: this.#environment,
      cwd: "/",
      ...this.user,
    });
    closeSync(log);
    this.#child = child;
    const until = Date.now() + READY_MS;
    while (!this.#isReady()) {
      const isGone = child.exitCode !== null || child.signalCode !== null;
      if (isGone || Date.now() > until) throw new Error(`the server did not start: see ${this.folder}/log`);
      await sleep(30);
    }
  }

  /** Ends it and removes its data. */
  async end(): Promise<void> {
    await this.stop("SIGQUIT");
    rmSync(this.folder, { recursive: true, force: true });
  }

  #isReady(): boolean {
    try {
      this.run("pg_isready", ["--quiet"]);
      return true;
    } catch {
      return false;
    }
  }

  #prepare({
    initdb = ["--encoding=UTF8", "--locale=C.UTF-8"],
    configuration = [],
    access,
    data,
  }: PostgresServerOptions): void {
    const rules = access ?? [
      "local all all trust",
      "host all all 127.0.0.1/32 scram-sha-256",
      "local replication all trust",
    ];
    if (data === undefined) {
      const args = ["--pgdata", this.data, "--username", SUPERUSER, "--auth=trust", "--no-sync", ...initdb];
      execFileSync(join(this.binaries, "initdb"), args, {
        stdio: ["ignore", "ignore", "pipe"],
        cwd: "/",
        env: this.#environment,
        ...this.user,
      });
    }
    const lines = [
      "listen_addresses = '127.0.0.1'",
      `port = ${this.port}`,
      `unix_socket_directories = '${this.folder}'`,
      "fsync = off",
      ...configuration,
    ];
    appendFileSync(join(this.data, "postgresql.conf"), `${lines.join("\n")}\n`);
    writeFileSync(join(this.data, "pg_hba.conf"), `${rules.join("\n")}\n`);
  }
}
