/**
 * A MariaDB or MySQL server on a data folder of ours, for a proof: on a private socket only, without events, replication and a binary
 * log, so that a copy reaches nothing that the original would reach.
 */
import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Secret, isHoldfastError } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import { sourcesError } from "../../errors.ts";
import type { ProgramCall } from "../../programs/programs.ts";
import { StartedServer } from "../../programs/started-server.ts";
import { Connection } from "./connection.ts";
import { explainFailure } from "./explain-failure.ts";
import { type Product, toolFor } from "./flavour.ts";
import { literal } from "./sql-text.ts";
import type { RunsAs, Tools } from "./tools.ts";

/** The longest path of a socket that Linux takes. */
const MAX_SOCKET_PATH_BYTES = 107;

/** With less, a server cannot go on. */
const LEAST_FREE_BYTES = 16 * 1024 * 1024;
const ZONES = "/usr/share/zoneinfo";

/** What must be as it was at the original. */
export interface ServerTraits {
  readonly product: Product;
  readonly lowerCaseNames: number;
  readonly pageSizeBytes: number;
  readonly characterSet: string;
  readonly collation: string;
  readonly sqlMode: string;
}

interface Parts {
  readonly tools: Tools;
  readonly surroundings: SourceSurroundings;
  /** An empty folder, with room for the data. */
  readonly scratch: string;
  /** The data, where they are elsewhere; the folder belongs to the server's user. */
  readonly data?: string;
  readonly readyWithinMs: number;
}

/** A folder for a private server, and who it runs as. */
export class ServerFolder {
  readonly tools: Tools;
  readonly user: RunsAs;
  readonly #parts: Parts;

  private constructor(parts: Parts, user: RunsAs) {
    this.tools = parts.tools;
    this.user = user;
    this.#parts = parts;
  }

