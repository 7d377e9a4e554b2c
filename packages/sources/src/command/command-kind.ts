/** The kind `command`. */
import type { SourceKind } from "../contract/source.ts";
import { CommandSource } from "./command-source.ts";
import { type CommandSettings, commandSettings } from "./settings.ts";

export const commandKind: SourceKind<CommandSettings> = {
  kind: "command",
  settings: commandSettings,
  open: (name, settings, surroundings) => new CommandSource(name, settings, surroundings),
};
