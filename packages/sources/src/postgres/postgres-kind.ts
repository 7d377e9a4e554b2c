/** The kind `postgres`. */
import type { SourceKind } from "../contract/source.ts";
import { walFormat } from "./physical/wal-format.ts";
import { postgresSource } from "./postgres-source.ts";
import { type PostgresSettings, postgresSettings } from "./settings.ts";

export const postgresKind: SourceKind<PostgresSettings> = {
  kind: "postgres",
  settings: postgresSettings,
  open: postgresSource,
  journal: walFormat,
};
