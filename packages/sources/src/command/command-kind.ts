/** The kind `command`. */
import type { SourceKind } from "../contract/source.ts";
import { CommandSource } from "./command-source.ts";
import { type CommandSettings, commandSettings } from "./settings.ts";

export const commandKind: SourceKind<CommandSettings> = {
  kind: "command",
  maturity: "stable",
  settings: commandSettings,
  // What a user's own programs protect cannot be found by looking.
  async *discover() {},
  open: (name, settings, surroundings) => new CommandSource(name, settings, surroundings),
};
