/** `holdfast completion`: prints the completion script of a shell. */
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export const run: RunCommand = async ({ program, args, output }) => {
  output.print(SCRIPTS[args[0] as keyof typeof SCRIPTS](program).trimEnd());
  return EXIT.ok;
};
