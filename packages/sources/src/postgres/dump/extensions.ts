/** Extensions that a server would need. */
import type { CallOptions } from "../../contract/source.ts";
import type { Psql } from "../psql.ts";
import type { DatabaseFacts } from "./dump-facts.ts";

/** The names of those that the server's machine does not have. @param database that may be asked */
export async function missingExtensions(
  psql: Psql,
  database: string,
  all: readonly DatabaseFacts[],
  options: CallOptions,
): Promise<string[]> {
  const query = "SELECT name FROM pg_catalog.pg_available_extensions";
  const available = new Set((await psql.rows<{ name: string }>(database, query, options)).map(({ name }) => name));
  const wanted = new Set(all.flatMap(({ extensions }) => extensions.map(({ name }) => name)));
  return [...wanted].filter((name) => !available.has(name));
}
