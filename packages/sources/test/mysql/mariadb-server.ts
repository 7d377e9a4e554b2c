/** A real MariaDB server for tests: on a socket and a loopback port, with a binary log; as the user mysql when we are root. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@holdfast/storage/testing";

export const HAS_MARIADB = ["mariadbd", "mariadb", "mariadb-install-db", "mariadb-backup"].every(
  (program) => spawnSync("which", [program], { env: { ...process.env, PATH: serverPath() } }).status === 0,
);

export function serverPath(): string {
  return `${process.env["PATH"] ?? ""}:/usr/sbin`;
}

const isRoot = process.getuid?.() === 0;
const id = (option: string): number => Number(execFileSync("id", [option, "mysql"], { encoding: "utf8" }));

/** Who the server, and tools that only its user may run, run as. */
export function serverUser(): { uid: number; gid: number } | Record<string, never> {
  return isRoot ? { uid: id("-u"), gid: id("-g") } : {};
}

export class MariadbServer {
  readonly folder: string;
  readonly port: number;
  readonly #more: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(folder: string, port: number, more: readonly string[]) {
    this.folder = folder;
    this.port = port;
    this.#more = more;
  }

  /** @param parent a folder that others may go through @param more arguments of the server */
  static async start(parent: string, more: readonly string[] = []): Promise<MariadbServer> {
    const folder = mkdtempSync(join(parent, "m-"));
    const user = serverUser();
    mkdirSync(join(folder, "tmp"));
    if ("uid" in user) for (const path of [folder, join(folder, "tmp")]) chownSync(path, user.uid, user.gid);
    const server = new MariadbServer(folder, await freePort(), more);
    execFileSync(
      "mariadb-install-db",
      [
        "--no-defaults",
        `--datadir=${server.data}`,
        `--tmpdir=${join(folder, "tmp")}`,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--innodb-log-file-size=8M",
      ],
      { ...user, cwd: "/", stdio: "ignore", env: { ...process.env, PATH: serverPath() } },
    );
    await server.run();
    return server;
  }

  get data(): string {
    return join(this.folder, "data");
  }

  get socket(): string {
    return join(this.folder, "s");
  }

  /** Starts it on its data folder, or on another one. */
  async run(data = this.data): Promise<void> {
    const log = openSync(join(this.folder, "log"), "a");
    const args = [
      "--no-defaults",
      `--datadir=${data}`,
      `--socket=${this.socket}`,
      `--pid-file=${join(this.folder, "pid")}`,
      `--tmpdir=${join(this.folder, "tmp")}`,
      "--bind-address=127.0.0.1",
      `--port=${this.port}`,
      `--log-bin=${join(data, "bin")}`,
      "--server-id=1",
      "--binlog-format=ROW",
      "--innodb-buffer-pool-size=32M",
      "--innodb-log-file-size=8M",
      "--innodb-flush-log-at-trx-commit=2",
      "--event-scheduler=ON",
      ...this.#more,
    ];
    const options = { stdio: ["ignore", log, log] as const, cwd: "/", ...serverUser() };
    this.#process = spawn("/usr/sbin/mariadbd", args, { ...options, stdio: ["ignore", log, log] });
    closeSync(log);
    // Whatever becomes of the tests.
    const child = this.#process;
    process.once("exit", () => child.kill("SIGKILL"));
    for (let n = 0; n < 300; n++) {
      if (this.#process.exitCode !== null) break;
      if (spawnSync("mariadb-admin", ["--no-defaults", "-uroot", "-S", this.socket, "ping"]).status === 0) return;
      await sleep(50);
    }
    throw new Error(`the server does not start: ${readFileSync(join(this.folder, "log"), "utf8").slice(-2000)}`);
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.#process === undefined || !this.isRunning) return;
    const ended = once(this.#process, "exit");
    this.#process.kill(signal);
    await ended;
  }

  /** What statements print, without names of columns. */
  sql(text: string, { user = "root", database }: { user?: string; database?: string } = {}): string {
    const args = [
      "--no-defaults",
      `-u${user}`,
      "-S",
      this.socket,
      "--batch",
      "--skip-column-names",
      "--comments",
      "--default-character-set=utf8mb4",
    ];
    return execFileSync("mariadb", [...args, ...(database === undefined ? [] : [database])], {
      input: text,
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
      maxBuffer: 64 * 1024 * 1024,
    }).trim();
  }

  /** Waits until its files have all that it knows: pages that wait to be written are changes of files. */
  async settle(): Promise<void> {
    this.sql(
      "SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0, GLOBAL innodb_max_dirty_pages_pct = 0, GLOBAL innodb_max_purge_lag_wait = 0",
    );
    for (let n = 0; n < 400; n++) {
      if (this.sql("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'").endsWith("\t0")) return;
      await sleep(50);
    }
    throw new Error("the server goes on writing");
  }

  /** Whether nobody is connected as this account; a thread ends a moment after its client. */
  async isWithout(account: string): Promise<boolean> {
    if (!this.isRunning) return true;
    for (let n = 0; n < 100; n++) {
      if (this.sql(`SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '${account}'`) === "0")
        return true;
      await sleep(50);
    }
    return false;
  }
}
