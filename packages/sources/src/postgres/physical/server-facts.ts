/** What is asked of a server before it is copied. */

export interface ServerFacts {
  readonly systemIdentifier: string;
  /** When the server was started, by its own clock; milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Of the server's last checkpoint. */
  readonly timeline: number;
  /** A role that may do everything. */
  readonly superuser: string;
  readonly databases: readonly string[];
  /** Settings that a server needs as they were to replay this WAL. */
  readonly needed: Readonly<Record<string, string>>;
}

interface Row {
  readonly system: string;
  readonly started: string;
  readonly timeline: number;
  readonly superuser: string;
  readonly databases: string[];
  readonly needed: Record<string, string>;
}

const QUERY = `SELECT (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
  (SELECT system_identifier::text FROM pg_control_system()) AS system,
  (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint::text AS started,
  (SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1) AS superuser,
  (SELECT json_agg(datname ORDER BY datname) FROM pg_database WHERE datallowconn AND NOT datistemplate) AS databases,
  (SELECT json_object_agg(name, setting) FROM pg_settings WHERE name IN
    ('max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction')) AS needed`;

/** Tablespaces besides those of the data folder: `oid`, `location`. */
export const TABLESPACES_QUERY =
  "SELECT oid::text, pg_tablespace_location(oid) AS location FROM pg_tablespace WHERE pg_tablespace_location(oid) <> ''";

/** @param ask gives the only row of a query. Throws what it throws */
export async function readServerFacts(ask: (query: string) => Promise<Row>): Promise<ServerFacts> {
  const { system, started, ...rest } = await ask(QUERY);
  return { systemIdentifier: system, startedAtMs: Number(started), ...rest };
}
