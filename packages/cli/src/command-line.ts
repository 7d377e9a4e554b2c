/** Parses a command line with commander, from the definitions. What is not understood becomes a `CLI_USAGE` error. */
import { Argument, Command, CommanderError, Option } from "commander";
import { type CommandDefinition, type OptionDefinition, optionName } from "./definitions/definition.ts";
import { GLOBAL_OPTIONS } from "./definitions/global-options.ts";
import { cliError } from "./errors.ts";
import type { TypedValues } from "./given-options.ts";

/** What was asked for. */
export type ParsedCommandLine =
  /** `isMistake`: a command is missing, rather than help asked for. */
  | { readonly kind: "help"; readonly words: readonly string[]; readonly isMistake: boolean }
  | { readonly kind: "version" }
  | {
      readonly kind: "run";
      readonly command: CommandDefinition;
      readonly words: readonly string[];
      readonly args: readonly string[];
      readonly typed: TypedValues;
    };

type Values = Map<string, (string | true)[]>;

/** Options of the program itself, besides the global ones. */
const VERSION_FLAGS = "-V, --version";

/** @throws CLI_USAGE */
export function parseCommandLine(program: CommandDefinition, argv: readonly string[]): ParsedCommandLine {
  return new Parser(program).parse(argv);
}

class Parser {
  readonly #root: Command;
  readonly #values: Values = new Map();
  #result: ParsedCommandLine | undefined;
  /** The command that commander is at, for the hint of an error. */
  #words: readonly string[] = [];

  constructor(program: CommandDefinition) {
    this.#root = this.#build(program, []);
    this.#root.option(VERSION_FLAGS, "show the version").on("option:version", () => {
      this.#result ??= { kind: "version" };
    });
  }

  parse(argv: readonly string[]): ParsedCommandLine {
    try {
      this.#root.parse(spellOutLevels(argv), { from: "user" });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      // Asking for help or the version wins over whatever else is wrong.
      if (this.#result === undefined) {
        if (error.code !== "commander.help") throw this.#usageError(error);
        this.#result = { kind: "help", words: this.#words, isMistake: true };
      }
    }
    if (this.#result === undefined) throw new Error("the parser of the command line came to no result");
    return this.#result;
  }

  #build(definition: CommandDefinition, words: readonly string[]): Command {
    const command = new Command(definition.name);
    command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
    command.helpCommand(false).helpOption(false).enablePositionalOptions().allowExcessArguments(false);
    command.option("-h, --help", "explain this command").on("option:help", () => {
      this.#result = { kind: "help", words, isMistake: false };
    });
    for (const option of [...GLOBAL_OPTIONS, ...(definition.options ?? [])]) this.#addOption(command, option);
    for (const child of definition.subcommands ?? []) command.addCommand(this.#build(child, [...words, child.name]));
    command.hook("preSubcommand", (_parent, child) => {
      this.#words = [...words, child.name()];
    });
    if (definition.subcommands === undefined) this.#addRun(command, definition, words);
    return command;
  }

  #addOption(command: Command, definition: OptionDefinition): void {
    const name = optionName(definition);
    const option = new Option(definition.flags, definition.description);
    if (definition.choices !== undefined) option.choices([...definition.choices]);
    command.addOption(option);
    // A value that is not one of the choices has been refused before the event.
    command.on(`option:${option.name()}`, (value: string | null | undefined) => this.#add(name, value ?? true));
  }

  #addRun(command: Command, definition: CommandDefinition, words: readonly string[]): void {
    for (const { name, required, variadic, choices } of definition.arguments ?? []) {
      const inner = variadic === true ? `${name}...` : name;
      const argument = new Argument(required === true ? `<${inner}>` : `[${inner}]`);
      if (choices !== undefined) argument.choices([...choices]);
      command.addArgument(argument);
    }
    command.action(() => {
      this.#result ??= { kind: "run", command: definition, words, args: command.args, typed: this.#values };
    });
  }

  #add(name: string, value: string | true): void {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  #usageError(error: CommanderError): Error {
    const text = error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
    const help = ["holdfast help", ...this.#words].join(" ");
    return cliError("CLI_USAGE", { problem: text, help });
  }
}

/** `--verbose=2` is restic's short form of giving the option twice. */
function spellOutLevels(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.flatMap((word, at) => {
    const level = end >= 0 && at > end ? undefined : /^--verbose=(\d)$/.exec(word)?.[1];
    return level === undefined ? [word] : Array.from({ length: Number(level) }, () => "--verbose");
  });
}
