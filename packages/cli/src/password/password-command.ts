/** Runs a program that prints a password. */
import { spawn } from "node:child_process";
import { messageOf, splitWords } from "@holdfast/base";
import { cliError } from "../errors.ts";

const MAX_OUTPUT_BYTES = 64 * 1024;

/**
 * The whole output of the command. Its standard error goes to ours. Aborting kills it.
 * @throws CLI_PASSWORD_COMMAND; what the program printed is never part of the message
 */
export async function passwordFromCommand(command: string, { signal }: { signal: AbortSignal }): Promise<string> {
  const [program, ...args] = splitWords(command) ?? [];
  if (program === undefined)
    throw cliError("CLI_PASSWORD_COMMAND", { reason: "it is empty, or a quote is not closed" });
  signal.throwIfAborted();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], signal });
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
    if (size > MAX_OUTPUT_BYTES) child.kill();
    else chunks.push(chunk);
  }
  const failure = await ended;
  signal.throwIfAborted();
  if (size > MAX_OUTPUT_BYTES)
    throw cliError("CLI_PASSWORD_COMMAND", { reason: `it printed more than ${MAX_OUTPUT_BYTES} bytes` });
  if (failure !== undefined) throw cliError("CLI_PASSWORD_COMMAND", { reason: failure });
  return Buffer.concat(chunks).toString("utf8");
}
