/** The kind `files`. */
import type { SourceKind } from "../contract/source.ts";
import { FilesSource } from "./files-source.ts";
import { type FilesSettings, filesSettings } from "./settings.ts";

export const filesKind: SourceKind<FilesSettings> = {
  kind: "files",
  settings: filesSettings,
  open: (name, settings, surroundings) => new FilesSource(name, settings, surroundings),
};
