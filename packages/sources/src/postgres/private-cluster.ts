/**
 * A PostgreSQL server on a data folder of ours, for a proof: on a private socket only, and without anything by which a copy of a
 * cluster would reach, or take the place of, the original: archiving, standbys, subscriptions, jobs of extensions.
 */
import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import type { Programs } from "../programs/programs.ts";
import { StartedServer } from "../programs/started-server.ts";
import { type Access, Psql } from "./psql.ts";
import { becoming, systemUser } from "./system-user.ts";
import { type PostgresTools, toolIn } from "./tools.ts";

const PORT = "5432";
/** The longest path of a socket that Linux takes, without its end. */
const MAX_SOCKET_PATH_BYTES = 107;

/** The user that the server runs as when we are root, which PostgreSQL refuses. */
export type ServerUser = { readonly uid: number; readonly gid: number } | undefined;

/** Settings that keep it to itself. Given as arguments they are above every file of the cluster. */
const ISOLATION: Readonly<Record<string, string>> = {
  listen_addresses: "",
  port: PORT,
  unix_socket_permissions: "0700",
  ssl: "off",
  external_pid_file: "",
  // Nothing of it may be written where the original writes, or be taken from where it has written.
  archive_mode: "off",
  archive_command: "",
  restore_command: "",
  archive_cleanup_command: "",
  recovery_end_command: "",
  primary_conninfo: "",
  primary_slot_name: "",
  synchronous_standby_names: "",
  max_logical_replication_workers: "0",
  // Schedulers and the like begin to work when they are loaded.
  session_preload_libraries: "",
  local_preload_libraries: "",
  autovacuum: "off",
  logging_collector: "off",
  log_destination: "stderr",
  // It is thrown away: a power failure may take it.
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  // The original's may be more than there is.
  shared_buffers: "128MB",
  huge_pages: "off",
};

export interface PrivateClusterOptions {
  readonly programs: Programs;
  readonly tools: PostgresTools;
  /** With `postgresql.conf`; belongs to `user`. */
  readonly data: string;
  /** A folder for its socket, log and access rules; it is made. Its path must be short, as sockets need. */
  readonly work: string;
  readonly user: ServerUser;
  /** A role that may do everything. */
  readonly superuser: string;
  /** Libraries that extensions need to have loaded. */
  readonly preload?: readonly string[];
  /** Added to those that isolate it, or in their place. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly readyWithinMs: number;
}

/** Who the server may run as. @throws SOURCES_SETTINGS */
export async function serverUser(name: string, programs: Programs, options: CallOptions): Promise<ServerUser> {
  if (process.geteuid?.() !== 0) return undefined;
  const user = await systemUser(name, "server-user", programs, options);
  if (user.uid !== 0) return becoming(user, "server-user", programs.options.source);
  const reason = "PostgreSQL does not run as root, so server-user must be another";
  throw sourcesError("SOURCES_SETTINGS", { source: programs.options.source, reason });
}

/** Makes a folder of the server's user, for it alone. Its parent must be there, and one that this user may pass through. */
export async function serverFolder(path: string, user: ServerUser): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/**
 * Lets the server's user pass through folders of ours that are for us alone; it sees no names in them.
 * @param from the innermost
 * @param to the outermost, an ancestor of it
 */
export async function letThrough(from: string, to: string, user: ServerUser): Promise<void> {
  if (user === undefined) return;
  for (let folder = from; ; folder = dirname(folder)) {
    await chmod(folder, 0o711);
    if (folder === to || !folder.startsWith(`${to}/`)) return;
  }
}

/** Makes an empty cluster. @param more arguments of initdb. @throws SOURCES_TOOL_FAILED */
export async function initializeCluster(
  { programs, tools, data, user, superuser }: Omit<PrivateClusterOptions, "work" | "readyWithinMs" | "settings">,
  more: readonly string[],
  { signal }: CallOptions,
): Promise<void> {
  const args = ["--pgdata", data, "--username", superuser, "--auth=trust", "--no-sync", "--no-instructions", ...more];
  const call = { tool: toolIn(tools, "initdb"), args, folder: "/", ...(user === undefined ? {} : { user }) };
  await programs.text(call, { signal });
}

/** One that runs. `end` must be called. */
export class PrivateCluster implements Access {
  readonly psql: Psql;
  readonly programs: Programs;
  readonly call: Access["call"];
  readonly #tools: PostgresTools;
  readonly #server: StartedServer;

  private constructor(options: PrivateClusterOptions, call: Access["call"], server: StartedServer) {
    this.programs = options.programs;
    this.#tools = options.tools;
    this.call = call;
    this.#server = server;
    this.psql = new Psql(this);
  }

  /** Starts it, and waits until it takes connections. @throws SOURCES_TOOL_FAILED with the log's end, SOURCES_TOO_LONG */
  static async start(options: PrivateClusterOptions, { signal }: CallOptions): Promise<PrivateCluster> {
    const { programs, tools, data, work, user, superuser } = options;
    const source = programs.options.source;
    if (Buffer.byteLength(`${work}/.s.PGSQL.${PORT}`) > MAX_SOCKET_PATH_BYTES) {
      const reason = `${work} is too long a path for a socket, so the setting scratch must name a folder with a shorter one`;
      throw sourcesError("SOURCES_SETTINGS", { source, reason });
    }
    await serverFolder(work, user);
    const rules = join(work, "pg_hba.conf");
    await writeFile(rules, "local all all trust\n", { mode: 0o600 });
    if (user !== undefined) await chown(rules, user.uid, user.gid);
    const settings = {
      ...ISOLATION,
      data_directory: data,
      hba_file: rules,
      unix_socket_directories: work,
      shared_preload_libraries: (options.preload ?? []).join(","),
      ...options.settings,
    };
    const call = {
      variables: { PGHOST: work, PGPORT: PORT, PGUSER: superuser, PGCLIENTENCODING: "UTF8", PGAPPNAME: "holdfast" },
      folder: "/",
    };
    const ready = { ...call, tool: toolIn(tools, "pg_isready"), args: ["--quiet"] };
    const server = await StartedServer.start(
      programs,
      {
        tool: toolIn(tools, "postgres"),
        args: ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
        folder: "/",
        ...(user === undefined ? {} : { user }),
        log: join(work, "log"),
        // Its own clients are asked to go, where SIGTERM would wait for them.
        endSignal: "SIGINT",
        isReady: async (within) => {
          await programs.text(ready, within);
          return true;
        },
        readyWithinMs: options.readyWithinMs,
        setting: "start-limit",
      },
      { signal },
    );
    return new PrivateCluster(options, call, server);
  }

  tool(name: string): string {
    return toolIn(this.#tools, name);
  }

  /** Why it has ended; `undefined` while it runs. */
  get endedBecause(): string | undefined {
    return this.#server.endedBecause;
  }

  /** Ends it. May be called twice. */
  async end(): Promise<void> {
    await this.#server.end();
  }
}
