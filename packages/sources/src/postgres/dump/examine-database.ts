/** What is found out about a database in the very state that its dump shows. */
import { identifier, literal } from "../sql-text.ts";
import { type DatabaseFacts, IS_EMPTY } from "./dump-facts.ts";
import type { PsqlSession } from "./psql-session.ts";

/** So many tables are counted at most: facts are for a look, and have a largest size. */
const MAX_COUNTED_TABLES = 2000;
/** How large a row is taken to be where the server has not looked yet. */
const GUESSED_ROW_BYTES = 100;
const PAGE_BYTES = 8192;

export type Examined = Omit<DatabaseFacts, "name" | "file" | "takenAt" | "snapshot">;

interface Options {
  /** Tables of up to so many rows are counted. */
  readonly countUpTo: number;
  /** A standby cannot read tables without a journal, nor are they dumped there. */
  readonly isStandby: boolean;
  /** 15 */
  readonly major: number;
}

/** Tables whose rows a dump holds: not those of extensions, nor what is elsewhere. */
const TABLES = `SELECT c.oid, n.nspname, c.relname, c.relpersistence,
    pg_catalog.pg_relation_size(c.oid) AS bytes,
    CASE WHEN c.relpages > 0 AND c.reltuples >= 0
      THEN c.reltuples / c.relpages * pg_catalog.pg_relation_size(c.oid) / ${PAGE_BYTES}
      ELSE pg_catalog.pg_relation_size(c.oid) / ${GUESSED_ROW_BYTES} END AS estimate
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`;

/** In a transaction that sees what the dump will show. Takes no locks but for reading, and those only until that ends. */
export async function examineDatabase(session: PsqlSession, options: Options): Promise<Examined> {
  const found = await session.row<Omit<Examined, "counts">>(factsQuery(options));
  const counts: DatabaseFacts["counts"] = [];
  if (options.countUpTo > 0) {
    const tables = await session.rows<{ schema: string; table: string }>(
      `SELECT t.nspname AS schema, t.relname AS table FROM (${TABLES}) t
       WHERE t.estimate <= ${options.countUpTo}${options.isStandby ? " AND t.relpersistence <> 'u'" : ""}
       ORDER BY t.estimate DESC, t.nspname, t.relname LIMIT ${MAX_COUNTED_TABLES}`,
    );
    for (const { schema, table } of tables) {
      const sql = `SELECT count(*) AS rows FROM ONLY ${identifier(schema)}.${identifier(table)}`;
      counts.push({ schema, table, ...(await session.row<{ rows: number }>(sql)) });
    }
  }
  return { ...found, counts };
}

/** Tables without a journal that hold something: a dump of a standby leaves them out. */
export async function unloggedTables(session: PsqlSession): Promise<number> {
  const sql = `SELECT count(*) AS tables FROM (${TABLES}) t WHERE t.relpersistence = 'u'`;
  return (await session.row<{ tables: number }>(sql)).tables;
}

function factsQuery({ major }: Options): string {
  // Which columns tell of a database's locale changed with nearly every version.
  const provider =
    major >= 15 ? "CASE d.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END" : literal("libc");
  const locale = major >= 17 ? "d.datlocale" : major >= 15 ? "d.daticulocale" : "NULL::text";
  const version = major >= 15 ? "d.datcollversion" : "NULL::text";
  return `SELECT pg_catalog.pg_get_userbyid(d.datdba) AS owner,
      pg_catalog.pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype,
      ${provider} AS provider, ${locale} AS locale, ${version} AS "collationVersion",
      pg_catalog.pg_database_size(d.oid) AS "sizeBytes",
      ${listOf("pg_catalog.json_build_object('name', e.extname, 'version', e.extversion)", "pg_catalog.pg_extension e", "e.extname")} AS extensions,
      ${listOf("t.spcname", TABLESPACES, "t.spcname")} AS tablespaces,
      ${listOf("r.name", ROLES, "r.name")} AS roles,
      ${listOf("s.subname", "pg_catalog.pg_subscription s WHERE s.subdbid = d.oid", "s.subname")} AS subscriptions,
      ${IS_EMPTY},
      (SELECT count(*) FROM (${TABLES}) t) AS tables,
      (SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relkind = 'S' AND c.relpersistence <> 't') AS sequences,
      (SELECT count(*) FROM pg_catalog.pg_largeobject_metadata) AS "largeObjects",
      (SELECT coalesce(pg_catalog.round(sum(t.estimate)::numeric), 0) FROM (${TABLES}) t) AS "estimatedRows"
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()`;
}

/** A list as JSON; `order` is within. */
function listOf(value: string, from: string, order: string): string {
  return `(SELECT coalesce(pg_catalog.json_agg(${value} ORDER BY ${order}), '[]') FROM ${from})`;
}

const TABLESPACES = `pg_catalog.pg_tablespace t WHERE t.spcname NOT IN ('pg_default', 'pg_global') AND (t.oid = d.dattablespace
  OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.reltablespace = t.oid AND c.relkind <> 't'))`;

/** The first role has what it owns noted nowhere. */
const ROLES = `(SELECT DISTINCT pg_catalog.pg_get_userbyid(s.refobjid) AS name FROM pg_catalog.pg_shdepend s
    WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass
      AND (s.dbid = d.oid OR (s.classid = 'pg_catalog.pg_database'::regclass AND s.objid = d.oid))
  UNION SELECT pg_catalog.pg_get_userbyid(s.setrole) FROM pg_catalog.pg_db_role_setting s
    WHERE s.setdatabase = d.oid AND s.setrole <> 0
  UNION SELECT pg_catalog.pg_get_userbyid(d.datdba)) r`;
