/** A real OpenSSH server on a free port of this machine, with keys and a folder of its own. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  accessSync,
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type Server, connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Surroundings } from "../location.ts";

const SSHD = "/usr/sbin/sshd";
/** The program that speaks SFTP on its standard input and output. */
export const SFTP_SERVER = "/usr/lib/openssh/sftp-server";
/** Who may log in: whoever runs the tests. */
export const sshUser = userInfo().username;

/** Whether the server is installed; CI sees to it that it is. */
export function hasSshServer(): boolean {
  try {
    accessSync(SSHD);
    accessSync(SFTP_SERVER);
    return true;
  } catch {
    return false;
  }
}

/** How a server differs from the usual one. */
export interface SshServerOptions {
  /** Further lines of the server's configuration, which win over ours. */
  readonly lines?: readonly string[];
  readonly subsystem?: string;
}

/** One server that runs until `stop`. */
export class SshServer {
  readonly folder = mkdtempSync(join(tmpdir(), "holdfast-sshd-"));
  /** Where repositories may be made. */
  readonly root = join(this.folder, "data");
  readonly home = join(this.folder, "home");
  readonly hostKey = join(this.folder, "host_key");
  readonly clientKey = join(this.home, ".ssh/id_ed25519");
  readonly #options: SshServerOptions;
  #port = 0;
  #process: ChildProcess | undefined;

  private constructor(options: SshServerOptions) {
    this.#options = options;
    mkdirSync(this.root);
    mkdirSync(join(this.home, ".ssh"), { recursive: true, mode: 0o700 });
    makeKey(this.hostKey);
    makeKey(this.clientKey);
    copyFileSync(`${this.clientKey}.pub`, join(this.folder, "authorized_keys"));
  }

  static async start(options: SshServerOptions = {}): Promise<SshServer> {
    const server = new SshServer(options);
    server.#port = await freePort();
    await server.#run();
    server.trust(server.port);
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** Lets another key in. */
  admit(publicKeyFile: string): void {
    appendFileSync(join(this.folder, "authorized_keys"), readFileSync(publicKeyFile));
  }

  /** Makes the host key known to the user of `home`, for the port that it is reached at. */
  trust(port: number, host = "127.0.0.1"): void {
    appendFileSync(this.knownHosts, this.knownHostLine(port, host));
  }

  get knownHosts(): string {
    return join(this.home, ".ssh/known_hosts");
  }

  knownHostLine(port = this.port, host = "127.0.0.1"): string {
    const [type, key] = readFileSync(`${this.hostKey}.pub`, "utf8").split(" ");
    return `[${host}]:${port} ${type} ${key}\n`;
  }

  /** The address of a folder on this server. */
  url(path: string, port = this.port): string {
    return `sftp://${sshUser}@127.0.0.1:${port}/${path}`;
  }

  /** A user whose home folder is `home`, with these options and variables. */
  surroundings(options: Record<string, string> = {}, variables: Record<string, string> = {}): Surroundings {
    return { variable: (name) => variables[name], option: (name) => options[name], home: this.home };
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process?.once("exit", resolve));
    this.#process?.kill();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #run(): Promise<void> {
    const { lines = [], subsystem = "internal-sftp" } = this.#options;
    const config = join(this.folder, "sshd_config");
    writeFileSync(
      config,
      [
        ...lines,
        `Port ${this.port}`,
        "ListenAddress 127.0.0.1",
        `HostKey ${this.hostKey}`,
        `PidFile ${join(this.folder, "sshd.pid")}`,
        `AuthorizedKeysFile ${join(this.folder, "authorized_keys")}`,
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "MaxStartups 100",
        `Subsystem sftp ${subsystem}`,
        "LogLevel VERBOSE",
        "",
      ].join("\n"),
    );
    if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
    const log = openSync(join(this.folder, "sshd.log"), "a");
    this.#process = spawn(SSHD, ["-D", "-e", "-f", config], { stdio: ["ignore", log, log] });
    for (let tries = 0; !(await answers(this.port)); tries++) {
      if (tries === 100) throw new Error(`sshd did not start: ${readFileSync(join(this.folder, "sshd.log"), "utf8")}`);
      await sleep(50);
    }
  }
}

/** Makes a pair of keys. */
export function makeKey(file: string, type = "ed25519", passphrase = ""): void {
  execFileSync("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-C", "test", "-f", file]);
}

/** A port of the loopback interface that nothing listens on. */
export async function freePort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("data", () => end(true)); // the server's greeting
    socket.once("error", () => end(false));
    const end = (isUp: boolean): void => {
      socket.destroy();
      resolve(isUp);
    };
  });
}
