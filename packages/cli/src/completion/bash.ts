/** The completion script for bash; needs nothing but bash 4. */
import type { CommandDefinition, Completes } from "../definitions/definition.ts";
import { type CommandFacts, commandFacts } from "./facts.ts";

/** What `compgen` is told. */
const ACTIONS: Readonly<Record<Completes, string>> = { file: "-f", folder: "-d", command: "-c", nothing: "-W ''" };

export function bashCompletion(program: CommandDefinition): string {
  const commands = commandFacts(program);
  const name = program.name;
  return `# Completion of ${name} for bash. Made by \`${name} completion bash\`.
_${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command="" word takes_value=0 i
  # Bash takes the equals sign of --option=value for a word of its own.
  if [[ $cur == "=" ]]; then
    cur=""
  elif [[ $prev == "=" && COMP_CWORD -gt 1 ]]; then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((takes_value)) && [[ $word != "=" ]]; then
      takes_value=0
      continue
    fi
    case "$command $word" in
${commands.flatMap(commandCases).join("\n")}
    esac
  done
  COMPREPLY=()
  case "$command $prev" in
${commands.flatMap(valueCases).join("\n")}
  esac
  if [[ $cur == -* ]]; then
    case "$command" in
${commands.map((command) => `      ${quote(pathOf(command))}) COMPREPLY=($(compgen -W ${quote(flagsOf(command).join(" "))} -- "$cur")) ;;`).join("\n")}
    esac
    return
  fi
  case "$command" in
${commands.map((command) => `    ${quote(pathOf(command))}) ${wordsReply(command)} ;;`).join("\n")}
  esac
}
complete -o filenames -o bashdefault -F _${name} ${name}
`;
}

/** Lines that follow the words up to the cursor: into a command, or over an option that takes a value. */
function commandCases(command: CommandFacts): string[] {
  const path = pathOf(command);
  const into = command.subcommands.map(
    ({ name }) => `      ${quote(`${path} ${name}`)}) command=${quote([...command.words, name].join(" "))} ;;`,
  );
  const valued = command.options.filter(({ value }) => value !== undefined).flatMap(flagPair);
  return [...into, `      ${valued.map((flag) => quote(`${path} ${flag}`)).join(" | ")}) takes_value=1 ;;`];
}

function valueCases(command: CommandFacts): string[] {
  return command.options.flatMap((option) => {
    if (option.value === undefined) return [];
    const { choices, completes } = option.value;
    const patterns = flagPair(option)
      .map((flag) => quote(`${pathOf(command)} ${flag}`))
      .join(" | ");
    return [`    ${patterns}) ${reply(choices, completes)}; return ;;`];
  });
}

function wordsReply(command: CommandFacts): string {
  if (command.subcommands.length > 0)
    return reply(
      command.subcommands.map(({ name }) => name),
      "nothing",
    );
  const choices = command.arguments.flatMap((argument) => argument.choices ?? []);
  const completes = command.arguments.map((argument) => argument.completes).find((kind) => kind !== "nothing");
  return reply(choices, completes ?? "nothing");
}

function reply(choices: readonly string[], completes: Completes): string {
  const action = choices.length > 0 ? `-W ${quote(choices.join(" "))}` : ACTIONS[completes];
  return completes === "nothing"
    ? `COMPREPLY=($(compgen ${action} -- "$cur"))`
    : `mapfile -t COMPREPLY < <(compgen ${action} -- "$cur")`;
}

function pathOf({ words }: CommandFacts): string {
  return words.join(" ");
}

function flagPair({ long, short }: { long: string; short: string | undefined }): string[] {
  return short === undefined ? [long] : [short, long];
}

function flagsOf(command: CommandFacts): string[] {
  return command.options.flatMap(flagPair);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
