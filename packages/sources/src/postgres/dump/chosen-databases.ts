/** Which databases of a server are captured. */
import type { CaptureOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import type { PostgresSettings } from "../settings.ts";

interface Present {
  readonly name: string;
  readonly isTemplate: boolean;
  readonly allowsConnections: boolean;
  readonly isBroken: boolean;
  readonly mayConnect: boolean;
}

/** In the order of their names. @throws SOURCES_SETTINGS, SOURCES_RIGHTS */
export async function chosenDatabases(
  connection: Connection,
  settings: Pick<PostgresSettings, "database" | "databases" | "exclude-databases">,
  { signal, onWarning }: CaptureOptions,
): Promise<readonly string[]> {
  const { source } = connection.programs.options;
  const present = await connection.psql.rows<Present>(
    settings.database,
    `SELECT datname AS name, datistemplate AS "isTemplate", datallowconn AS "allowsConnections",
       datconnlimit = -2 AS "isBroken", pg_catalog.has_database_privilege(oid, 'CONNECT') AS "mayConnect"
     FROM pg_catalog.pg_database ORDER BY datname COLLATE "C"`,
    { signal },
  );
  const { databases: named } = settings;
  const absent = (named ?? []).filter((name) => !present.some((each) => each.name === name));
  if (absent.length > 0) {
    const reason = `there is no database ${absent.join(", ")}; there are ${present.map(({ name }) => name).join(", ")}`;
    throw sourcesError("SOURCES_SETTINGS", { source, reason });
  }
  const chosen = present.filter(
    ({ name, isTemplate }) =>
      (named === undefined ? !isTemplate : named.includes(name)) && !settings["exclude-databases"].includes(name),
  );
  const closed = chosen.filter((each) => !each.allowsConnections || each.isBroken);
  for (const { name, isBroken } of closed) {
    const why = isBroken ? "dropping it was interrupted" : "nobody may connect to it";
    if (named?.includes(name))
      throw sourcesError("SOURCES_SETTINGS", { source, reason: `${name} cannot be dumped: ${why}` });
    onWarning({ code: "database-left-out", message: `the database ${name} is left out: ${why}` });
  }
  const open = chosen.filter((each) => !closed.includes(each));
  const refused = open.find(({ mayConnect }) => !mayConnect);
  if (refused !== undefined) {
    const { role } = connection.server;
    throw sourcesError("SOURCES_RIGHTS", {
      source,
      role: `the role ${role}`,
      reason: `it may not connect to the database ${refused.name}`,
      how: `As a superuser: GRANT CONNECT ON DATABASE "${refused.name}" TO "${role}"; or leave it out with exclude-databases.`,
    });
  }
  if (open.length === 0) throw sourcesError("SOURCES_SETTINGS", { source, reason: "no database is left to capture" });
  return open.map(({ name }) => name);
}
