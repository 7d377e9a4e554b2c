/** The way to a PostgreSQL server that the configuration names. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Secret, isHoldfastError } from "@holdfast/base";
import type { CallOptions } from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { sourcesError } from "../errors.ts";
import { withoutVariables } from "../programs/foreign-variables.ts";
import { type ProgramCall, Programs } from "../programs/programs.ts";
import { type Access, Psql } from "./psql.ts";
import type { PostgresSettings } from "./settings.ts";
import { becoming, systemUser } from "../host/system-user.ts";
import { type PostgresTools, findTools, toolIn } from "./tools.ts";

const CONNECT_SECONDS = "30";

/** Who and what is at the other end. */
export interface ServerIdentity {
  /** `15.18 (Debian …)` */
  readonly version: string;
  /** 15 */
  readonly major: number;
  readonly isStandby: boolean;
  readonly isSuperuser: boolean;
  /** The role that we are. */
  readonly role: string;
}

/** One that was opened must be closed. */
export class Connection implements Access {
  readonly programs: Programs;
  readonly psql: Psql;
  readonly server: ServerIdentity;
  /** Those that fit the server. */
  readonly tools: PostgresTools;
  readonly call: Access["call"];
  readonly #passwords: string | undefined;

  private constructor(parts: Pick<Connection, "programs" | "server" | "tools" | "call">, passwords?: string) {
    this.programs = parts.programs;
    this.server = parts.server;
    this.tools = parts.tools;
    this.call = parts.call;
    this.#passwords = passwords;
    this.psql = new Psql(this);
  }

  /**
   * Connects once, and finds the programs that fit the server.
   * @param needed programs that must be there in a version that fits
   * @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_SETTINGS, SOURCES_TOOL_MISSING, SOURCES_TOOL_TOO_OLD
   */
  static async open(
    settings: PostgresSettings,
    surroundings: SourceSurroundings,
    { source, needed }: { readonly source: string; readonly needed: readonly [string, ...string[]] },
    options: CallOptions,
  ): Promise<Connection> {
    const programs = postgresPrograms(source, surroundings);
    const wanted = { tools: needed, folder: settings.tools, setting: "tools" };
    const any = await findTools({ ...wanted, tools: ["psql", ...needed], major: undefined }, programs, options);
    const password = settings.password && (await surroundings.secret(settings.password, source, options));
    const passwords = password && (await writePasswords(password, surroundings.temporary, source));
    try {
      const call = await libpqCall(settings, { programs, passwords }, options);
      const psql = new Psql({ programs, call, tool: (name) => toolIn(any, name) });
      const server = await identify(psql, settings, source, options);
      const tools = await findTools({ ...wanted, major: server.major }, programs, options);
      return new Connection({ programs, server, tools, call }, passwords);
    } catch (error) {
      if (passwords !== undefined) await rm(passwords, { recursive: true, force: true });
      throw error;
    }
  }

  tool(name: string): string {
    return toolIn(this.tools, name);
  }

  /** One of PostgreSQL's programs, on this server. */
  callOf(tool: string, args: readonly string[]): ProgramCall {
    return { ...this.call, tool: this.tool(tool), args: ["--no-password", ...args] };
  }

  /** Removes the file with the password. May be called twice. */
  async close(): Promise<void> {
    if (this.#passwords !== undefined) await rm(this.#passwords, { recursive: true, force: true });
  }
}

/** Programs that see nothing of what the environment says to libpq: only the configuration counts. */
export function postgresPrograms(source: string, { environment }: Pick<SourceSurroundings, "environment">): Programs {
  return new Programs({ source, environment: withoutVariables(environment, /^PG/) });
}

/** A folder with the file that libpq reads the password from: variables would be seen by whoever may see the process. */
async function writePasswords(password: Secret, temporary: string, source: string): Promise<string> {
  const text = password.reveal();
  if (/[\n\r\0]/.test(text)) {
    throw sourcesError("SOURCES_SETTINGS", { source, reason: "the password has a line end in it" });
  }
  const folder = await mkdtemp(join(temporary, "postgres-"));
  const file = join(folder, "pgpass");
  await writeFile(file, `*:*:*:*:${text.replaceAll(/[\\:]/g, "\\$&")}\n`, { mode: 0o600 });
  await chmod(file, 0o600);
  return folder;
}

async function libpqCall(
  settings: PostgresSettings,
  { programs, passwords }: { programs: Programs; passwords: string | undefined },
  options: CallOptions,
): Promise<Access["call"]> {
  const runAs = settings["run-as"];
  const user = runAs === undefined ? undefined : await systemUser(runAs, "run-as", programs, options);
  const variables: Record<string, string | undefined> = {
    PGHOST: settings.host,
    PGPORT: String(settings.port),
    PGUSER: settings.user ?? user?.name,
    PGSSLMODE: settings.sslmode,
    PGSSLROOTCERT: settings["ssl-root-certificate"],
    PGSSLCERT: settings["ssl-certificate"],
    PGSSLKEY: settings["ssl-key"],
    PGPASSFILE: passwords === undefined ? undefined : join(passwords, "pgpass"),
    PGCONNECT_TIMEOUT: CONNECT_SECONDS,
    PGCLIENTENCODING: "UTF8",
    PGAPPNAME: "holdfast",
    // libpq looks there for certificates, and stops where it may not look.
    HOME: user?.home,
  };
  const given = Object.entries(variables).filter((each): each is [string, string] => each[1] !== undefined);
  const become = user && becoming(user, "run-as", programs.options.source);
  return {
    variables: Object.fromEntries(given),
    ...(become === undefined ? {} : { user: become }),
    // Whoever they run as may not be allowed to where we are.
    folder: "/",
  };
}

async function identify(
  psql: Psql,
  { database }: PostgresSettings,
  source: string,
  options: CallOptions,
): Promise<ServerIdentity> {
  try {
    const { number, ...rest } = await psql.row<Omit<ServerIdentity, "major"> & { number: string }>(
      database,
      `SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
         pg_is_in_recovery() AS "isStandby", current_user AS role,
         current_setting('is_superuser') = 'on' AS "isSuperuser"`,
      options,
    );
    return { ...rest, major: Math.floor(Number(number) / 10_000) };
  } catch (error) {
    options.signal.throwIfAborted();
    throw connectionError(error, source);
  }
}

/** libpq says these in English, whatever the server speaks. */
const NO_ANSWER =
  /could not translate host name|Connection refused|No such file or directory|timeout expired|Network is unreachable|No route to host|Connection timed out|server closed the connection|Connection reset/i;
const NOT_YET =
  /the database system is (starting up|shutting down|not yet accepting|in recovery)|too many clients|remaining connection slots/;
const NO_DATABASE = /database ".*" does not exist/;
const NO_CONNECTION = /\bexit code 2\b/;

/** What a failed psql means, where it could not connect. */
export function connectionError(error: unknown, source: string): unknown {
  if (!isHoldfastError(error, "SOURCES_TOOL_FAILED")) return error;
  const reason = String(error.details["reason"]);
  if (!NO_CONNECTION.test(reason)) return error;
  const said = reason.replace(/^exit code 2: (psql: error: )?/, "").replace(/; password retrieved from file .*$/, "");
  if (NO_ANSWER.test(said) || NOT_YET.test(said)) {
    return sourcesError("SOURCES_UNREACHABLE", { source, reason: said }, error);
  }
  if (NO_DATABASE.test(said)) return sourcesError("SOURCES_SETTINGS", { source, reason: said }, error);
  return sourcesError("SOURCES_CREDENTIALS", { source, reason: said }, error);
}
