/**
 * `rclone serve restic` as a child: it listens on a port of this machine that the system chooses, lets nobody in without a
 * password that is made anew each time, and ends with us.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { type HoldfastError, Secret, endingWithUs, findProgram, messageOf } from "@holdfast/base";
import { storageError } from "../errors.ts";
import type { Login } from "../http/http-address.ts";

export interface RcloneSettings {
  /** Name or path of the program. */
  readonly program: string;
  /** What makes it serve. */
  readonly args: readonly string[];
  readonly remote: string;
  /** For messages. */
  readonly location: string;
  /** How long it may take until it serves. */
  readonly timeoutMs: number;
  /** What it gets to see. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const ADDRESS = /\bon \[?http:\/\/127\.0\.0\.1:(?<port>\d+)\//;
/** So much of what it says last is kept for messages. */
const KEPT_CHARS = 4096;
const END_MS = 5000;
/** rclone prints the address that it listens on as a notice; settings of the user must not hide that, nor log elsewhere. */
const REMOVED =
  /^(HOLDFAST_|RESTIC_|RCLONE_(LOG_LEVEL|LOG_FILE|QUIET|VERBOSE|USE_JSON_LOG|SYSLOG|ADDR|CERT|KEY|HTPASSWD|BASEURL)$)/;

export class RcloneProgram {
  readonly login: Login = { user: "holdfast", password: new Secret(randomBytes(24).toString("base64url")) };
  readonly #settings: RcloneSettings;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #said = "";
  #failure: string | undefined;
  #onSaid: (() => void) | undefined;

  private constructor(settings: RcloneSettings, [program, ...before]: readonly [string, ...string[]]) {
    this.#settings = settings;
    const env = Object.fromEntries(Object.entries(settings.environment).filter(([name]) => !REMOVED.test(name)));
    this.#child = spawn(program, [...before, ...settings.args, "--addr", "127.0.0.1:0", settings.remote], {
      env: { ...env, RCLONE_USER: this.login.user, RCLONE_PASS: this.login.password.reveal() },
      stdio: ["ignore", "ignore", "pipe"],
      // In a group of its own: who interrupts the run from a terminal must not take away what it ends with.
      detached: true,
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#said = (this.#said + text).slice(-KEPT_CHARS);
      this.#onSaid?.();
    });
    this.#ended = new Promise((resolve) => {
      const end = (why: string): void => {
        this.#failure ??= why;
        this.#onSaid?.();
        resolve();
      };
      this.#child.once("error", (error) => end(messageOf(error)));
      this.#child.once("close", (code, signal) => end(`it ended (${signal ?? code ?? "?"})`));
    });
  }

  /** Starts it, and returns it once it serves. @throws STORAGE_PROGRAM */
  static async start(settings: RcloneSettings): Promise<{ rclone: RcloneProgram; port: number }> {
    const path = settings.environment["PATH"] ?? "";
    const command = await findProgram(settings.program, path);
    if (command === undefined) {
      const details = { location: settings.location, program: settings.program, reason: "there is no such program" };
      throw storageError("STORAGE_PROGRAM", {
        ...details,
        how: "Install rclone, or name it with -o rclone.program=/path/to/rclone.",
      });
    }
    const rclone = new RcloneProgram(settings, await endingWithUs(command, path));
    try {
      return { rclone, port: await rclone.#port() };
    } catch (error) {
      await rclone.end();
      throw error;
    }
  }

  /** Why nothing can be had from it any more, once it has ended by itself. */
  whyGone(): HoldfastError | undefined {
    return this.#failure === undefined ? undefined : this.#error(this.#failure);
  }

  /** Ends it, and waits for that. */
  async end(): Promise<void> {
    if (this.#failure === undefined) this.#child.kill("SIGTERM");
    const force = setTimeout(() => this.#child.kill("SIGKILL"), END_MS);
    await this.#ended;
    clearTimeout(force);
  }

  async #port(): Promise<number> {
    const deadline = Date.now() + this.#settings.timeoutMs;
    for (;;) {
      const port = ADDRESS.exec(this.#said)?.groups?.["port"];
      if (port !== undefined) return Number(port);
      if (this.#failure !== undefined) throw this.#error(this.#failure);
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw this.#error(`it did not serve within ${this.#settings.timeoutMs / 1000} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#onSaid = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #error(why: string): HoldfastError {
    const { program, location, remote } = this.#settings;
    const last =
      this.#said
        .trim()
        .split("\n")
        .at(-1)
        ?.replace(/^[\d/]+ [\d:.]+ /, "") ?? "";
    // What rclone says may repeat the remote with its parameters, which may be secrets.
    const said = last.replaceAll(remote, location.slice("rclone:".length)).replaceAll(/[\p{C}\s]+/gu, " ");
    const reason = said === "" ? why : `${why}: ${said}`;
    const how = "Try it by hand with `rclone lsd remote:`; -o rclone.program and -o rclone.args say what is started.";
    return storageError("STORAGE_PROGRAM", { location, program, reason, how });
  }
}
