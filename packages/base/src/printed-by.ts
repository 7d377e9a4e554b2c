/** What a program prints, such as one that keeps secrets. */
import { spawn } from "node:child_process";
import { messageOf } from "./errors.ts";

export interface PrintedByOptions {
  /** What the program gets to see. Default: what this process does. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly maxBytes: number;
  /** Aborting ends the program. */
  readonly signal: AbortSignal;
}

/**
 * The whole output of a program, run without a shell; its standard error goes to ours.
 * @param words the program, looked for in PATH, and its arguments
 * @throws an Error that says why it failed, never what it printed; the signal's reason on abort
 */
export async function printedBy(
  words: readonly [string, ...string[]],
  { environment, maxBytes, signal }: PrintedByOptions,
): Promise<Buffer> {
  const [program, ...args] = words;
  signal.throwIfAborted();
  const env = environment === undefined ? {} : { env: environment };
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], signal, ...env });
  const ended = new Promise<string | undefined>((resolve) => {
    child.on("error", (error) => resolve(messageOf(error)));
    child.on("close", (code, by) =>
      resolve(code === 0 ? undefined : by === null ? `exit code ${code}` : `ended by ${by}`),
    );
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) child.kill();
    else chunks.push(chunk);
  }
  const failure = await ended;
  signal.throwIfAborted();
  if (size > maxBytes) throw new Error(`it printed more than ${maxBytes} bytes`);
  if (failure !== undefined) throw new Error(failure);
  return Buffer.concat(chunks);
}
