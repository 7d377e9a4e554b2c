/** The help of a command, from its definition. */
import { type CommandDefinition, type OptionDefinition, shortFlag } from "./definitions/definition.ts";
import { findCommand } from "./definitions/find-command.ts";
import { EXIT_CODES, GLOBAL_OPTIONS, OTHER_VARIABLES } from "./definitions/global-options.ts";
import { twoColumns, wrap } from "./output/wrap.ts";

const DEFAULT_WIDTH = 80;
const MAX_WIDTH = 110;
/** Codes that any command may end with. */
const COMMON_CODES: readonly number[] = [0, 1, 2, 130];

/** @param words the command's words; none for the program itself */
export function formatHelp(
  program: CommandDefinition,
  words: readonly string[],
  { width }: { width: number | undefined },
): string {
  const command = findCommand(program, words);
  if (command === undefined) throw new Error(`there is no command '${words.join(" ")}'`);
  const columns = Math.min(width ?? DEFAULT_WIDTH, MAX_WIDTH);
  const isProgram = words.length === 0;
  const sections = [
    ["Usage:", `  ${usageOf(command, [program.name, ...words])}`],
    ...command.description.map((paragraph) => wrap(paragraph, columns)),
    ...commandSections(command, columns),
    titled(
      "Arguments:",
      (command.arguments ?? []).map(({ name, description, choices }) => [
        name,
        choices === undefined ? description : `${description}: ${choices.join(", ")}`,
      ]),
      columns,
    ),
    titled("Options:", (command.options ?? []).map(optionRow), columns),
    ...(isProgram ? [titled("Options of every command:", GLOBAL_OPTIONS.map(optionRow), columns)] : []),
    ...(isProgram
      ? [
          titled(
            "Environment:",
            OTHER_VARIABLES.map(({ name, description }) => [name, description] as const),
            columns,
          ),
        ]
      : []),
    examples(command),
    titled(
      "Exit codes:",
      exitCodesOf(command, isProgram).map(({ code, meaning }) => [String(code), meaning] as const),
      columns,
    ),
    isProgram ? [] : ["Options of every command, such as -r, -p, --json and -q: `holdfast help`."],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** `holdfast restore [OPTION…] <snapshot[:folder]>`. @param words with the program's name */
export function usageOf(command: CommandDefinition, words: readonly string[]): string {
  if (command.subcommands !== undefined) return `${words.join(" ")} [OPTION…] COMMAND [ARGUMENT…]`;
  const args = (command.arguments ?? []).map(({ name, required, variadic }) => {
    const text = `${name.toUpperCase()}${variadic === true ? "…" : ""}`;
    return required === true ? text : `[${text}]`;
  });
  return [...words, "[OPTION…]", ...args].join(" ");
}

/** What the help says about an option: its description, choices, default and variable. */
export function optionText({ description, choices, defaultText, environment, repeatable }: OptionDefinition): string {
  const notes = [
    ...(choices === undefined ? [] : [`one of ${choices.join(", ")}`]),
    ...(defaultText === undefined ? [] : [`default: ${defaultText}`]),
    ...(repeatable === true ? ["may be repeated"] : []),
    ...(environment === undefined ? [] : [`variable HOLDFAST_${environment}`]),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join("; ")})`;
}

/** The exit codes of a command, with what they mean. */
export function exitCodesOf({ exitCodes = [] }: CommandDefinition, all: boolean): typeof EXIT_CODES {
  return EXIT_CODES.filter(({ code }) => all || COMMON_CODES.includes(code) || exitCodes.includes(code));
}

function optionRow(option: OptionDefinition): readonly [string, string] {
  return [shortFlag(option) === undefined ? `    ${option.flags}` : option.flags, optionText(option)];
}

function commandSections(command: CommandDefinition, width: number): string[][] {
  const groups = new Map<string, (readonly [string, string])[]>();
  for (const { name, summary, group = "Commands:" } of command.subcommands ?? []) {
    groups.set(group, [...(groups.get(group) ?? []), [name, summary]]);
  }
  return [...groups].map(([heading, rows]) => titled(heading, rows, width));
}

function examples({ examples: list = [] }: CommandDefinition): string[] {
  return list.length === 0
    ? []
    : ["Examples:", ...list.flatMap(({ command, description }) => [`  ${description}`, `    ${command}`])];
}

function titled(heading: string, rows: readonly (readonly [string, string])[], width: number): string[] {
  return rows.length === 0 ? [] : [heading, ...twoColumns(rows, width)];
}
