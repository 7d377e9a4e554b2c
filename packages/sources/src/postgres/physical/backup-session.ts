/** Tells the server that its files are being copied, from a session that stays open meanwhile. */
import { randomBytes } from "node:crypto";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { PsqlSession } from "../dump/psql-session.ts";
import { literal } from "../sql-text.ts";

export interface StartedBackup {
  readonly systemIdentifier: string;
  /** When the server was started, by its own clock; milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Of the server's last checkpoint. */
  readonly timeline: number;
  /** Where the data folder is, as the server sees it. */
  readonly dataFolder: string;
  /** By oid: where each tablespace is. */
  readonly tablespaces: ReadonlyMap<string, string>;
  /** Files of the configuration that may lie elsewhere, by what they are. */
  readonly configurationFiles: Readonly<Record<string, string>>;
  /** A role that may do everything. */
  readonly superuser: string;
  readonly databases: readonly string[];
  /** Settings that a server needs as they were to replay this WAL. */
  readonly needed: Readonly<Record<string, string>>;
}

export interface EndedBackup {
  /** Tells the server from where on to recover; goes into the data folder. */
  readonly label: string;
  /** Empty without tablespaces. */
  readonly tablespaceMap: string;
  readonly startLsn: string;
  /** The first WAL segment that is needed. */
  readonly startSegment: string;
  readonly timeline: number;
  readonly stopLsn: string;
  /** By the clock of the server. */
  readonly endedAtMs: number;
}

interface Facts {
  readonly system: string;
  readonly started: string;
  readonly timeline: number;
  readonly folder: string;
  readonly config: string;
  readonly hba: string;
  readonly ident: string;
  readonly superuser: string;
  readonly databases: string[];
  readonly needed: Record<string, string>;
}

const FACTS = `SELECT (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
  (SELECT system_identifier::text FROM pg_control_system()) AS system,
  (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint::text AS started,
  current_setting('data_directory') AS folder, current_setting('config_file') AS config,
  current_setting('hba_file') AS hba, current_setting('ident_file') AS ident,
  (SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1) AS superuser,
  (SELECT json_agg(datname ORDER BY datname) FROM pg_database WHERE datallowconn AND NOT datistemplate) AS databases,
  (SELECT json_object_agg(name, setting) FROM pg_settings WHERE name IN
    ('max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction')) AS needed`;
const TABLESPACES =
  "SELECT oid::text, pg_tablespace_location(oid) AS location FROM pg_tablespace WHERE pg_tablespace_location(oid) <> ''";

/** `end` must be called. */
export class BackupSession {
  readonly #session: PsqlSession;
  readonly #connection: Connection;

  private constructor(session: PsqlSession, connection: Connection) {
    this.#session = session;
    this.#connection = connection;
  }

  /** @throws SOURCES_TOOL_FAILED */
  static async open(connection: Connection, database: string, options: CallOptions): Promise<BackupSession> {
    return new BackupSession(await PsqlSession.open(connection, database, options), connection);
  }

  /**
   * From now on the server keeps the WAL that this backup needs, and writes whole pages into it.
   * @param isFast the server does not wait for its next checkpoint
   */
  async start({ isFast }: { isFast: boolean }): Promise<StartedBackup> {
    const facts = await this.#session.row<Facts>(FACTS);
    const tablespaces = await this.#session.rows<{ oid: string; location: string }>(TABLESPACES);
    // It goes with the session, however that ends.
    const slot = `holdfast_${randomBytes(6).toString("hex")}`;
    await this.#session.rows(`SELECT lsn::text FROM pg_create_physical_replication_slot(${literal(slot)}, true, true)`);
    const call =
      this.#connection.server.major >= 15
        ? `pg_backup_start('holdfast', ${isFast})`
        : `pg_start_backup('holdfast', ${isFast}, false)`;
    await this.#session.rows(`SELECT ${call}::text AS lsn`);
    return {
      systemIdentifier: facts.system,
      startedAtMs: Number(facts.started),
      timeline: facts.timeline,
      dataFolder: facts.folder,
      tablespaces: new Map(tablespaces.map(({ oid, location }) => [oid, location])),
      configurationFiles: { "postgresql.conf": facts.config, "pg_hba.conf": facts.hba, "pg_ident.conf": facts.ident },
      superuser: facts.superuser,
      databases: facts.databases,
      needed: facts.needed,
    };
  }

  /** The files are copied. The WAL up to here lies in the server's own folder until the session ends. */
  async stop(): Promise<EndedBackup> {
    const call = this.#connection.server.major >= 15 ? "pg_backup_stop(false)" : "pg_stop_backup(false, false)";
    const { lsn, labelfile, spcmapfile, now } = await this.#session.row<
      Record<"lsn" | "labelfile" | "spcmapfile" | "now", string>
    >(
      `SELECT lsn::text, labelfile, spcmapfile, (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS now FROM ${call}`,
    );
    const start = /^START WAL LOCATION: (\S+) \(file ([0-9A-F]{24})\)$/m.exec(labelfile);
    const timeline = /^START TIMELINE: (\d+)$/m.exec(labelfile)?.[1];
    if (start === null || timeline === undefined) {
      const reason = "its backup_label has another form than those that are known";
      throw sourcesError("SOURCES_TOOL_FAILED", {
        tool: "the server",
        source: this.#connection.programs.options.source,
        reason,
      });
    }
    return {
      label: labelfile,
      tablespaceMap: spcmapfile.trim() === "" ? "" : spcmapfile,
      startLsn: start[1] as string,
      startSegment: start[2] as string,
      timeline: Number(timeline),
      stopLsn: lsn,
      endedAtMs: Number(now),
    };
  }

  /** The server gives the backup up, unless it was stopped. May be called twice. */
  end(): Promise<void> {
    return this.#session.end();
  }
}
