/**
 * Snapshots of databases that their dumps show. Each belongs to one database; where the texts of two are the same, they see the very
 * same transactions, so the databases fit together as of one moment.
 */
import type { CallOptions } from "../../contract/source.ts";
import type { Connection } from "../connection.ts";
import { PsqlSession } from "./psql-session.ts";

/** How often it is tried to find all databases at one moment. */
const TRIES = 25;

/** A transaction that sees a database as of one moment. */
export interface Moment {
  readonly session: PsqlSession;
  /** By which other sessions see the same. */
  readonly exported: string;
  readonly snapshot: string;
  /** ISO 8601, UTC, by the server's clock. Whatever was committed before is in it. */
  readonly takenAt: string;
}

/** `end` must be called. */
export class Moments {
  readonly #connection: Connection;
  readonly #sessions = new Map<string, PsqlSession>();
  readonly #found = new Map<string, Moment>();
  #isSame = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** True when all that were taken together are proven to be of one moment. */
  get isSame(): boolean {
    return this.#isSame;
  }

  /** Takes all of them as close together as it can. @throws SOURCES_TOOL_FAILED */
  async takeAll(databases: readonly string[], options: CallOptions): Promise<void> {
    for (const database of databases) this.#sessions.set(database, await this.#open(database, options));
    for (let n = 0; n < TRIES && !this.#isSame; n++) {
      options.signal.throwIfAborted();
      const replayed = await this.#replayed();
      const taken = await Promise.all(
        [...this.#sessions].map(async ([name, session]) => [name, await take(session)] as const),
      );
      for (const [name, moment] of taken) this.#found.set(name, moment);
      this.#isSame = await this.#areSame(replayed);
    }
  }

  /** That of a database; taken now unless it was before. @throws SOURCES_TOOL_FAILED */
  async of(database: string, options: CallOptions): Promise<Moment> {
    const found = this.#found.get(database);
    if (found !== undefined) return found;
    const session = await this.#open(database, options);
    this.#sessions.set(database, session);
    return take(session);
  }

  /** Lets the server forget what the database's was. */
  async release(database: string): Promise<void> {
    await this.#sessions.get(database)?.end();
    this.#sessions.delete(database);
  }

  async end(): Promise<void> {
    for (const database of this.#sessions.keys()) await this.release(database);
  }

  async #open(database: string, options: CallOptions): Promise<PsqlSession> {
    return PsqlSession.open(this.#connection, database, options);
  }

  /** A standby has no transactions of its own: all that it sees is how far it has replayed. */
  async #replayed(): Promise<string | undefined> {
    const [session] = this.#sessions.values();
    if (!this.#connection.server.isStandby || session === undefined) return undefined;
    return (await session.row<{ lsn: string }>("SELECT pg_last_wal_replay_lsn()::text AS lsn")).lsn;
  }

  async #areSame(replayed: string | undefined): Promise<boolean> {
    if (this.#connection.server.isStandby) return replayed !== undefined && replayed === (await this.#replayed());
    return new Set([...this.#found.values()].map(({ snapshot }) => snapshot)).size <= 1;
  }
}

async function take(session: PsqlSession): Promise<Moment> {
  await session.execute("ROLLBACK");
  await session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const moment = await session.row<Omit<Moment, "session">>(
    `SELECT pg_catalog.txid_current_snapshot()::text AS snapshot, pg_catalog.pg_export_snapshot() AS exported,
       pg_catalog.to_char(pg_catalog.transaction_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "takenAt"`,
  );
  return { session, ...moment };
}
