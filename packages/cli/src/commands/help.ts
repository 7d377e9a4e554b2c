/** `holdfast help`: explains a command. */
import type { RunCommand } from "../context.ts";
import { findCommand } from "../definitions/find-command.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { formatHelp } from "../help-text.ts";

export const run: RunCommand = async ({ program, args, output }) => {
  if (findCommand(program, args) === undefined) {
    throw cliError("CLI_USAGE", { problem: `there is no command '${args.join(" ")}'`, help: "holdfast help" });
  }
  output.print(formatHelp(program, args, { width: process.stdout.columns }));
  return EXIT.ok;
};
