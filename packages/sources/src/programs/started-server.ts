/**
 * A server of a workload that is started for a while: a private copy of a database that is proven or filled. It says what it has to
 * say to a file, ends with the call, and with this process.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { endingWithUs, messageOf, systemCode } from "@holdfast/base";
import { withinLimit } from "../content/time-limit.ts";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { lastLines } from "./last-lines.ts";
import type { ProgramCall, Programs } from "./programs.ts";

const POLL_MS = 50;
/** How long it may take to end once it was asked to. */
const END_MS = 30_000;

export interface ServerCall extends ProgramCall {
  /** What it says is written there; the last of it becomes part of the error when it does not start. Its folder must be there. */
  readonly log: string;
  /** Asked again and again until it gives true; it may throw while the server is not there yet. */
  readonly isReady: (options: CallOptions) => Promise<boolean>;
  readonly readyWithinMs: number;
  /** The setting that gives it more time, for messages. */
  readonly setting: string;
  /** Asks it to end in order. Default: SIGTERM. */
  readonly endSignal?: NodeJS.Signals;
}

/** One that runs. `end` must be called. */
export class StartedServer {
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  readonly #endSignal: NodeJS.Signals;
  #why: string | undefined;

  private constructor(child: ChildProcess, endSignal: NodeJS.Signals) {
    this.#child = child;
    this.#endSignal = endSignal;
    this.#ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(messageOf(error)));
      child.once("exit", (code, by) => resolve(by === null ? `exit code ${code}` : `ended by ${by}`));
    });
    void this.#ended.then((why) => {
      this.#why = why;
    });
  }

  /**
   * Starts it, and waits until it is ready.
   * @param environment what it gets to see
   * @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED when it ends before, SOURCES_TOO_LONG; then nothing of it runs any more
   */
  static async start(programs: Programs, call: ServerCall, { signal }: CallOptions): Promise<StartedServer> {
    const { environment, source } = programs.options;
    const path = await programs.require(call.tool, call.how);
    const [program, ...words] = await endingWithUs(path, environment["PATH"] ?? "");
    signal.throwIfAborted();
    const log = await open(call.log, "a", 0o600);
    let server: StartedServer;
    try {
      const child = spawn(program, [...words, ...call.args], {
        // A server that holds one of our pipes would keep us, or whoever reads from us, waiting for its end.
        stdio: ["ignore", log.fd, log.fd],
        env: { ...environment, LC_ALL: "C.UTF-8", ...call.variables },
        ...(call.folder === undefined ? {} : { cwd: call.folder }),
        ...(call.user === undefined ? {} : call.user),
        detached: true,
      });
      server = new StartedServer(child, call.endSignal ?? "SIGTERM");
    } finally {
      await log.close();
    }
    try {
      const limit = { ms: call.readyWithinMs, what: `the start of ${call.tool}`, source, setting: call.setting };
      await withinLimit(limit, (within) => server.#untilReady(call, programs, within), { signal });
      return server;
    } catch (error) {
      await server.end();
      throw error;
    }
  }

  /** Why it has ended; `undefined` while it runs. */
  get endedBecause(): string | undefined {
    return this.#why;
  }

  /** Waits until it has ended by itself, as it was told to, however long that takes. @returns why it has: `exit code 0` */
  async untilEnded({ signal }: CallOptions): Promise<string> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(signal.reason as Error);
      signal.addEventListener("abort", stop, { once: true });
      void this.#ended.then((why) => {
        signal.removeEventListener("abort", stop);
        resolve(why);
      });
    });
  }

  /** Asks it to end, waits, and forces it to when it takes too long. May be called twice. */
  async end(): Promise<void> {
    if (this.#why === undefined) this.#kill(this.#endSignal);
    const patience = new AbortController();
    const force = sleep(END_MS, undefined, { signal: patience.signal }).then(
      () => this.#kill("SIGKILL"),
      () => {},
    );
    await this.#ended;
    patience.abort();
    await force;
    // What it has started, and left behind.
    this.#kill("SIGKILL", { group: true });
  }

  async #untilReady({ tool, isReady, log }: ServerCall, programs: Programs, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#why !== undefined) {
        const said = lastLines(await readFile(log, "utf8").catch(() => ""));
        const reason = said === "" ? this.#why : `${this.#why}: ${said}`;
        throw sourcesError("SOURCES_TOOL_FAILED", { tool, source: programs.options.source, reason });
      }
      if (await isReady({ signal }).catch(() => false)) return;
      await sleep(POLL_MS);
    }
  }

  /** Its main process; with `group`, all that it has started. */
  #kill(signal: NodeJS.Signals, { group = false } = {}): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(group ? -pid : pid, signal);
    } catch (error) {
      if (systemCode(error) !== "ESRCH") throw error;
    }
  }
}
