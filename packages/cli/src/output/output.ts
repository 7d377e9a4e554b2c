/**
 * All that a command prints. Results go to standard output; messages, warnings and progress go to standard error, so that a
 * pipe gets results only. In JSON, results and progress are lines on standard output, and problems are lines on standard error.
 */
import type { WriteStream } from "node:tty";
import { LiveBlock } from "./live-block.ts";
import { wrapProse } from "./wrap.ts";

/** Results are collected up to this size: a listing of a million lines must not be a million writes. */
const BUFFER_LENGTH = 32 * 1024;

/** What the global options and the environment say about printing. */
export interface OutputSettings {
  readonly json: boolean;
  readonly quiet: boolean;
  /** How often --verbose was given. */
  readonly verbosity: number;
  readonly color: boolean;
}

type Stream = NodeJS.WritableStream & Partial<Pick<WriteStream, "isTTY" | "columns">>;

export class Output {
  readonly settings: OutputSettings;
  /** The changing lines at the end of a terminal; `undefined` when standard error is none. */
  readonly live: LiveBlock | undefined;
  readonly #out: Stream;
  readonly #err: Stream;
  #buffer = "";

  constructor(
    settings: OutputSettings,
    { out, err }: { out: Stream; err: Stream } = { out: process.stdout, err: process.stderr },
  ) {
    this.settings = settings;
    this.#out = out;
    this.#err = err;
    const canDraw = err.isTTY === true && !settings.json && !settings.quiet;
    this.live = canDraw ? new LiveBlock(err) : undefined;
  }

  /** One or more lines of a result. */
  print(text: string): void {
    // On a terminal what is printed in one turn is one write: a write waits until the terminal has taken it.
    if (this.#buffer === "" && this.#out.isTTY === true) queueMicrotask(() => this.#write());
    this.#buffer += `${text}\n`;
    if (this.#buffer.length >= BUFFER_LENGTH) this.#write();
  }

  /** Lines of a result that are sentences; broken at spaces where a terminal is narrow. */
  printProse(text: string): void {
    this.print(this.width === undefined ? text : wrapProse(text, this.width));
  }

  /** One JSON value on a line of standard output. */
  printJson(value: unknown): void {
    this.print(toJson(value));
  }

  /** A JSON line that a reader waits for, such as a status. */
  printJsonNow(value: unknown): void {
    this.printJson(value);
    this.#write();
  }

  /** Raw bytes of a result. Waits until they are written, so that the caller may reuse them. */
  async printBytes(bytes: Uint8Array, { signal }: { signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    this.#write();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener("abort", onAbort, { once: true });
      // A failed write reaches the run as an abort, with its reason.
      this.#out.write(bytes, () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      });
    });
  }

  /** True when results go to a person and not to a file or a program. */
  get isTerminal(): boolean {
    return this.#out.isTTY === true;
  }

  /** Columns of the terminal that results go to; `undefined` when they go elsewhere. */
  get width(): number | undefined {
    return this.isTerminal ? widthOf(this.#out) : undefined;
  }

  /** Tells people what goes on; nothing in JSON or with --quiet. `level` is how often --verbose must be given. */
  message(text: string, level = 0): void {
    const { json, quiet, verbosity } = this.settings;
    if (!json && !quiet && verbosity >= level) this.#printError(text);
  }

  /** A problem that does not end the run. Printed with --quiet as well. */
  warn(text: string, json: { readonly item?: string; readonly during: string }): void {
    if (this.settings.json) this.errorJson({ message_type: "error", error: { message: text }, ...json });
    else this.#printError(`${this.color("33", "warning:")} ${text}`);
  }

  /** One JSON value on a line of standard error. */
  errorJson(value: unknown): void {
    this.#printError(toJson(value));
  }

  /** Text on standard error, whatever the settings. */
  error(text: string): void {
    this.#printError(text);
  }

  /** Text in a colour of ECMA-48 (`31` red, `33` yellow), where colours are wanted. */
  color(code: string, text: string): string {
    return this.settings.color ? `\u001b[${code}m${text}\u001b[0m` : text;
  }

  /** Writes what is still held back, and waits until all is written or has failed; a failure is an event of the stream. */
  async flush(): Promise<void> {
    this.#write();
    const failure = await new Promise((resolve) => this.#out.write("", resolve));
    // The event comes a turn later than the answer.
    if (failure instanceof Error) await new Promise((resolve) => setImmediate(resolve));
  }

  #write(): void {
    if (this.#buffer === "") return;
    const text = this.#buffer;
    this.#buffer = "";
    if (this.#out.isTTY === true) this.live?.clear();
    this.#out.write(text);
  }

  #printError(text: string): void {
    // Keeps the order of the two streams where both go to one place.
    this.#write();
    this.live?.clear();
    this.#err.write(`${this.#err.isTTY === true ? wrapProse(text, widthOf(this.#err)) : text}\n`);
  }
}

function widthOf({ columns }: Stream): number {
  // Some terminals say 0 when they do not know.
  return columns || 80;
}

/** Part of ECMAScript that TypeScript's library does not declare yet: a number of any length. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** JSON in which numbers beyond 2^53 (inodes) stay exact. Bytes of a name that are not UTF-8 come out as `\udc80` to `\udcff`. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? rawJSON(String(inner)) : inner));
}
