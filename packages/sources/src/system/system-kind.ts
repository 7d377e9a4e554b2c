/** The kind `system`. */
import type { SourceKind } from "../contract/source.ts";
import { type SystemSettings, systemSettings } from "./settings.ts";
import { SystemSource } from "./system-source.ts";

export const systemKind: SourceKind<SystemSettings> = {
  kind: "system",
  settings: systemSettings,
  open: (name, settings, surroundings) => new SystemSource(name, settings, surroundings),
};
