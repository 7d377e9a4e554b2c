// The page of all commands, from the definitions that the parser uses (`packages/cli/src/definitions`).
import { cell, loadModule, table } from "./markdown.ts";

/** What the page needs of an option. */
interface Option {
  readonly flags: string;
  readonly environment?: string;
}

/** What the page needs of a command. */
interface Command {
  readonly name: string;
  readonly summary: string;
  readonly description: readonly string[];
  readonly arguments?: readonly {
    readonly name: string;
    readonly description: string;
    readonly choices?: readonly string[];
  }[];
  readonly options?: readonly Option[];
  readonly examples?: readonly { readonly command: string; readonly description: string }[];
  readonly subcommands?: readonly Command[];
}

interface NamedCommand {
  readonly words: readonly string[];
  readonly command: Command;
}

type ExitCodes = readonly { readonly code: number; readonly meaning: string }[];

/** What the page takes from the modules of the command line. */
interface Modules {
  readonly program: Command;
  readonly allCommands: (command: Command) => readonly NamedCommand[];
  readonly globalOptions: readonly Option[];
  readonly otherVariables: readonly { readonly name: string; readonly description: string }[];
  readonly exitCodes: ExitCodes;
  readonly usageOf: (command: Command, words: readonly string[]) => string;
  readonly optionText: (option: Option) => string;
  readonly exitCodesOf: (command: Command, all: boolean) => ExitCodes;
}

/** The text of `docs/cli.md` for the repository at `folder`. */
export async function commandsPage(folder: string): Promise<string> {
  const modules = await loadModules(folder);
  const { program, allCommands } = modules;
  const commands = allCommands(program);
  const sections = [
    head(program),
    `## Commands\n\n${overview(commands)}`,
    `## Options of every command\n\n${optionTable(modules.globalOptions, modules)}`,
    `## Environment\n\n${variables(modules, commands)}`,
    `## Exit codes\n\n${exitCodeTable(modules.exitCodes)}`,
    ...commands.map((named) => section(named, modules)),
  ];
  return `${sections.join("\n\n")}\n`;
}

async function loadModules(folder: string): Promise<Modules> {
  const load = <Module>(path: string): Promise<Module> => loadModule<Module>(folder, `packages/cli/src/${path}`);
  const { PROGRAM } = await load<{ PROGRAM: Command }>("definitions/commands.ts");
  const { allCommands } = await load<Pick<Modules, "allCommands">>("definitions/find-command.ts");
  const texts = await load<Pick<Modules, "usageOf" | "optionText" | "exitCodesOf">>("help-text.ts");
  const { GLOBAL_OPTIONS, OTHER_VARIABLES, EXIT_CODES } = await load<{
    GLOBAL_OPTIONS: Modules["globalOptions"];
    OTHER_VARIABLES: Modules["otherVariables"];
    EXIT_CODES: ExitCodes;
  }>("definitions/global-options.ts");
  return {
    program: PROGRAM,
    allCommands,
    globalOptions: GLOBAL_OPTIONS,
    otherVariables: OTHER_VARIABLES,
    exitCodes: EXIT_CODES,
    ...texts,
  };
}

function head(program: Command): string {
  const paragraphs = program.description.map((text) => cell(text)).join("\n\n");
  return `# Command line

<!-- Made by \`npm run docs\` from packages/cli/src/definitions. Do not edit. -->

${paragraphs}

The same text is in \`holdfast help\` and in the manual pages that \`holdfast man\` prints.`;
}

function overview(commands: readonly NamedCommand[]): string {
  const rows = commands.map(({ words, command }) => {
    const name = ["holdfast", ...words].join(" ");
    return [`[\`${words.join(" ")}\`](#${name.replaceAll(" ", "-")})`, cell(command.summary)];
  });
  return table(["command", "what it does"], rows);
}

function section({ words, command }: NamedCommand, modules: Modules): string {
  const name = ["holdfast", ...words];
  const { arguments: args = [], options = [], examples = [], subcommands } = command;
  const argumentRows = args.map(({ name: argument, description, choices }) => [
    `\`${argument}\``,
    cell(choices === undefined ? description : `${description}: ${choices.join(", ")}`),
  ]);
  const parts = [
    `## ${name.join(" ")}`,
    `\`${modules.usageOf(command, name)}\``,
    ...command.description.map((text) => cell(text)),
    ...(argumentRows.length === 0 ? [] : [table(["argument", "meaning"], argumentRows)]),
    ...(options.length === 0 ? [] : [optionTable(options, modules)]),
    ...(examples.length === 0 ? [] : [examplesOf(examples)]),
    ...(subcommands === undefined ? [`Exit codes: ${exitCodeList(modules.exitCodesOf(command, false))}.`] : []),
  ];
  return parts.join("\n\n");
}

function optionTable(options: readonly Option[], { optionText }: Modules): string {
  return table(
    ["option", "meaning"],
    options.map((option) => [`\`${option.flags}\``, cell(optionText(option))]),
  );
}

function examplesOf(examples: NonNullable<Command["examples"]>): string {
  const lines = examples.map(({ command, description }) => `# ${description}\n${command}`);
  return `\`\`\`sh\n${lines.join("\n")}\n\`\`\``;
}

/** Variables that stand in for options, and the others. */
function variables({ globalOptions, otherVariables }: Modules, commands: readonly NamedCommand[]): string {
  const flagsOf = new Map<string, string>();
  for (const { environment, flags } of [
    ...globalOptions,
    ...commands.flatMap(({ command }) => command.options ?? []),
  ]) {
    if (environment !== undefined) flagsOf.set(environment, flags);
  }
  const rows = [
    ...[...flagsOf].map(([ending, flags]) => [
      `\`HOLDFAST_${ending}\`, \`RESTIC_${ending}\``,
      `stands in for \`${flags}\``,
    ]),
    ...otherVariables.map(({ name, description }) => [`\`${name}\``, cell(description)]),
  ];
  const text =
    "An option that was typed wins over a variable, and a variable of Holdfast over that of restic. An empty variable counts as absent.";
  return `${text}\n\n${table(["variable", "meaning"], rows)}`;
}

function exitCodeTable(codes: ExitCodes): string {
  return table(
    ["code", "meaning"],
    codes.map(({ code, meaning }) => [String(code), cell(meaning)]),
  );
}

function exitCodeList(codes: ExitCodes): string {
  return codes.map(({ code }) => `[${code}](#exit-codes)`).join(", ");
}
