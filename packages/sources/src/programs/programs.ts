/**
 * Runs the tools of a workload: `pg_dump`, `redis-cli`, a command of the user. Without a shell; what they print to standard error
 * becomes part of the error when they fail; they end when the call ends, and with this process.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Secret,
  endingWithUs,
  findProgram,
  isAbort,
  isHoldfastError,
  messageOf,
  systemCode,
} from "@holdfast/base";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { lastLines } from "./last-lines.ts";
import { Watchdog } from "./watchdog.ts";

/** So much of what a program says last is kept for messages. */
const KEPT_CHARS = 4096;
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
/** How long it may take to end after it was asked to. */
const END_MS = 5000;

export interface ProgramsOptions {
  /** For messages: `source shop`. */
  readonly source: string;
  /** What programs get to see. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A program to run. */
export interface ProgramCall {
  /** Name or path. */
  readonly tool: string;
  readonly args: readonly string[];
  /** Added to the environment; passwords go this way, never by arguments. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Replaced by `***` in messages. */
  readonly secrets?: readonly Secret[];
  readonly folder?: string;
  /** Runs as another user; only root may do so. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** What to do when it is not there: `Install the package postgresql-client.` */
  readonly how?: string;
  /** Exit codes that are no failure. Default: 0. */
  readonly good?: readonly number[];
}

export class Programs {
  readonly options: ProgramsOptions;

  constructor(options: ProgramsOptions) {
    this.options = options;
  }

  /** The path of a tool; `undefined` when it is not there. */
  find(tool: string): Promise<string | undefined> {
    return findProgram(tool, this.options.environment["PATH"] ?? "");
  }

  /** The path of a tool. @throws SOURCES_TOOL_MISSING */
  async require(tool: string, how = `Install it, or name it by its path.`): Promise<string> {
    const path = await this.find(tool);
    if (path === undefined) throw sourcesError("SOURCES_TOOL_MISSING", { source: this.options.source, tool, how });
    return path;
  }

  /**
   * What a program prints, as it comes; slow takers slow it down. Fails at its end when the program did, so that half an output is
   * never taken for all of it.
   * @param input what it gets as its standard input
   * @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED
   */
  async *stream(
    call: ProgramCall,
    { signal, input }: CallOptions & { input?: AsyncIterable<Uint8Array> },
  ): AsyncGenerator<Uint8Array> {
    const run = await this.#start(call, signal, input);
    try {
      for await (const chunk of run.child.stdout as AsyncIterable<Uint8Array>) {
        signal.throwIfAborted();
        yield chunk;
      }
      await run.finished();
    } catch (error) {
      signal.throwIfAborted();
      if (isHoldfastError(error)) throw error;
      // Why it ended says more than that its output broke off.
      await run.end();
      await run.finished();
      throw this.#failed(call, messageOf(error), error);
    } finally {
      await run.end();
    }
  }

