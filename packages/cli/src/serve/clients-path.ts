/** The file of clients that a command is about. */
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";

/** @throws CLI_USAGE when no file is named */
export function clientsPath({ options }: Pick<CommandContext, "options">): string {
  const path = options.text("clients");
  if (path !== undefined) return path;
  const problem = "no file of clients is named: give --clients FILE or set HOLDFAST_SERVER_CLIENTS";
  throw cliError("CLI_USAGE", { problem, help: "holdfast help serve client" });
}
