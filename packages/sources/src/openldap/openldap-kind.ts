/** The kind `openldap`. */
import type { SourceKind } from "../contract/source.ts";
import { OpenldapSource } from "./openldap-source.ts";
import { type OpenldapSettings, openldapSettings } from "./settings.ts";

export const openldapKind: SourceKind<OpenldapSettings> = {
  kind: "openldap",
  settings: openldapSettings,
  open: (name, settings, surroundings) => new OpenldapSource(name, settings, surroundings),
};
