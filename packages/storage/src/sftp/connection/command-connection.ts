/**
 * Connections by a program of the system, as restic makes them: `ssh` with the user's whole configuration, or what
 * `-o sftp.command` names. No shell runs it.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { messageOf } from "@holdfast/base";
import type { CallOptions } from "../../backend.ts";
import { storageError } from "../../errors.ts";
import type { Connection } from "./connection.ts";

const KEPT_STDERR = 2000;
const FAREWELL_MS = 1000;

/** A connection of one process for each channel. @param words the program and its arguments */
export function connectByCommand(words: readonly string[], location: string): Connection {
  const streams = new Set<CommandStream>();
  return {
    isLost: false,
    async openChannel({ signal }: CallOptions): Promise<Duplex> {
      signal.throwIfAborted();
      const stream = new CommandStream(words, location);
      streams.add(stream);
      stream.on("close", () => streams.delete(stream));
      return stream;
    },
    async close(): Promise<void> {
      await Promise.all([...streams].map((stream) => stream.ended()));
    },
  };
}

/** Standard input and output of a program. Ends with an error that repeats what the program said. */
class CommandStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<void>;

  constructor([program = "", ...args]: readonly string[], location: string) {
    super();
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    let said = "";
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-KEPT_STDERR);
    });
    this.#child.stdout.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) this.#child.stdout.pause();
    });
    this.#child.stdin.on("error", () => {}); // the end of the program says more
    this.#exited = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        resolve();
        const reason = `the program ${program} cannot be run: ${messageOf(error)}`;
        this.destroy(storageError("STORAGE_FAILED", { location, reason }, error));
      });
      this.#child.on("close", (code, signal) => {
        resolve();
        this.destroy(endError(location, program, code ?? signal ?? 0, said));
      });
    });
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    // An error here is told when the program has ended, and then with what it said.
    this.#child.stdin.write(chunk, () => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const timer = setTimeout(() => this.#child.kill(), FAREWELL_MS);
      this.#child.once("close", () => clearTimeout(timer));
    }
    done(error);
  }

  /** Ends the program, and waits until it has ended. */
  async ended(): Promise<void> {
    this.destroy();
    await this.#exited;
  }
}

/** What ssh says when waiting does not help has no code of its own: it is 255 for all. */
function endError(location: string, program: string, code: number | string, said: string): Error {
  const words = said.replace(/[^\x20-\x7e]+/g, " ").trim();
  if (/permission denied|too many authentication failures/i.test(words)) {
    return storageError("STORAGE_CREDENTIALS_REFUSED", { location, reason: words });
  }
  if (/host key verification failed/i.test(words)) {
    return storageError("STORAGE_UNTRUSTED", {
      location,
      reason: words,
      how: `Run ${program} by hand, and compare the fingerprint.`,
    });
  }
  const reason = `${program} ended (${code})${words === "" ? "" : `: ${words}`}`;
  return storageError(code === 255 ? "STORAGE_UNAVAILABLE" : "STORAGE_FAILED", { location, reason });
}
