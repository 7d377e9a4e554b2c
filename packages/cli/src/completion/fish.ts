/** The completion script for fish. */
import type { CommandDefinition, Completes } from "../definitions/definition.ts";
import { type CommandFacts, type OptionFacts, commandFacts } from "./facts.ts";

const ACTIONS: Readonly<Record<Completes, string>> = {
  file: "-F",
  folder: "-a '(__fish_complete_directories)'",
  command: "-a '(__fish_complete_command)'",
  nothing: "",
};

export function fishCompletion(program: CommandDefinition): string {
  const { name } = program;
  const commands = commandFacts(program);
  const lines = commands.flatMap((command) => commandLines(program, command));
  return `# Completion of ${name} for fish. Made by \`${name} completion fish\`.
# True when the words before the cursor that are no options begin with the given ones.
function __${name}_at
  set -l words (commandline -opc)
  set -e words[1]
  set -l plain (string match -v -- '-*' $words)
  for n in (seq (count $argv))
    test "$plain[$n]" = "$argv[$n]"; or return 1
  end
end
function __${name}_only
  __${name}_at $argv; and test (count (string match -v -- '-*' (commandline -opc))) -eq (math 1 + (count $argv))
end
complete -c ${name} -f
${lines.join("\n")}
`;
}

function commandLines({ name }: CommandDefinition, command: CommandFacts): string[] {
  const path = command.words.join(" ");
  const at = `complete -c ${name} -n ${quote(`__${name}_at ${path}`.trimEnd())}`;
  const only = `complete -c ${name} -n ${quote(`__${name}_only ${path}`.trimEnd())}`;
  return [
    ...command.subcommands.map((child) => `${only} -a ${child.name} -d ${quote(child.summary)}`),
    ...command.arguments.flatMap(({ choices, completes = "nothing" }) => {
      const action = choices === undefined ? ACTIONS[completes] : `-a ${quote(choices.join(" "))}`;
      return action === "" ? [] : [`${at} ${action}`];
    }),
    ...command.options.map((option) => `${at} ${optionWords(option)}`),
  ];
}

function optionWords({ long, short, description, value }: OptionFacts): string {
  const flags = [...(short === undefined ? [] : [`-s ${short.slice(1)}`]), `-l ${long.slice(2)}`];
  const action = value === undefined ? "" : value.choices.length > 0 ? `-a ${quote(value.choices.join(" "))}` : ACTIONS[value.completes];
  return [...flags, `-d ${quote(description)}`, ...(value === undefined ? [] : ["-r"]), ...(action === "" ? [] : [action])].join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
