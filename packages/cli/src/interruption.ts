/**
 * Ends a run from outside. The first SIGINT or SIGTERM aborts it and leaves it a second to tidy up; the second one ends the
 * process at once. So does SIGHUP when the terminal is gone. When nobody reads the output any more, the run ends quietly.
 */
import { isatty } from "node:tty";
import { systemCode } from "@holdfast/base";
import { cliError } from "./errors.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type SignalName = keyof typeof SIGNALS;

/** As a shell shows a program that SIGPIPE ended. */
const OUTPUT_CLOSED = 141;
const GRACE_MS = 950;
const STANDARD_STREAMS = [0, 1, 2];

export class Interruption {
  readonly #controller = new AbortController();
  /** Called before the process ends at once, to leave the terminal as it was. */
  readonly #beforeExit: () => void;
  readonly #terminals = STANDARD_STREAMS.filter((stream) => isatty(stream));
  /** How long a run may take to tidy up, before the process is ended. */
  graceMs = GRACE_MS;
  #exitCode: number | undefined;
  #isOutputLost = false;

  constructor(beforeExit: () => void) {
    this.#beforeExit = beforeExit;
  }

  /** Aborts with the reason why the run is to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit code of a run that was interrupted; `undefined` when it was not. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** True when there is nobody to read messages about the end. */
  get isQuiet(): boolean {
    return this.#exitCode === OUTPUT_CLOSED;
  }

  /** Throws the reason of the abort when results could not be written: a run that has ended since has not succeeded. */
  throwIfOutputFailed(): void {
    if (this.#isOutputLost) this.#controller.signal.throwIfAborted();
  }

  /** Listens until the process ends: also after the run, for what still holds the process. */
  listen(): void {
    process.on("SIGINT", () => this.#receive("SIGINT"));
    process.on("SIGTERM", () => this.#receive("SIGTERM"));
    process.on("SIGHUP", () => this.#hangUp());
    process.stdout.on("error", (error) => this.#outputFailed(error));
    // Without anybody to tell, messages are dropped.
    process.stderr.on("error", () => {});
  }

  #receive(name: SignalName): void {
    const code = SIGNALS[name];
    if (this.#exitCode !== undefined) this.#leave(code);
    this.#exitCode = code;
    this.#controller.abort(cliError("CLI_INTERRUPTED", { signal: name }));
    setTimeout(() => this.#leave(code), this.graceMs).unref();
  }

  /**
   * restic's `unlock` sends SIGHUP to the process of every lock, to see whether it is alive. So it only ends a run whose
   * terminal was closed; and then it may come several times, from the kernel and from the shell.
   */
  #hangUp(): void {
    const isTerminalGone = this.#terminals.some((stream) => !isatty(stream));
    if (isTerminalGone && this.#exitCode === undefined) this.#receive("SIGHUP");
  }

  #outputFailed(error: unknown): void {
    if (this.#exitCode !== undefined) return;
    this.#isOutputLost = true;
    const isClosed = systemCode(error) === "EPIPE";
    this.#exitCode = isClosed ? OUTPUT_CLOSED : 1;
    const reason = error instanceof Error ? error.message : String(error);
    this.#controller.abort(cliError("CLI_WRITE_FAILED", { path: "standard output", reason }));
  }

  #leave(code: number): never {
    this.#beforeExit();
    // oxlint-disable-next-line unicorn/no-process-exit -- a run that does not end by itself has to be ended
    process.exit(code);
  }
}
