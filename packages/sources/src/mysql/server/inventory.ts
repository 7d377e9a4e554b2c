/** What lies in a server's databases. */
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { MysqlSettings } from "../settings.ts";
import type { Connection } from "./connection.ts";
import { literal } from "./sql-text.ts";

/** Databases that a server makes itself; accounts are taken from them in a way of their own. */
export const OWN_DATABASES: readonly string[] = ["information_schema", "mysql", "performance_schema", "sys", "ndbinfo"];
/** Engines whose tables show one moment to a reader, whatever is written meanwhile. */
const TRANSACTIONAL: ReadonlySet<string> = new Set(["InnoDB", "ROCKSDB", "TokuDB"]);

export interface DatabaseContent {
  /** Tables with rows of their own; sequences are none. */
  readonly tables: readonly string[];
  readonly sequences: readonly string[];
  readonly views: readonly string[];
  /** Tables that a snapshot of the transactions does not cover, with their engines: `log (MyISAM)`. */
  readonly notTransactional: readonly string[];
  /** Tables that keep their former rows. */
  readonly versioned: readonly string[];
  readonly routines: number;
  readonly triggers: number;
  readonly events: number;
  /** Some event runs by the clock of a named time zone, such as Europe/Berlin. */
  readonly hasNamedTimeZone: boolean;
}

/** By name, in the order of names. */
export type Inventory = ReadonlyMap<string, DatabaseContent>;

/**
 * The databases that the settings mean, in the order of names.
 * @throws SOURCES_SETTINGS when one that is named is not there or is the server's own, SOURCES_EMPTY when there is none
 */
export async function meantDatabases(
  connection: Connection,
  settings: Pick<MysqlSettings, "databases" | "exclude-databases">,
  options: CallOptions,
): Promise<readonly string[]> {
  const { source } = connection.tools;
  const rows = await connection.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA", options);
  const present = new Set(rows.map(([name]) => name as string));
  const named = settings.databases;
  const wrong = (named ?? []).find((name) => !present.has(name) || OWN_DATABASES.includes(name.toLowerCase()));
  if (wrong !== undefined) {
    const reason = present.has(wrong)
      ? `the database ${wrong} belongs to the server; accounts are stored by the setting users`
      : `there is no database ${wrong}, or the account may not see it`;
    throw sourcesError("SOURCES_SETTINGS", { source, reason });
  }
  const excluded = new Set(settings["exclude-databases"]);
  const meant = (named ?? [...present].filter((name) => !OWN_DATABASES.includes(name.toLowerCase())))
    .filter((name) => !excluded.has(name))
    .toSorted();
  if (meant.length > 0) return meant;
  throw sourcesError("SOURCES_EMPTY", { source, actual: "no database", expected: "one" });
}

/** @param databases those that are not there get no content */
export async function takeInventory(
  connection: Connection,
  databases: readonly string[],
  options: CallOptions,
): Promise<Inventory> {
  const among = `IN (${databases.map(literal).join(", ")})`;
  const count = (from: string, schema: string): string =>
    `SELECT ${literal(from)}, ${schema}, COUNT(*), '' FROM information_schema.${from} WHERE ${schema} ${among} GROUP BY ${schema};`;
  const rows = await connection.query(
    `SELECT 'TABLES', TABLE_SCHEMA, TABLE_NAME, CONCAT(TABLE_TYPE, '/', COALESCE(ENGINE, '')) FROM information_schema.TABLES WHERE TABLE_SCHEMA ${among};` +
      count("ROUTINES", "ROUTINE_SCHEMA") +
      count("TRIGGERS", "TRIGGER_SCHEMA") +
      count("EVENTS", "EVENT_SCHEMA") +
      `SELECT DISTINCT 'ZONES', EVENT_SCHEMA, TIME_ZONE, '' FROM information_schema.EVENTS WHERE EVENT_SCHEMA ${among}`,
    options,
  );
  const tables = rows
    .filter(([kind]) => kind === "TABLES")
    .map(([, database, name, what]) => ({ database, name, what }));
  const counted = (kind: string, database: string): number =>
    Number(rows.find((row) => row[0] === kind && row[1] === database)?.[2] ?? 0);
  return new Map(
    databases.map((database) => {
      const own = tables.filter((table) => table.database === database);
      const names = (which: (type: string, engine: string) => boolean): string[] =>
        own
          .filter(({ what = "" }) => which(what.slice(0, what.indexOf("/")), what.slice(what.indexOf("/") + 1)))
          .map(({ name }) => name as string)
          .toSorted();
      const isTable = (type: string): boolean => type === "BASE TABLE" || type === "SYSTEM VERSIONED";
      const engines = new Map(own.map(({ name, what = "" }) => [name, what.slice(what.indexOf("/") + 1)]));
      return [
        database,
        {
          tables: names(isTable),
          sequences: names((type) => type === "SEQUENCE"),
          views: names((type) => type === "VIEW"),
          notTransactional: names((type, engine) => isTable(type) && !TRANSACTIONAL.has(engine)).map(
            (name) => `${name} (${engines.get(name)})`,
          ),
          versioned: names((type) => type === "SYSTEM VERSIONED"),
          routines: counted("ROUTINES", database),
          triggers: counted("TRIGGERS", database),
          events: counted("EVENTS", database),
          hasNamedTimeZone: rows.some(
            ([kind, schema, zone = ""]) =>
              kind === "ZONES" && schema === database && !/^(SYSTEM|[+-]\d+:\d+)$/.test(zone),
          ),
        },
      ];
    }),
  );
}

/** Whether nothing lies in a database. */
export function isEmptyDatabase({ tables, sequences, views, routines, events }: DatabaseContent): boolean {
  return tables.length + sequences.length + views.length + routines + events === 0;
}
