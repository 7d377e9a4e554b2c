/** Speaks to a server by its own client. The password goes by the environment. */
import { join } from "node:path";
import { type Secret, isHoldfastError } from "@holdfast/base";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import type { ProgramCall, Programs } from "../programs/programs.ts";
import type { RedisSettings } from "./settings.ts";

/** Where the server is, and who asks. */
export type RedisAddress = Pick<RedisSettings, "host" | "port" | "socket" | "user" | "tls">;

/** The name of one of the product's programs, or its path. */
export function redisTool({ product, tools }: Pick<RedisSettings, "product" | "tools">, what: string): string {
  const name = `${product}-${what}`;
  return tools === undefined ? name : join(tools, name);
}

export class RedisClient {
  readonly #programs: Programs;
  readonly #tool: string;
  readonly #args: readonly string[];
  readonly #password: Secret | undefined;

  constructor(programs: Programs, tool: string, address: RedisAddress, password: Secret | undefined) {
    this.#programs = programs;
    this.#tool = tool;
    this.#args = argsOf(address);
    this.#password = password;
  }

  /** What the client says its version is. @throws SOURCES_TOOL_MISSING */
  async version(options: CallOptions): Promise<string> {
    const said = await this.#programs.text({ ...this.#call([]), args: ["--version"] }, options);
    return /\d+\.\d+\.\d+/.exec(said)?.[0] ?? said.trim();
  }

  /** The answer to a command, a line each value. @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_TOOL_FAILED */
  async ask(
    words: readonly string[],
    { database = 0, ...options }: CallOptions & { database?: number },
  ): Promise<string> {
    const choice = database === 0 ? [] : ["-n", String(database)];
    try {
      return await this.#programs.text(this.#call([...choice, "--raw", "-e", ...words]), options);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Answers to several commands in a row, also where some are refused. @throws as `ask` */
  async askAll(commands: readonly string[], options: CallOptions): Promise<string> {
    async function* input(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`${commands.join("\n")}\n`);
    }
    try {
      return await this.#programs.text(this.#call(["--raw"]), { ...options, input: input() });
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Fields of the server's report. @throws as `ask` */
  async info(options: CallOptions): Promise<Readonly<Record<string, string>>> {
    const fields: Record<string, string> = {};
    for (const line of (await this.ask(["INFO", "everything"], options)).split(/\r?\n/)) {
      const colon = line.indexOf(":");
      if (colon > 0 && !line.startsWith("#")) fields[line.slice(0, colon)] = line.slice(colon + 1);
    }
    return fields;
  }

  /** The whole data as an RDB file, as a replica gets it; with the mark of its end, if there is one. @throws as `ask` */
  async *dump(options: CallOptions): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#programs.stream(this.#call(["--rdb", "-"]), options);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #call(args: readonly string[]): ProgramCall {
    const password = this.#password;
    return {
      tool: this.#tool,
      args: [...this.#args, ...args],
      how: `Install the package redis-tools (or valkey-tools), or name the folder with the setting tools.`,
      ...(password === undefined ? {} : { variables: { REDISCLI_AUTH: password.reveal() }, secrets: [password] }),
    };
  }

  #explained(error: unknown): unknown {
    if (!isHoldfastError(error, "SOURCES_TOOL_FAILED")) return error;
    const { source } = this.#programs.options;
    const reason = String(error.details["reason"]);
    if (/AUTH failed|NOAUTH|WRONGPASS|NOPERM/.test(reason)) {
      return sourcesError("SOURCES_CREDENTIALS", { source, reason }, error);
    }
    if (/Could not connect|Connection (refused|reset)|LOADING|Server closed the connection/.test(reason)) {
      return sourcesError("SOURCES_UNREACHABLE", { source, reason }, error);
    }
    return error;
  }
}

function argsOf({ host, port, socket, user, tls }: RedisAddress): string[] {
  const option = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [name, value]);
  return [
    ...(socket === undefined ? ["-h", host, "-p", String(port)] : ["-s", socket]),
    ...option("--user", user),
    ...(tls === undefined ? [] : ["--tls"]),
    ...option("--cacert", tls?.ca),
    ...option("--cert", tls?.certificate),
    ...option("--key", tls?.key),
    ...option("--sni", tls?.["server-name"]),
  ];
}

/** How many keys each database has, by its number. */
export function keysOf(info: Readonly<Record<string, string>>): Record<string, number> {
  const keys: Record<string, number> = {};
  for (const [name, value] of Object.entries(info)) {
    const count = /^keys=(\d+)/.exec(value)?.[1];
    if (/^db\d+$/.test(name) && count !== undefined) keys[name.slice(2)] = Number(count);
  }
  return keys;
}
