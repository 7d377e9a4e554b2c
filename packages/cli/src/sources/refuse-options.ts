/** Options that say nothing for what is meant: one that was typed and has no effect would deceive. */
import type { CommandContext } from "../context.ts";
import { GLOBAL_OPTIONS } from "../definitions/global-options.ts";
import { optionName } from "../definitions/definition.ts";
import { cliError } from "../errors.ts";

const GLOBAL: ReadonlySet<string> = new Set(GLOBAL_OPTIONS.map(optionName));

/** What says how a source is restored; `--target` and `--host` mean something for files as well. */
export const RESTORE_OF_SOURCES: readonly string[] = ["as", "snapshot", "until", "set", "replace"];

/** Where a source is meant. @param taken options of the command that sources take @throws CLI_USAGE */
export function refuseOptions({ options }: CommandContext, taken: readonly string[], help: string): void {
  const other = options.typedNames.find((name) => !GLOBAL.has(name) && !taken.includes(name));
  if (other === undefined) return;
  throw cliError("CLI_USAGE", {
    problem: `--${other} is about files, and a source of the configuration is meant`,
    help,
  });
}

/** Where files are meant. @param ofSources options of the command that only sources take @throws CLI_USAGE */
export function refuseSourceOptions({ options }: CommandContext, ofSources: readonly string[], help: string): void {
  const other = options.typedNames.find((name) => ofSources.includes(name));
  if (other === undefined) return;
  throw cliError("CLI_USAGE", {
    problem: `--${other} is about a source of the configuration, and none of its sources is meant`,
    help,
  });
}
