/** The kind `mysql`: servers of MariaDB and MySQL. */
import type { SourceKind } from "../contract/source.ts";
import { binlogFormat } from "./journal/binlog-format.ts";
import { MysqlSource } from "./mysql-source.ts";
import { type MysqlSettings, mysqlSettings } from "./settings.ts";

export const mysqlKind: SourceKind<MysqlSettings> = {
  kind: "mysql",
  settings: mysqlSettings,
  journal: binlogFormat,
  open: (name, settings, surroundings) => new MysqlSource(name, settings, surroundings),
};
