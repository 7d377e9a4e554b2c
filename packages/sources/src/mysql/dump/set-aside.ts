/** Moves what is in a database into another one, so that a restore can take its place and nothing is lost. */
import type { CallOptions } from "../../contract/source.ts";
import { type Connection, textOf } from "../server/connection.ts";
import { type Version, toolFor } from "../server/flavour.ts";
import type { DatabaseContent } from "../server/inventory.ts";
import { identifier, literal } from "../server/sql-text.ts";
import { codeDumpArguments, viewDumpArguments } from "./dump-options.ts";
import { isSandboxMark } from "./dump-scanner.ts";

const MAX_NAME = 64;

/** Also when the restore is interrupted: what was begun is brought to an end. */
const NEVER = new AbortController().signal;
/** How long tables are waited for that somebody uses. */
const LOCK_WAIT_S = 15;

/** A name for the database that takes the content of another: there is none of that name. */
export async function formerName(
  connection: Connection,
  { name, stamp }: { readonly name: string; readonly stamp: string },
  options: CallOptions,
): Promise<string> {
  const rows = await connection.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA", options);
  const taken = new Set(rows.map(([database = ""]) => database.toLowerCase()));
  for (let number = 1; ; number++) {
    const ending = `_before_${stamp}${number === 1 ? "" : `_${number}`}`;
    const former = name.slice(0, MAX_NAME - ending.length) + ending;
    if (!taken.has(former.toLowerCase())) return former;
  }
}

/**
 * Tables are renamed, so that it takes no time and no room; events are moved, and disabled; routines, triggers and views are made
 * anew there. Then the database is dropped, which is empty but for code that is kept elsewhere by then.
 * @param former the name of the database that is made for it
 * @throws SOURCES_TOOL_FAILED, SOURCES_CREDENTIALS, SOURCES_UNREACHABLE; whatever fails, each table is in one of the two, with its triggers
 */
export async function setAside(
  connection: Connection,
  server: Version,
  { name, content, former }: { readonly name: string; readonly content: DatabaseContent; readonly former: string },
  options: CallOptions,
): Promise<void> {
  const { programs } = connection.tools;
  const dump = async (args: readonly string[]): Promise<string> =>
    programs.text(await connection.call(toolFor(server.product, "dump"), args), options);
  // Before anything is changed: what cannot be written down would be lost.
  const code = await dump(codeDumpArguments(server, "routines", name));
  const triggersAgain = await dump(codeDumpArguments(server, "triggers", name));
  const views = content.views.length === 0 ? "" : await dump(viewDumpArguments(server, name, content.views));
  const [charset] = await connection.query(
    `SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${literal(name)}`,
    options,
  );
  await connection.query(
    `CREATE DATABASE ${identifier(former)} CHARACTER SET ${charset?.[0]} COLLATE ${charset?.[1]}`,
    options,
  );
  const triggers = await namesFrom(connection, "TRIGGERS", "TRIGGER_SCHEMA", "TRIGGER_NAME", name, options);
  const events = await namesFrom(connection, "EVENTS", "EVENT_SCHEMA", "EVENT_NAME", name, options);
  const old = (each: string): string => `${identifier(name)}.${identifier(each)}`;
  const moved = (each: string): string => `${identifier(former)}.${identifier(each)}`;
  for (const event of events)
    await connection.query(`ALTER EVENT ${old(event)} RENAME TO ${moved(event)} DISABLE`, options);
  const tables = [...content.tables, ...content.sequences];
  const script = (text: string): AsyncIterable<Uint8Array> => textOf(withoutMark(text));
  // A table with triggers cannot change its database.
  const steps = triggers.map((trigger) => `DROP TRIGGER ${old(trigger)}`);
  if (tables.length > 0)
    steps.push(`RENAME TABLE ${tables.map((each) => `${old(each)} TO ${moved(each)}`).join(", ")}`);
  try {
    // A server goes on with a statement when its client has gone, so that nobody would know where the tables are.
    await connection.query([`SET SESSION lock_wait_timeout = ${LOCK_WAIT_S}`, ...steps].join(";\n"), {
      signal: NEVER,
    });
  } catch (error) {
    if (triggers.length > 0) await connection.run(script(triggersAgain), { signal: NEVER, database: name });
    throw error;
  }
  await connection.run(script(code), { signal: NEVER, database: former });
  if (views !== "") await connection.run(script(views), { signal: NEVER, database: former });
  await connection.query(`DROP DATABASE ${identifier(name)}`, { signal: NEVER });
}

/** `20261129T061500`: short, as names of databases are. */
export function stampOf(date: Date): string {
  return date.toISOString().replaceAll(/[-:]|\.\d+Z$/g, "");
}

async function namesFrom(
  connection: Connection,
  table: string,
  schema: string,
  column: string,
  database: string,
  options: CallOptions,
): Promise<string[]> {
  const sql = `SELECT ${column} FROM information_schema.${table} WHERE ${schema} = ${literal(database)}`;
  return (await connection.query(sql, options)).map(([name]) => name as string);
}

function withoutMark(text: string): string {
  return isSandboxMark(text) ? text.slice(text.indexOf("\n") + 1) : text;
}
