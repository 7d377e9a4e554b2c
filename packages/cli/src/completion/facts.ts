/** What the completion scripts of all shells need to know of the commands, read from the definitions. */
import {
  type ArgumentDefinition,
  type CommandDefinition,
  type Completes,
  type OptionDefinition,
  optionName,
  shortFlag,
  valueName,
} from "../definitions/definition.ts";
import { allCommands } from "../definitions/find-command.ts";
import { GLOBAL_OPTIONS } from "../definitions/global-options.ts";

export interface OptionFacts {
  /** `--target`. */
  readonly long: string;
  /** `-t`. */
  readonly short: string | undefined;
  readonly description: string;
  /** `undefined`: the option has no value. */
  readonly value:
    | { readonly name: string; readonly choices: readonly string[]; readonly completes: Completes }
    | undefined;
  readonly repeatable: boolean;
}

export interface CommandFacts {
  /** `["key", "add"]`; empty for the program itself. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly subcommands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly OptionFacts[];
  readonly arguments: readonly ArgumentDefinition[];
}

/** The program and every command in it. */
export function commandFacts(program: CommandDefinition): CommandFacts[] {
  return [{ words: [], command: program }, ...allCommands(program)].map(({ words, command }) => ({
    words,
    summary: command.summary,
    subcommands: (command.subcommands ?? []).map(({ name, summary }) => ({ name, summary })),
    options: [...(command.options ?? []), ...GLOBAL_OPTIONS, HELP].map(optionFacts),
    arguments: command.arguments ?? [],
  }));
}

const HELP: OptionDefinition = { flags: "-h, --help", description: "explain the command" };

function optionFacts(option: OptionDefinition): OptionFacts {
  const name = valueName(option);
  return {
    long: `--${optionName(option)}`,
    short: shortFlag(option),
    description: option.description,
    value:
      name === undefined
        ? undefined
        : { name, choices: option.choices ?? [], completes: option.completes ?? "nothing" },
    repeatable: option.repeatable === true,
  };
}
