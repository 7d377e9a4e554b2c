/** How the dump tools are called: what they leave out, and what makes two dumps of the same content the same. */
import { MAX_PACKET } from "../server/connection.ts";
import { type Version, compareVersions } from "../server/flavour.ts";

export interface MainDump {
  readonly server: Version;
  /** All tables are locked instead of being read under a snapshot. */
  readonly isLocked: boolean;
  readonly hasBinaryLog: boolean;
  /** Tables that keep their former rows are dumped with these. */
  readonly withHistory: boolean;
  readonly databases: readonly string[];
}

const ALWAYS = [
  "--quick",
  "--hex-blob",
  "--comments",
  "--skip-dump-date",
  "--no-tablespaces",
  "--default-character-set=utf8mb4",
  MAX_PACKET,
];

/** Tables with their rows, and views; one moment for all databases. */
export function mainDumpArguments({ server, isLocked, hasBinaryLog, withHistory, databases }: MainDump): string[] {
  const isMySql = server.product === "MySQL";
  return [
    ...ALWAYS,
    isLocked ? "--lock-all-tables" : "--single-transaction",
    "--skip-triggers",
    "--tz-utc",
    ...(isMySql ? ["--set-gtid-purged=OFF"] : []),
    ...(hasBinaryLog ? (isMySql ? [sourceData(server)] : ["--master-data=2", "--gtid"]) : []),
    ...(withHistory ? ["--dump-history"] : []),
    "--databases",
    "--",
    ...databases,
  ];
}

const CODE = {
  routines: ["--routines", "--triggers", "--skip-events"],
  events: ["--events", "--skip-triggers"],
  /** In the place of those that are there. */
  triggers: ["--triggers", "--add-drop-trigger"],
} as const;

/** Code without rows: what is made after the rows are there. */
export function codeDumpArguments(server: Version, what: keyof typeof CODE, database: string): string[] {
  return [
    ...ALWAYS,
    "--no-data",
    "--no-create-info",
    "--no-create-db",
    "--skip-lock-tables",
    ...(server.product === "MySQL" ? ["--set-gtid-purged=OFF"] : []),
    ...CODE[what],
    "--",
    database,
  ];
}

/** Views alone. */
export function viewDumpArguments(server: Version, database: string, views: readonly string[]): string[] {
  return [
    ...ALWAYS,
    "--no-data",
    "--skip-triggers",
    "--skip-lock-tables",
    ...(server.product === "MySQL" ? ["--set-gtid-purged=OFF"] : []),
    "--",
    database,
    ...views,
  ];
}

/** Whether the tool can dump former rows, with the rows that are. */
export function canDumpHistory(tool: Version): boolean {
  return tool.product === "MariaDB" && compareVersions(tool, { ...tool, major: 10, minor: 11 }) >= 0;
}

/** Renamed in 8.0.26. */
function sourceData({ major, minor, text }: Version): string {
  const patch = Number(/^\d+\.\d+\.(\d+)/.exec(text)?.[1] ?? 0);
  const isNew = major > 8 || (major === 8 && (minor > 0 || patch >= 26));
  return isNew ? "--source-data=2" : "--master-data=2";
}
