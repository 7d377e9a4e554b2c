/** Walks over the tree of commands. */
import type { CommandDefinition } from "./definition.ts";

/** A command with the words that name it, without the program's own name. */
export interface NamedCommand {
  readonly words: readonly string[];
  readonly command: CommandDefinition;
}

/** Finds a command by its words, as in `["key", "add"]`; the program itself for no words. */
export function findCommand(program: CommandDefinition, words: readonly string[]): CommandDefinition | undefined {
  let command: CommandDefinition | undefined = program;
  for (const word of words) command = command?.subcommands?.find(({ name }) => name === word);
  return command;
}

/** Every command below the program, groups before what is in them. */
export function allCommands(command: CommandDefinition, words: readonly string[] = []): NamedCommand[] {
  const below = (command.subcommands ?? []).flatMap((child) => allCommands(child, [...words, child.name]));
  return words.length === 0 ? below : [{ words, command }, ...below];
}
