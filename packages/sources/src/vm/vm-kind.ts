/** The kind `vm`. */
import type { SourceKind } from "../contract/source.ts";
import { type VmSettings, vmSettings } from "./settings.ts";
import { VmSource } from "./vm-source.ts";

export const vmKind: SourceKind<VmSettings> = {
  kind: "vm",
  settings: vmSettings,
  open: (name, settings, surroundings) => new VmSource(name, settings, surroundings),
};
