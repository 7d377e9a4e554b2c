/** Moves what is in a database into another one, so that a restore can take its place and nothing is lost. */
import type { CallOptions } from "../../contract/source.ts";
import { type Connection, textOf } from "../server/connection.ts";
import { type Version, toolFor } from "../server/flavour.ts";
import type { DatabaseContent } from "../server/inventory.ts";
import { identifier, literal } from "../server/sql-text.ts";
import { codeDumpArguments, viewDumpArguments } from "./dump-options.ts";
import { isSandboxMark } from "./dump-scanner.ts";

const MAX_NAME = 64;

/**
 * Tables are renamed, so that it takes no time and no room; events are moved, and disabled; routines, triggers and views are made
 * anew there. Then the database is dropped, which is empty but for code that is kept elsewhere by then.
 * @returns the name of the database that has it now
 * @throws SOURCES_TOOL_FAILED, SOURCES_CREDENTIALS, SOURCES_UNREACHABLE; whatever fails, each table is in one of the two
 */
export async function setAside(
  connection: Connection,
  server: Version,
  { name, content, stamp }: { readonly name: string; readonly content: DatabaseContent; readonly stamp: string },
  options: CallOptions,
): Promise<string> {
  const { programs } = connection.tools;
  const ending = `_before_${stamp}`;
  const former = name.slice(0, MAX_NAME - ending.length) + ending;
  const dump = async (args: readonly string[]): Promise<string> =>
    programs.text(await connection.call(toolFor(server.product, "dump"), args), options);
  // Before anything is changed: what cannot be written down would be lost.
  const code = await dump(codeDumpArguments(server, "routines", name));
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
  // A table with triggers cannot change its database.
  for (const trigger of triggers) await connection.query(`DROP TRIGGER ${old(trigger)}`, options);
  const tables = [...content.tables, ...content.sequences];
  if (tables.length > 0) {
    await connection.query(
      `RENAME TABLE ${tables.map((each) => `${old(each)} TO ${moved(each)}`).join(", ")}`,
      options,
    );
  }
  const script = (text: string): AsyncIterable<Uint8Array> => textOf(withoutMark(text));
  await connection.run(script(code), { ...options, database: former });
  if (views !== "") await connection.run(script(views), { ...options, database: former });
  await connection.query(`DROP DATABASE ${identifier(name)}`, options);
  return former;
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