  /** Makes the folders. @throws SOURCES_SETTINGS */
  static async make(parts: Parts, options: CallOptions): Promise<ServerFolder> {
    const { tools, scratch, surroundings } = parts;
    const user = await tools.serverUser(options);
    const folder = new ServerFolder(parts, user);
    if (Buffer.byteLength(folder.socket) > MAX_SOCKET_PATH_BYTES) {
      const reason = `${scratch} is too long a path for a socket, so the setting scratch must name a folder with a shorter one`;
      throw sourcesError("SOURCES_SETTINGS", { source: tools.source, reason });
    }
    // What is in them stays for its owners only.
    if (user !== undefined)
      for (const each of await foldersOfOurs(scratch, surroundings.temporary)) await chmod(each, 0o711);
    for (const path of [folder.#work, folder.nothing]) await folder.give(path);
    if (parts.data === undefined) await folder.give(folder.data);
    return folder;
  }

  get data(): string {
    return this.#parts.data ?? join(this.#parts.scratch, "data");
  }

  /** An empty folder: the only one that SQL may read files from, and write them to. */
  get nothing(): string {
    return join(this.#parts.scratch, "nothing");
  }

  get socket(): string {
    return join(this.#work, "s");
  }

  get #work(): string {
    return join(this.#parts.scratch, "w");
  }

  /** Makes a folder of the server's user. */
  async give(path: string): Promise<void> {
    await mkdir(path, { mode: 0o700 });
    if (this.user !== undefined) await chown(path, this.user.uid, this.user.gid);
  }

  /** A call of a program as the server's user. */
  call(tool: string, args: readonly string[]): ProgramCall {
    const { user } = this;
    return { tool, args, folder: "/", ...(user === undefined ? {} : { user }) };
  }

  /** Makes an empty database server of the data folder. @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED */
  async initialize(traits: ServerTraits, { signal }: CallOptions): Promise<void> {
    const { tools } = this;
    const install = await tools.path(toolFor(traits.product, "install"));
    // A server that starts removes what it finds of temporary tables, also those of another that has the same folder for them.
    const same = [`--datadir=${this.data}`, `--tmpdir=${this.#work}`, ...alike(traits), ...SMALL];
    const args =
      traits.product === "MySQL"
        ? ["--no-defaults", "--initialize-insecure", ...same]
        : [
            "--no-defaults",
            ...same,
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
          ];
    await this.attempt(() => tools.programs.text(this.call(install, args), { signal }));
  }

  /** Named time zones, as this system knows them. @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED */
  async loadTimeZones({ connection }: PrivateServer, product: Product, { signal }: CallOptions): Promise<void> {
    const tool = await this.tools.path(toolFor(product, "zones"));
    const script = this.tools.programs.stream(this.call(tool, [ZONES]), { signal });
    await connection.run(script, { signal, database: "mysql" });
  }

  /**
   * Starts a server on the data folder.
   * @param more arguments for it
   * @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED with the end of its log, SOURCES_TOO_LONG
   */
  async start(traits: ServerTraits, { signal, accounts, more = [] }: Starting): Promise<PrivateServer> {
    const { tools, surroundings, readyWithinMs } = this.#parts;
    const administrator = accounts === "administrator" ? await this.#administrator() : undefined;
    const connection = await Connection.open(
      tools,
      { socket: this.socket, user: administrator?.name ?? "root" },
      surroundings,
      { signal, password: administrator?.password, asOurselves: true },
    );
    try {
      const call = this.call(await tools.path(toolFor(traits.product, "server")), [
        "--no-defaults",
        `--datadir=${this.data}`,
        `--socket=${this.socket}`,
        `--pid-file=${join(this.#work, "pid")}`,
        `--tmpdir=${this.#work}`,
        `--secure-file-priv=${this.nothing}`,
        ...alike(traits),
        ...ISOLATED[traits.product],
        // What was prepared has the log that it has.
        ...(accounts === "own" ? [...SMALL, ...ACCOUNT_PLUGINS[traits.product]] : []),
        ...(accounts === "none" ? ["--skip-grant-tables"] : []),
        ...(administrator === undefined ? [] : [`--init-file=${administrator.script}`]),
        ...more,
      ]);
      const server = await this.attempt(() =>
        StartedServer.start(
          tools.programs,
          {
            ...call,
            log: join(this.#parts.scratch, "server.log"),
            isReady: async (options) => (await connection.query("SELECT 1", options)).length > 0,
            readyWithinMs,
            setting: "start-limit",
          },
          { signal },
        ),
      );
      return new PrivateServer(server, connection);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /**
   * Does something on the server, or in its folder; when there is no room any more, that is why it failed, whatever was said.
   * @throws SOURCES_NO_ROOM, and what `work` throws
   */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const explained = explainFailure(error, this.tools.source);
      if (!isHoldfastError(explained, "SOURCES_TOOL_FAILED")) throw explained;
      const { bavail, bsize } = await statfs(this.data);
      if (bavail * bsize >= LEAST_FREE_BYTES) throw explained;
      const reason = `the folder ${this.#parts.scratch} is full`;
      throw sourcesError("SOURCES_NO_ROOM", { source: this.tools.source, reason }, error);
    }
  }

  /** A script that makes an account for us, for a server whose accounts are those of its original. */
  async #administrator(): Promise<{ name: string; password: Secret; script: string }> {
    const password = randomBytes(24).toString("hex");
    const script = join(this.#work, "init.sql");
    const account = `${literal(ADMINISTRATOR)}@'localhost'`;
    const lines = [
      `DROP USER IF EXISTS ${account};`,
      `CREATE USER ${account} IDENTIFIED BY ${literal(password)};`,
      `GRANT ALL PRIVILEGES ON *.* TO ${account} WITH GRANT OPTION;`,
    ];
    await writeFile(script, `${lines.join("\n")}\n`, { mode: 0o600 });
    if (this.user !== undefined) await chown(script, this.user.uid, this.user.gid);
    return { name: ADMINISTRATOR, password: new Secret(password), script };
  }
}

/** An account that is there while a journal is replayed. */
const ADMINISTRATOR = "holdfast-replay";

export interface Starting extends CallOptions {
  /**
   * `own`: those of a new server, whose root has no password. `none`: everybody may do everything, on a socket that only we and its user
   * reach; events, plugins and functions of libraries are not loaded. `administrator`: those of the original, and one for us.
   */
  readonly accounts: "own" | "none" | "administrator";
  readonly more?: readonly string[];
}

/** One that runs. `end` must be called. */
export class PrivateServer {
  readonly connection: Connection;
  readonly #server: StartedServer;

  constructor(server: StartedServer, connection: Connection) {
    this.#server = server;
    this.connection = connection;
  }

  /**
   * Takes the account away that `administrator` has made, and has it write all that it has not yet written, however long that takes: what is kept of it must be whole.
   * @throws SOURCES_TOOL_FAILED when it ended otherwise, and as a query
   */
  async shutDown(options: CallOptions): Promise<void> {
    // The session keeps its rights to its end.
    await this.connection.query(`DROP USER IF EXISTS ${literal(ADMINISTRATOR)}@'localhost'; SHUTDOWN`, options);
    const why = await this.#server.untilEnded(options);
    if (why === "exit code 0") return;
    const { source } = this.connection.tools;
    const reason = `the server that replayed the binary log did not end in order: ${why}`;
    throw sourcesError("SOURCES_TOOL_FAILED", { tool: "the private server", source, reason });
  }

  async end(): Promise<void> {
    await this.#server.end();
    await this.connection.close();
  }
}

const COMMON = [
  "--skip-networking",
  "--skip-log-bin",
  "--event-scheduler=OFF",
  "--max-allowed-packet=1G",
  // Tables in memory must hold what they held.
  "--max-heap-table-size=4G",
  // It is thrown away: a power failure may take it.
  "--innodb-flush-log-at-trx-commit=0",
  "--skip-innodb-doublewrite",
  // The original's may be more than there is.
  "--innodb-buffer-pool-size=128M",
  "--innodb-strict-mode=OFF",
];

/** Less to write when an empty server is made. */
const SMALL = ["--innodb-log-file-size=32M"];

/** Ways to log in that a server must load before accounts can have them; it starts without those that are not installed. */
const ACCOUNT_PLUGINS: Readonly<Record<Product, readonly string[]>> = {
  MariaDB: ["auth_ed25519", "auth_pam", "auth_gssapi", "auth_parsec"].map((name) => `--plugin-load-add=${name}`),
  MySQL: [],
};

const ISOLATED: Readonly<Record<Product, readonly string[]>> = {
  MariaDB: [
    ...COMMON,
    "--skip-slave-start",
    "--innodb-buffer-pool-load-at-startup=OFF",
    "--innodb-buffer-pool-dump-at-shutdown=OFF",
  ],
  MySQL: [...COMMON, "--skip-replica-start", "--mysqlx=OFF"],
};

function alike({ lowerCaseNames, pageSizeBytes, characterSet, collation, sqlMode }: ServerTraits): string[] {
  return [
    `--lower-case-table-names=${lowerCaseNames}`,
    `--innodb-page-size=${pageSizeBytes}`,
    `--character-set-server=${characterSet}`,
    `--collation-server=${collation}`,
    `--sql-mode=${sqlMode}`,
  ];
}

/** From the innermost to that for temporary things, where it lies in that. */
async function foldersOfOurs(scratch: string, temporary: string): Promise<string[]> {
  const folders = [scratch];
  if (!scratch.startsWith(`${temporary}/`)) return folders;
  for (let folder = dirname(scratch); ; folder = dirname(folder)) {
    folders.push(folder);
    if (folder === temporary) return folders;
  }
}
