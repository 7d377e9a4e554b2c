/** A capture by dumps: what all databases share, then each database as one stream of pg_dump, all as of one moment where that can be. */
import { join } from "node:path";
import type { GivenEntry } from "@holdfast/engine";
import { atLeast } from "../../content/plausible.ts";
import { captureFolder } from "../../contract/capture-folder.ts";
import type { CaptureFacts } from "../../contract/facts.ts";
import type { CallOptions, Capture, CaptureOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { Connection } from "../connection.ts";
import { explained } from "../failures.ts";
import type { MethodParts } from "../method.ts";
import { connectionString } from "../sql-text.ts";
import { chosenDatabases } from "./chosen-databases.ts";
import { type DatabaseFacts, GLOBALS_FILE, dumpFileOf } from "./dump-facts.ts";
import { examineDatabase, unloggedTables } from "./examine-database.ts";
import { type Moment, Moments } from "./moments.ts";
import { PsqlSession } from "./psql-session.ts";

const TOOLS = ["pg_dump", "pg_dumpall", "psql"] as const;
/** What the archive of an empty database has at least. */
const LEAST_ARCHIVE_BYTES = 512;
/** What pg_dumpall writes last. */
const GLOBALS_END = "PostgreSQL database cluster dump complete";

interface Position {
  readonly systemIdentifier: string;
  readonly timeline: string;
  readonly lsn: string;
}

/** @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_SETTINGS, SOURCES_RIGHTS, SOURCES_TOOL_MISSING, SOURCES_TOOL_TOO_OLD */
export async function captureDumps(parts: MethodParts, { signal, onWarning }: CaptureOptions): Promise<Capture> {
  signal.throwIfAborted();
  const { settings, surroundings, source } = parts;
  const connection = await Connection.open(settings, surroundings, { source, needed: [...TOOLS] }, { signal });
  const moments = new Moments(connection);
  const close = async (): Promise<void> => {
    await moments.end();
    await connection.close();
  };
  try {
    const databases = await chosenDatabases(connection, settings, { signal, onWarning });
    const position = await positionOf(connection, settings.database, { signal });
    const together = settings["same-moment"];
    if (together) await moments.takeAll(databases, { signal });
    if (databases.length > 1 && !moments.isSame) {
      const why = together ? "there was no moment between transactions" : "same-moment is off";
      const message = `each database is as of its own moment, as ${why}: what one says of another may not fit`;
      onWarning({ code: "different-moments", message });
    }
    const run = new DumpRun(parts, { connection, moments, databases, position, signal, onWarning });
    return { paths: [captureFolder("postgres", parts.name)], entries: run.entries(), facts: () => run.facts(), close };
  } catch (error) {
    await close();
    signal.throwIfAborted();
    throw explained(error, source, connection.server.role);
  }
}

interface DumpRunOptions extends CaptureOptions {
  readonly connection: Connection;
  readonly moments: Moments;
  readonly databases: readonly string[];
  readonly position: Position;
}

class DumpRun {
  readonly #parts: MethodParts;
  readonly #options: DumpRunOptions;
  readonly #databases: DatabaseFacts[] = [];
  readonly #isSameMoment: boolean;
  #hasPasswords = false;
  #superuser = "";

  constructor(parts: MethodParts, options: DumpRunOptions) {
    this.#parts = parts;
    this.#options = options;
    // Of one database, all is of one moment.
    this.#isSameMoment = options.moments.isSame || options.databases.length === 1;
  }

  async *entries(): AsyncGenerator<GivenEntry> {
    const { connection, databases, signal } = this.#options;
    const at = captureFolder("postgres", this.#parts.name);
    try {
      const globals = Buffer.from(await this.#globals());
      yield { kind: "file", path: join(at, GLOBALS_FILE), content: once(globals), mode: 0o600 };
      for (const name of databases) yield await this.#dump(name, at);
    } catch (error) {
      signal.throwIfAborted();
      throw explained(error, this.#parts.source, connection.server.role);
    }
  }

  facts(): CaptureFacts {
    const { connection, position } = this.#options;
    const { server, tools } = connection;
    const moments = this.#databases.map(({ takenAt }) => takenAt).toSorted();
    return {
      consistentAt: moments[0] ?? "",
      consistency: "application",
      tools: { pg_dump: tools.version },
      server: { product: "PostgreSQL", version: server.version },
      position: { ...position },
      detail: {
        method: "dump",
        passwords: this.#hasPasswords,
        sameMoment: this.#isSameMoment,
        superuser: this.#superuser,
        databases: this.#databases,
      },
    };
  }

  async #globals(): Promise<string> {
    const { connection, signal, onWarning } = this.#options;
    const { database } = this.#parts.settings;
    const { superuser, passwords } = await connection.psql.row<{ superuser: string; passwords: boolean }>(
      database,
      `SELECT pg_catalog.pg_get_userbyid(10) AS superuser,
         pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS passwords`,
      { signal },
    );
    this.#superuser = superuser;
    this.#hasPasswords = passwords;
    if (!passwords) {
      const message = `the passwords of roles are left out, as only superusers may read them, and ${connection.server.role} is none`;
      onWarning({ code: "no-role-passwords", message });
    }
    const args = ["--globals-only", `--database=${database}`, ...(passwords ? [] : ["--no-role-passwords"])];
    const said = await connection.programs.text(connection.callOf("pg_dumpall", args), { signal });
    if (said.includes(GLOBALS_END)) return said;
    const actual = `globals of ${said.length} bytes without an end`;
    throw sourcesError("SOURCES_EMPTY", { source: this.#parts.source, actual, expected: "roles" });
  }

  async #dump(name: string, at: string): Promise<GivenEntry> {
    const { connection, moments, signal } = this.#options;
    const { settings, source } = this.#parts;
    const moment = await moments.of(name, { signal });
    const facts = await this.#examine(name, moment);
    this.#databases.push(facts);
    const args = [
      "--format=custom",
      // The repository compresses, and finds again what has not changed; that of pg_dump would hide it.
      "--compress=0",
      `--snapshot=${moment.exported}`,
      `--lock-wait-timeout=${settings["lock-limit"]}`,
      ...(connection.server.isStandby ? ["--no-unlogged-table-data"] : []),
      `--dbname=${connectionString(name)}`,
    ];
    const rows = facts.counts.reduce((sum, each) => sum + each.rows, 0);
    // Each row is at least a line end, each table an entry in the archive's list.
    const least = LEAST_ARCHIVE_BYTES + 100 * facts.tables + rows;
    const stream = connection.programs.stream(connection.callOf("pg_dump", args), { signal });
    const whole = atLeast(stream, least, `${source} (database ${name})`);
    return { kind: "file", path: join(at, facts.file), content: this.#released(whole, name), mode: 0o600 };
  }

  /** Tells what went wrong, and frees the server of the old state as soon as it was read. */
  async *#released(content: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
    const { connection, moments, signal } = this.#options;
    try {
      yield* content;
    } catch (error) {
      signal.throwIfAborted();
      throw explained(error, this.#parts.source, connection.server.role);
    }
    await moments.release(name);
  }

  /** In a session of its own, as its locks end with it: while others are dumped, nobody shall wait for them. */
  async #examine(name: string, moment: Moment): Promise<DatabaseFacts> {
    const { connection, signal, onWarning } = this.#options;
    const { isStandby, major } = connection.server;
    const session = await PsqlSession.open(connection, name, { signal });
    try {
      await session.beginAt(moment.exported);
      await session.execute(`SET lock_timeout = ${this.#parts.settings["lock-limit"]}`);
      const found = await examineDatabase(session, {
        countUpTo: this.#parts.settings["count-rows-up-to"],
        isStandby,
        major,
      });
      if (isStandby && (await unloggedTables(session)) > 0) {
        const message = `the unlogged tables of ${name} are stored without rows: a standby does not have them`;
        onWarning({ code: "unlogged-left-out", message });
      }
      return { name, file: dumpFileOf(name), takenAt: moment.takenAt, snapshot: moment.snapshot, ...found };
    } finally {
      await session.end();
    }
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Where the journal was just before the snapshots were taken. */
async function positionOf(connection: Connection, database: string, options: CallOptions): Promise<Position> {
  const lsn = connection.server.isStandby ? "pg_last_wal_replay_lsn()" : "pg_current_wal_lsn()";
  return connection.psql.row<Position>(
    database,
    `SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS "systemIdentifier",
       (SELECT timeline_id::text FROM pg_catalog.pg_control_checkpoint()) AS timeline, coalesce(${lsn}::text, '') AS lsn`,
    options,
  );
}
