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
  const valued = new Set(
    commands.flatMap(({ options }) => options.filter(({ value }) => value !== undefined).flatMap(flags)),
  );
  return `# Completion of ${name} for fish. Made by \`${name} completion fish\`.
# The words before the cursor that are neither options nor their values.
function __${name}_words
  set -l words (commandline -opc)
  set -e words[1]
  set -l is_value 0
  for word in $words
    if test $is_value = 1
      set is_value 0
      continue
    end
    switch $word
      case ${[...valued].join(" ")}
        set is_value 1
      case '-*'
      case '*'
        echo -- $word
    end
  end
end
# True when these words begin with the given ones.
function __${name}_at
  set -l words (__${name}_words)
  for n in (seq (count $argv))
    test "$words[$n]" = "$argv[$n]"; or return 1
  end
end
# True when they are the given ones.
function __${name}_only
  __${name}_at $argv; and test (count (__${name}_words)) -eq (count $argv)
end
complete -c ${name} -f
${lines.join("\n")}
`;
}

function flags({ long, short }: OptionFacts): string[] {
  return short === undefined ? [long] : [short, long];
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
  const words = [
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    `-l ${long.slice(2)}`,
    `-d ${quote(description)}`,
  ];
  if (value === undefined) return words.join(" ");
  const { choices, completes } = value;
  // Files are offered where nothing says otherwise; -x says otherwise.
  if (choices.length > 0) return [...words, "-x", `-a ${quote(choices.join(" "))}`].join(" ");
  return [...words, completes === "file" ? "-r" : "-x", ACTIONS[completes]].join(" ").trimEnd();
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
