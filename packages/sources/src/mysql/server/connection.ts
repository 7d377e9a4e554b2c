/** The way to a server: by its client programs, with an option file that only they can read. */
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Secret } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import type { ProgramCall } from "../../programs/programs.ts";
import type { ConnectionSettings } from "../settings.ts";
import { explainFailure } from "./explain-failure.ts";
import { ANY_CLIENT, type Product, type ToolNames, tlsOptions } from "./flavour.ts";
import { optionLine, parseBatch } from "./sql-text.ts";
import type { RunsAs, Tools } from "./tools.ts";

/** How long a server may take to let us in, in seconds. */
const CONNECT_S = 15;
/** The largest row that passes; the programs' own limit. */
export const MAX_PACKET = "--max-allowed-packet=1G";

interface Parts {
  readonly tools: Tools;
  readonly folder: string;
  readonly secrets: readonly Secret[];
  readonly user: RunsAs;
}

/** Must be closed: it has a file with the password. */
export class Connection {
  readonly tools: Tools;
  readonly #folder: string;
  readonly #secrets: readonly Secret[];
  readonly #user: RunsAs;

  private constructor({ tools, folder, secrets, user }: Parts) {
    this.tools = tools;
    this.#folder = folder;
    this.#secrets = secrets;
    this.#user = user;
  }

  /**
   * Prepares the way; nobody is asked yet.
   * @param password instead of that of the settings
   * @param asOurselves whatever user of the system the settings name
   * @throws SOURCES_TOOL_MISSING, SOURCES_SETTINGS, and what fetching the password throws
   */
  static async open(
    tools: Tools,
    settings: ConnectionSettings,
    surroundings: Pick<SourceSurroundings, "temporary" | "secret">,
    {
      signal,
      password: given,
      asOurselves = false,
    }: CallOptions & { password?: Secret | undefined; asOurselves?: boolean },
  ): Promise<Connection> {
    const { product } = await tools.version(ANY_CLIENT, { signal });
    const { temporary } = surroundings;
    const password =
      given ??
      (settings.password === undefined
        ? undefined
        : await surroundings.secret(settings.password, tools.source, { signal }));
    const user = asOurselves ? undefined : await tools.runAs({ signal });
    const folder = await mkdtemp(join(temporary, "mysql-"));
    try {
      const file = join(folder, "options");
      await writeFile(file, optionFile(settings, password, product), { mode: 0o600, flag: "wx" });
      if (user !== undefined) {
        // The names in it are ours, and what is in it is for its owner only.
        await chmod(temporary, 0o711);
        for (const path of [file, folder]) await chown(path, user.uid, user.gid);
      }
      const secrets = password === undefined ? [] : [password];
      return new Connection({ tools, folder, secrets, user });
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** A call of one of the programs that goes to this server. */
  async call(tool: ToolNames, args: readonly string[]): Promise<ProgramCall> {
    return {
      tool: await this.tools.path(tool),
      // Alone: what other option files say must not change what is printed.
      args: [`--defaults-file=${join(this.#folder, "options")}`, ...args],
      secrets: this.#secrets,
      folder: "/",
      ...(this.#user === undefined ? {} : { user: this.#user }),
    };
  }

  /**
   * The rows of all statements, in one session. Its sql_mode is empty, so that what it quotes is quoted in one way.
   * @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_TOOL_FAILED
   */
  async query(sql: string, { signal }: CallOptions): Promise<string[][]> {
    return this.ask(`SET SESSION sql_mode='';\n${sql}`, { signal });
  }

  /** As `query`, with the server's own sql_mode. @param database that is used */
  async ask(sql: string, { signal, database }: CallOptions & { database?: string }): Promise<string[][]> {
    const call = await this.#client(["--skip-column-names"], database);
    try {
      return parseBatch(await this.tools.programs.text(call, { signal, input: textOf(`${sql};\n`) }));
    } catch (error) {
      throw explainFailure(error, this.tools.source);
    }
  }

  /** Runs a script, and stops at its first error. @throws as `query` */
  async run(
    script: AsyncIterable<Uint8Array>,
    { signal, database }: CallOptions & { database?: string },
  ): Promise<void> {
    // By itself, the client takes comments away, also those in routines. In binary mode nothing in the script is a command to the client itself, such as one that reads a file or starts a program.
    const call = await this.#client(["--comments", "--binary-mode"], database);
    try {
      await this.tools.programs.text(call, { signal, input: script });
    } catch (error) {
      throw explainFailure(error, this.tools.source);
    }
  }

  #client(args: readonly string[], database: string | undefined): Promise<ProgramCall> {
    const usual = ["--batch", "--default-character-set=utf8mb4", `--connect-timeout=${CONNECT_S}`, MAX_PACKET];
    // What a statement holds, rows and hashes of passwords, has no place in a message. Older clients do not know it, nor do it.
    usual.push("--loose-skip-print-query-on-error");
    return this.call(ANY_CLIENT, [...usual, ...args, ...(database === undefined ? [] : [`--database=${database}`])]);
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function optionFile(settings: ConnectionSettings, password: Secret | undefined, product: Product): string {
  const { socket, host, port, user, tls } = settings;
  const lines: [string, string][] = [];
  if (socket !== undefined) lines.push(["socket", socket]);
  if (host !== undefined) lines.push(["host", host], ["port", String(port ?? 3306)], ["protocol", "tcp"]);
  if (user !== undefined) lines.push(["user", user]);
  if (password !== undefined) lines.push(["password", password.reveal()]);
  for (const [name, value] of tlsOptions(tls, product)) lines.push([name, value]);
  return `[client]\n${lines.map(([name, value]) => optionLine(name, value)).join("")}`;
}

/** A text as a program takes its input. */
export async function* textOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
