/** Options that say nothing for a source: one that was typed and has no effect would deceive. */
import type { CommandContext } from "../context.ts";
import { GLOBAL_OPTIONS } from "../definitions/global-options.ts";
import { optionName } from "../definitions/definition.ts";
import { cliError } from "../errors.ts";

const GLOBAL: ReadonlySet<string> = new Set(GLOBAL_OPTIONS.map(optionName));

/** @param taken options of the command that sources take @throws CLI_USAGE */
export function refuseOptions({ options }: CommandContext, taken: readonly string[], help: string): void {
  const other = options.typedNames.find((name) => !GLOBAL.has(name) && !taken.includes(name));
  if (other === undefined) return;
  throw cliError("CLI_USAGE", {
    problem: `--${other} is about files, and a source of the configuration is meant`,
    help,
  });
}
