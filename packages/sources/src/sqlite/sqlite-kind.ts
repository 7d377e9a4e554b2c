/** The kind `sqlite`. */
import type { SourceKind } from "../contract/source.ts";
import { type SqliteSettings, sqliteSettings } from "./settings.ts";
import { SqliteSource } from "./sqlite-source.ts";

export const sqliteKind: SourceKind<SqliteSettings> = {
  kind: "sqlite",
  settings: sqliteSettings,
  open: (name, settings, surroundings) => new SqliteSource(name, settings, surroundings),
};
