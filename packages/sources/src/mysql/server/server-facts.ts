/** What a server says of itself. */
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Connection } from "./connection.ts";
import { type Version, serverVersion } from "./flavour.ts";

export interface ServerFacts {
  readonly version: Version;
  /** As whom the server knows us: `backup@localhost`. */
  readonly account: string;
  readonly hasBinaryLog: boolean;
  /** As replicas know it. */
  readonly serverId: number;
  readonly dataFolder: string;
  /** 0: names of tables are kept and compared as they are; 1: in lower case; 2: kept, compared in lower case. */
  readonly lowerCaseNames: number;
  readonly pageSizeBytes: number;
  readonly sqlMode: string;
  readonly characterSet: string;
  readonly collation: string;
}

/** @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_TOOL_FAILED, SOURCES_UNSUPPORTED when it is neither MariaDB nor MySQL */
export async function serverFacts(connection: Connection, options: CallOptions): Promise<ServerFacts> {
  const [row] = await connection.query(
    "SELECT VERSION(), CURRENT_USER(), @@GLOBAL.log_bin, @@GLOBAL.datadir," +
      " @@GLOBAL.server_id, @@GLOBAL.lower_case_table_names, @@GLOBAL.innodb_page_size, @@GLOBAL.sql_mode, @@GLOBAL.character_set_server, @@GLOBAL.collation_server",
    options,
  );
  const [
    said = "",
    account = "",
    log,
    dataFolder = "",
    serverId,
    names,
    page,
    sqlMode = "",
    characterSet = "",
    collation = "",
  ] = row ?? [];
  const version = serverVersion(said);
  if (version === undefined) {
    const reason = `it says that its version is '${said}'`;
    throw sourcesError("SOURCES_UNSUPPORTED", { source: connection.tools.source, what: "using this server", reason });
  }
  return {
    version,
    account,
    hasBinaryLog: log === "1",
    dataFolder,
    serverId: Number(serverId),
    lowerCaseNames: Number(names),
    pageSizeBytes: Number(page),
    sqlMode,
    characterSet,
    collation,
  };
}

/** By the server's clock; ISO 8601, UTC, with milliseconds. @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_TOOL_FAILED */
export async function serverTime(connection: Connection, options: CallOptions): Promise<string> {
  const [row] = await connection.query("SELECT DATE_FORMAT(UTC_TIMESTAMP(3), '%Y-%m-%dT%H:%i:%s.%f')", options);
  return `${(row?.[0] ?? "").slice(0, 23)}Z`;
}
