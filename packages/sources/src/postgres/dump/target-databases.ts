/** Databases on a server that is restored to: looked at before anything is changed, and put in their places at the end. */
import { isHoldfastError } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { identifier, literal } from "../sql-text.ts";
import { type DatabaseFacts, IS_EMPTY } from "./dump-facts.ts";

const MAX_NAME_BYTES = 63;

/** Where one database goes. */
export interface Place {
  readonly facts: DatabaseFacts;
  readonly name: string;
  /** The name that it has until all are whole. */
  readonly temporary: string;
  /** A database of that name that is there, and what it is called once it was set aside. */
  readonly present: { readonly former: string; readonly isEmpty: boolean } | undefined;
}

/**
 * Looks where it would go. Changes nothing.
 * @param stamp part of names that are made
 * @throws SOURCES_TARGET_NOT_EMPTY, SOURCES_TARGET_IN_USE
 */
export async function examinePlace(
  connection: Connection,
  { facts, name, stamp, overwrite }: { facts: DatabaseFacts; name: string; stamp: string; overwrite: boolean },
  admin: string,
  options: CallOptions,
): Promise<Place> {
  const { psql } = connection;
  const temporary = shortened(name, `.restoring-${stamp}`);
  const [found] = await psql.rows<{ sessions: number }>(
    admin,
    `SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid AND a.backend_type = 'client backend'
         AND a.pid <> pg_catalog.pg_backend_pid()) AS sessions
     FROM pg_catalog.pg_database d WHERE d.datname = ${literal(name)}`,
    options,
  );
  if (found === undefined) return { facts, name, temporary, present: undefined };
  const target = `the database ${name}`;
  const { isEmpty } = await psql.row<{ isEmpty: boolean }>(name, `SELECT ${IS_EMPTY}`, options);
  if (!isEmpty && !overwrite) throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target });
  if (found.sessions > 0) throw inUse(target, `${found.sessions} sessions are connected to it`);
  return { facts, name, temporary, present: { former: shortened(name, `.before-restore-${stamp}`), isEmpty } };
}

/**
 * Gives all of them their names at one stroke; those that had them keep what they hold under others. An empty one is dropped.
 * @throws SOURCES_TARGET_IN_USE: then all is as before, and the restored ones are there under their temporary names
 */
export async function putInPlaces(
  connection: Connection,
  places: readonly Place[],
  admin: string,
  options: CallOptions,
): Promise<void> {
  const rename = (from: string, to: string): string => `ALTER DATABASE ${identifier(from)} RENAME TO ${identifier(to)}`;
  const renames = places.flatMap(({ name, temporary, present }) => [
    ...(present === undefined ? [] : [rename(name, present.former)]),
    rename(temporary, name),
  ]);
  try {
    await connection.psql.execute(admin, ["BEGIN", ...renames, "COMMIT"], options);
  } catch (error) {
    options.signal.throwIfAborted();
    if (!isHoldfastError(error, "SOURCES_TOOL_FAILED")) throw error;
    const where = places.map(({ name, temporary }) => `${name} as ${temporary}`).join(", ");
    const reason = `${String(error.details["reason"])}. What was restored is there under other names: ${where}`;
    throw inUse(places.map(({ name }) => name).join(", "), reason, error);
  }
  for (const { present } of places) {
    // It was empty when it was looked at; if somebody has filled it since, it stays.
    if (present?.isEmpty !== true) continue;
    const { isEmpty } = await connection.psql.row<{ isEmpty: boolean }>(present.former, `SELECT ${IS_EMPTY}`, options);
    if (isEmpty) await connection.psql.execute(admin, [`DROP DATABASE ${identifier(present.former)}`], options);
  }
}

function inUse(target: string, by: string, cause?: unknown): Error {
  const how = "End its sessions, or restore under another name with the setting target-database.";
  return sourcesError("SOURCES_TARGET_IN_USE", { target, by, how }, cause);
}

/** The name with an ending, within what PostgreSQL keeps of names. */
function shortened(name: string, ending: string): string {
  let kept = name;
  while (Buffer.byteLength(kept + ending) > MAX_NAME_BYTES) kept = [...kept].slice(0, -1).join("");
  return kept + ending;
}
