/** Whether a role may do what a base backup needs; said before anything begins. */
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { identifier, literal } from "../sql-text.ts";

/** That of a backup whose files are read in place. @throws SOURCES_RIGHTS */
export async function requireReadRights(connection: Connection, database: string, options: CallOptions): Promise<void> {
  const isNew = connection.server.major >= 15;
  const begin = isNew ? "pg_backup_start(text, boolean)" : "pg_start_backup(text, boolean, boolean)";
  const end = isNew ? "pg_backup_stop(boolean)" : "pg_stop_backup(boolean, boolean)";
  const role = identifier(connection.server.role);
  const { may } = await connection.psql.row<{ may: boolean }>(
    database,
    `SELECT has_function_privilege(${literal(begin)}, 'EXECUTE') AND has_function_privilege(${literal(end)}, 'EXECUTE')
       AND pg_has_role('pg_read_all_settings', 'USAGE') AS may`,
    options,
  );
  const how = `GRANT pg_read_all_settings TO ${role}; GRANT EXECUTE ON FUNCTION ${begin}, ${end} TO ${role};`;
  if (!may) throw lacking(connection, `As a superuser: ALTER ROLE ${role} REPLICATION; ${how}`);
  await requireReplication(connection, database, options);
}

/** That of whoever is sent files, or WAL. @throws SOURCES_RIGHTS */
export async function requireReplication(
  connection: Connection,
  database: string,
  options: CallOptions,
): Promise<void> {
  const query = "SELECT rolreplication OR rolsuper AS may FROM pg_roles WHERE rolname = current_user";
  const { may } = await connection.psql.row<{ may: boolean }>(database, query, options);
  const how = `As a superuser: ALTER ROLE ${identifier(connection.server.role)} REPLICATION; and pg_hba.conf needs a line of \`replication\` for it.`;
  if (!may) throw lacking(connection, how);
}

function lacking({ programs, server }: Connection, how: string): Error {
  return sourcesError("SOURCES_RIGHTS", {
    source: programs.options.source,
    role: `the role ${server.role}`,
    reason: "a base backup needs rights that it does not have",
    how,
  });
}
