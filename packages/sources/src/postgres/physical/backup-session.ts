/** Tells the server that its files are being copied, from a session that stays open meanwhile. */
import { randomBytes } from "node:crypto";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { PsqlSession } from "../dump/psql-session.ts";
import { literal } from "../sql-text.ts";
import { type ServerFacts, TABLESPACES_QUERY, readServerFacts } from "./server-facts.ts";

export interface StartedBackup extends ServerFacts {
  /** Where the data folder is, as the server sees it. */
  readonly dataFolder: string;
  /** By oid: where each tablespace is. */
  readonly tablespaces: ReadonlyMap<string, string>;
  /** Files of the configuration that may lie elsewhere, by what they are. */
  readonly configurationFiles: Readonly<Record<string, string>>;
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

const FOLDERS = `SELECT current_setting('data_directory') AS folder, current_setting('config_file') AS config,
  current_setting('hba_file') AS hba, current_setting('ident_file') AS ident`;

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
    const facts = await readServerFacts((query) => this.#session.row(query));
    const folders = await this.#session.row<Record<"folder" | "config" | "hba" | "ident", string>>(FOLDERS);
    const tablespaces = await this.#session.rows<{ oid: string; location: string }>(TABLESPACES_QUERY);
    // It goes with the session, however that ends.
    const slot = `holdfast_${randomBytes(6).toString("hex")}`;
    await this.#session.rows(`SELECT lsn::text FROM pg_create_physical_replication_slot(${literal(slot)}, true, true)`);
    const call =
      this.#connection.server.major >= 15
        ? `pg_backup_start('holdfast', ${isFast})`
        : `pg_start_backup('holdfast', ${isFast}, false)`;
    await this.#session.rows(`SELECT ${call}::text AS lsn`);
    return {
      ...facts,
      dataFolder: folders.folder,
      tablespaces: new Map(tablespaces.map(({ oid, location }) => [oid, location])),
      configurationFiles: {
        "postgresql.conf": folders.config,
        "pg_hba.conf": folders.hba,
        "pg_ident.conf": folders.ident,
      },
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
