/** The completion script for zsh, for a file `_holdfast` in fpath. */
import type { ArgumentDefinition, CommandDefinition, Completes } from "../definitions/definition.ts";
import { type CommandFacts, type OptionFacts, commandFacts } from "./facts.ts";

const ACTIONS: Readonly<Record<Completes, string>> = {
  file: "_files",
  folder: "_files -/",
  command: "_command_names -e",
  nothing: " ",
};

export function zshCompletion(program: CommandDefinition): string {
  const { name } = program;
  const functions = commandFacts(program).map((command) => commandFunction(name, command));
  return `#compdef ${name}
# Completion of ${name} for zsh. Made by \`${name} completion zsh\`.

${functions.join("\n\n")}

if [ "$funcstack[1]" = "_${name}" ]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

function commandFunction(program: string, command: CommandFacts): string {
  const name = ["", program, ...command.words].join("_");
  const specs = command.options.flatMap(optionSpecs);
  if (command.subcommands.length === 0) {
    const lines = [...specs, ...command.arguments.map(argumentSpec)].map((spec) => `    ${quote(spec)}`);
    return `${name}() {\n  _arguments -s -S \\\n${lines.join(" \\\n")}\n}`;
  }
  const choices = command.subcommands.map(
    (child) => `        ${quote(`${child.name}:${child.summary.replaceAll(":", "\\:")}`)}`,
  );
  const calls = command.subcommands.map((child) => `        ${child.name}) ${name}_${child.name} ;;`);
  return `${name}() {
  local curcontext="$curcontext" state line
  local -a commands
  _arguments -C -s -S \\
${specs.map((spec) => `    ${quote(spec)} \\`).join("\n")}
    '1: :->command' \\
    '*:: :->rest'
  case $state in
    command)
      commands=(
${choices.join("\n")}
      )
      _describe -t commands command commands
      ;;
    rest)
      case $line[1] in
${calls.join("\n")}
      esac
      ;;
  esac
}`;
}

function optionSpecs({ long, short, description, value, repeatable }: OptionFacts): string[] {
  const flags = short === undefined ? [long] : [short, long];
  const exclusion = repeatable ? "*" : flags.length > 1 ? `(${flags.join(" ")})` : "";
  const text = `[${escapeText(description)}]`;
  const action = value === undefined ? "" : `:${escapeText(value.name)}:${actionOf(value.choices, value.completes)}`;
  return flags.map(
    (flag) => `${exclusion}${flag}${flag.startsWith("--") && value !== undefined ? "=" : ""}${text}${action}`,
  );
}

function argumentSpec({ name, required, variadic, choices, completes }: ArgumentDefinition): string {
  const head = variadic === true ? "*:" : required === true ? ":" : "::";
  return `${head}${escapeText(name)}:${actionOf(choices ?? [], completes ?? "nothing")}`;
}

function actionOf(choices: readonly string[], completes: Completes): string {
  return choices.length > 0 ? `(${choices.join(" ")})` : ACTIONS[completes];
}

function escapeText(text: string): string {
  return text.replace(/[[\]:\\]/g, (character) => `\\${character}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