  /** All that a program prints, as text. @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED */
  async text(call: ProgramCall, options: CallOptions & { input?: AsyncIterable<Uint8Array> }): Promise<string> {
    const parts: Uint8Array[] = [];
    let total = 0;
    for await (const part of this.stream(call, options)) {
      total += part.length;
      if (total > MAX_TEXT_BYTES) throw this.#failed(call, `it printed more than ${MAX_TEXT_BYTES} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts).toString("utf8");
  }

  /** Has a command run if this process is killed before the watchdog is dismissed. @param words the program by its path */
  watch(words: readonly string[], variables: Readonly<Record<string, string>> = {}): Watchdog {
    return new Watchdog(words, { ...this.options.environment, ...variables });
  }

  async #start(call: ProgramCall, signal: AbortSignal, input?: AsyncIterable<Uint8Array>): Promise<Run> {
    const path = await this.require(call.tool, call.how);
    const { environment } = this.options;
    const [program, ...words] = await endingWithUs(path, environment["PATH"] ?? "");
    signal.throwIfAborted();
    const child = spawn(program, [...words, ...call.args], {
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      env: { ...environment, LC_ALL: "C.UTF-8", ...call.variables },
      ...(call.folder === undefined ? {} : { cwd: call.folder }),
      ...(call.user === undefined ? {} : call.user),
      // In a group of its own: who interrupts the run from a terminal must not take away what it ends in order.
      detached: true,
    });
    return new Run(child, { signal, input, good: call.good ?? [0], failed: (reason) => this.#failed(call, reason) });
  }

  #failed({ tool, secrets = [] }: ProgramCall, reason: string, cause?: unknown): Error {
    let shown = reason;
    for (const secret of secrets) if (secret.reveal() !== "") shown = shown.replaceAll(secret.reveal(), "***");
    return sourcesError("SOURCES_TOOL_FAILED", { tool, source: this.options.source, reason: shown }, cause);
  }
}

interface RunOptions {
  readonly signal: AbortSignal;
  readonly input: AsyncIterable<Uint8Array> | undefined;
  readonly good: readonly number[];
  readonly failed: (reason: string) => Error;
}

/** A program while it runs. */
class Run {
  readonly child: ChildProcess;
  readonly #options: RunOptions;
  readonly #ended: Promise<string | undefined>;
  readonly #feeding: Promise<unknown>;
  readonly #stop = (): void => void this.end();
  #said = "";
  #isOver = false;

  constructor(child: ChildProcess, options: RunOptions) {
    this.child = child;
    this.#options = options;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#said = (this.#said + text).slice(-KEPT_CHARS);
    });
    this.#ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(messageOf(error)));
      child.once("close", (code, by) =>
        resolve(
          code !== null && options.good.includes(code)
            ? undefined
            : by === null
              ? `exit code ${code}`
              : `ended by ${by}`,
        ),
      );
    });
    void this.#ended.then(() => {
      this.#isOver = true;
    });
    options.signal.addEventListener("abort", this.#stop, { once: true });
    this.#feeding = options.input === undefined ? Promise.resolve() : this.#feed(options.input);
    this.#feeding.catch(() => {});
  }

  /** Waits until it has ended well. @throws what its input failed of: it only saw that that ended */
  async finished(): Promise<void> {
    const why = await this.#ended;
    this.#options.signal.throwIfAborted();
    await this.#feeding;
    if (why !== undefined)
      throw this.#options.failed(this.#said.trim() === "" ? why : `${why}: ${lastLines(this.#said)}`);
  }

  /** Ends it, asks first, and waits until it has ended. */
  async end(): Promise<void> {
    this.#options.signal.removeEventListener("abort", this.#stop);
    if (!this.#isOver) this.#kill("SIGTERM");
    const patience = new AbortController();
    const force = sleep(END_MS, undefined, { signal: patience.signal, ref: true }).then(
      () => this.#kill("SIGKILL"),
      () => {},
    );
    await this.#ended;
    patience.abort();
    await force;
  }

  /** The whole group: what it has started as well. */
  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid === undefined || this.#isOver) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      if (systemCode(error) !== "ESRCH") this.child.kill(signal);
    }
    // Nobody reads the rest, and a full pipe would keep it from ending.
    this.child.stdout?.destroy();
  }

  async #feed(input: AsyncIterable<Uint8Array>): Promise<void> {
    const stdin = this.child.stdin as NonNullable<ChildProcess["stdin"]>;
    let isClosed = false;
    const closed = new Promise<void>((resolve) => {
      stdin.once("close", () => {
        isClosed = true;
        resolve();
      });
    });
    // A program may end before it has read all; its exit code says whether that is a failure.
    stdin.on("error", () => {});
    try {
      for await (const chunk of input) {
        if (isClosed) return;
        if (!stdin.write(chunk))
          await Promise.race([new Promise<void>((resolve) => stdin.once("drain", resolve)), closed]);
      }
      stdin.end();
    } catch (error) {
      // Half an input must not pass for all of it.
      if (!isAbort(error)) this.#kill("SIGTERM");
      stdin.destroy();
      throw error;
    }
  }
}
