/** Runs a program that prints a password. */
import { messageOf, printedBy, splitWords } from "@holdfast/base";
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
  try {
    return (await printedBy([program, ...args], { maxBytes: MAX_OUTPUT_BYTES, signal })).toString("utf8");
  } catch (error) {
    signal.throwIfAborted();
    throw cliError("CLI_PASSWORD_COMMAND", { reason: messageOf(error) });
  }
}
