/** Manual pages in troff's man macros, from the definitions. */
import { type CommandDefinition, type OptionDefinition, shortFlag } from "./definitions/definition.ts";
import { allCommands, findCommand } from "./definitions/find-command.ts";
import { GLOBAL_OPTIONS, OTHER_VARIABLES } from "./definitions/global-options.ts";
import { exitCodesOf, optionText, usageOf } from "./help-text.ts";

/** Every page: the program's and one for each command. */
export function manPages(
  program: CommandDefinition,
  version: string,
): { readonly file: string; readonly text: string }[] {
  return [[], ...allCommands(program).map(({ words }) => words)].map((words) => ({
    file: `${pageName(program, words)}.1`,
    text: manPage(program, words, version),
  }));
}

/** One page. @param words the command's words; none for the program itself */
export function manPage(program: CommandDefinition, words: readonly string[], version: string): string {
  const command = findCommand(program, words);
  if (command === undefined) throw new Error(`there is no command '${words.join(" ")}'`);
  const name = pageName(program, words);
  const isProgram = words.length === 0;
  const sections = [
    `.TH ${quoted(name.toUpperCase())} 1 "" ${quoted(`${program.name} ${version}`)} ${quoted("Holdfast manual")}`,
    section("NAME", `${escape(name)} \\- ${escape(command.summary)}`),
    section("SYNOPSIS", `.B ${escape(usageOf(command, [program.name, ...words]))}`),
    section("DESCRIPTION", command.description.map(escape).join("\n.PP\n")),
    terms(
      "COMMANDS",
      (command.subcommands ?? []).map((child) => [[...words, child.name].join(" "), child.summary]),
    ),
    terms(
      "ARGUMENTS",
      (command.arguments ?? []).map(({ name: term, description, choices }) => [
        term.toUpperCase(),
        choices === undefined ? description : `${description}: ${choices.join(", ")}`,
      ]),
    ),
    terms("OPTIONS", (command.options ?? []).map(optionTerm)),
    isProgram ? terms("OPTIONS OF EVERY COMMAND", GLOBAL_OPTIONS.map(optionTerm)) : "",
    isProgram ? terms("ENVIRONMENT", environment(program)) : "",
    terms(
      "EXAMPLES",
      (command.examples ?? []).map(({ command: line, description }) => [line, description]),
    ),
    terms(
      "EXIT STATUS",
      exitCodesOf(command, isProgram).map(({ code, meaning }) => [String(code), meaning]),
    ),
    section("SEE ALSO", seeAlso(program, words, command)),
  ];
  return `${sections.filter((text) => text !== "").join("\n")}\n`;
}

function pageName(program: CommandDefinition, words: readonly string[]): string {
  return [program.name, ...words].join("-");
}

function section(title: string, body: string): string {
  return `.SH ${quoted(title)}\n${body}`;
}

function terms(title: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return "";
  return section(title, rows.map(([term, text]) => `.TP\n.B ${escape(term)}\n${escape(text)}`).join("\n"));
}

function optionTerm(option: OptionDefinition): readonly [string, string] {
  return [shortFlag(option) === undefined ? option.flags : option.flags, optionText(option)];
}

/** Variables of all options of all commands, then the others. */
function environment(program: CommandDefinition): (readonly [string, string])[] {
  const options = [...GLOBAL_OPTIONS, ...allCommands(program).flatMap(({ command }) => command.options ?? [])];
  const rows = new Map<string, string>();
  for (const { environment: ending, flags } of options) {
    if (ending !== undefined) rows.set(`HOLDFAST_${ending}`, `stands in for ${flags} (also RESTIC_${ending})`);
  }
  for (const { name, description } of OTHER_VARIABLES) rows.set(name, description);
  return [...rows];
}

function seeAlso(program: CommandDefinition, words: readonly string[], command: CommandDefinition): string {
  const pages = [
    ...(words.length === 0 ? [] : [words.slice(0, -1)]),
    ...(command.subcommands ?? []).map((child) => [...words, child.name]),
  ];
  return pages.map((page) => `.BR ${escape(pageName(program, page))} (1)`).join(",\n");
}

/** Text that troff prints as it is: its own characters are escaped, as is what would start a request. */
function escape(text: string): string {
  const plain = text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha")
    .replaceAll("…", "...");
  return plain.replace(/^\./, "\\&.");
}

function quoted(text: string): string {
  return `"${escape(text).replaceAll('"', "\\(dq")}"`;
}
