/** Definitions of the commands that concern the program and not a repository. */
import type { CommandDefinition } from "./definition.ts";

const GROUP = "About the program:";

const version: CommandDefinition = {
  name: "version",
  group: GROUP,
  summary: "show the version",
  description: ["Shows the version; with --verbose also what it runs on."],
  load: () => import("../commands/version.ts"),
};

const completion: CommandDefinition = {
  name: "completion",
  group: GROUP,
  summary: "print a completion script for a shell",
  description: ["Prints a script that lets the shell complete commands and options."],
  arguments: [{ name: "shell", description: "which shell", required: true, choices: ["bash", "zsh", "fish"] }],
  examples: [
    {
      command: "source <(holdfast completion bash)",
      description: "For this bash; put the line into ~/.bashrc for all.",
    },
    { command: "holdfast completion zsh > ~/.zfunc/_holdfast", description: "For zsh, with ~/.zfunc in fpath." },
    { command: "holdfast completion fish > ~/.config/fish/completions/holdfast.fish", description: "For fish." },
  ],
  load: () => import("../commands/completion.ts"),
};

const man: CommandDefinition = {
  name: "man",
  group: GROUP,
  summary: "print or write the manual pages",
  description: [
    "Prints the manual page of the program or of one command, for `man -l -`. With --out it writes all pages to a folder.",
  ],
  arguments: [
    { name: "command", description: "the command, in one to three words", variadic: true, completes: "nothing" },
  ],
  options: [{ flags: "--out <folder>", description: "write all pages to this folder", completes: "folder" }],
  examples: [
    { command: "holdfast man backup | man -l -", description: "Read one page." },
    { command: "holdfast man --out /usr/local/share/man/man1", description: "Install all pages." },
  ],
  load: () => import("../commands/man.ts"),
};

const help: CommandDefinition = {
  name: "help",
  group: GROUP,
  summary: "explain a command",
  description: ["Explains a command and its options."],
  arguments: [
    { name: "command", description: "the command, in one to three words", variadic: true, completes: "nothing" },
  ],
  load: () => import("../commands/help.ts"),
};

export const ABOUT_COMMANDS: readonly CommandDefinition[] = [version, completion, man, help];
