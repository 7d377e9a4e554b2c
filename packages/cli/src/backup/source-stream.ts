/** Data that is stored as one file: standard input, or the output of a command. */
import { spawn } from "node:child_process";
import { addAbortSignal } from "node:stream";
import { isAbort, messageOf } from "@holdfast/base";
import { cliError } from "../errors.ts";

/** Standard input, which an abort ends. */
export function standardInput({ signal }: { signal: AbortSignal }): AsyncIterable<Uint8Array> {
  return addAbortSignal(signal, process.stdin);
}

/**
 * The standard output of a command, run without a shell; its standard error goes to ours. It fails at the end when the command
 * did, so that no snapshot is made of half an output. Aborting ends the command with SIGTERM.
 * @throws CLI_SOURCE_COMMAND
 */
export async function* commandOutput(
  words: readonly string[],
  { signal }: { signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const [program = "", ...args] = words;
  signal.throwIfAborted();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], signal });
  const ended = new Promise<string | undefined>((resolve) => {
    child.on("error", (error) => resolve(messageOf(error)));
    child.on("close", (code, by) =>
      resolve(code === 0 ? undefined : by === null ? `exit code ${code}` : `ended by ${by}`),
    );
  });
  try {
    yield* addAbortSignal(signal, child.stdout) as AsyncIterable<Uint8Array>;
    const failure = await ended;
    signal.throwIfAborted();
    if (failure !== undefined) throw cliError("CLI_SOURCE_COMMAND", { command: program, reason: failure });
  } catch (error) {
    throw isAbort(error) ? (signal.reason ?? error) : error;
  } finally {
    child.kill();
  }
}
