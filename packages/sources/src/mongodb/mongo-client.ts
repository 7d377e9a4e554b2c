/**
 * Speaks to a server by MongoDB's own programs. What is secret goes into files for their owner only: mongodump and mongorestore take
 * a configuration with an address in it, mongosh a script that connects by itself.
 */
import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Secret, isHoldfastError } from "@holdfast/base";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import type { ProgramCall, Programs } from "../programs/programs.ts";
import type { MongodbSettings, ServerSettings } from "./settings.ts";

const HOW = "Install MongoDB's database tools and mongosh, or name their folder with the setting tools.";
/** Stands before an answer, as mongosh may print warnings before it. */
const ANSWER = "holdfast-answer:";

export interface MongoAddress {
  /** With account and password, where there are such; nobody else may see it. */
  readonly uri: string;
  readonly secrets: readonly Secret[];
}

/** The address of the configured server. */
export function addressOf(settings: ServerSettings, password: Secret | undefined): MongoAddress {
  const { host, port, user, tls, "auth-database": authDatabase } = settings;
  const account =
    user === undefined
      ? ""
      : `${encodeURIComponent(user)}${password === undefined ? "" : `:${encodeURIComponent(password.reveal())}`}@`;
  const options = new URLSearchParams({ directConnection: "true" });
  if (user !== undefined) options.set("authSource", authDatabase);
  if (tls !== undefined) options.set("tls", "true");
  if (tls?.ca !== undefined) options.set("tlsCAFile", tls.ca);
  if (tls?.["certificate-and-key"] !== undefined) options.set("tlsCertificateKeyFile", tls["certificate-and-key"]);
  return {
    uri: `mongodb://${account}${host}:${port}/?${options.toString()}`,
    // A program that does not understand the address may say it.
    secrets: password === undefined ? [] : [password, new Secret(encodeURIComponent(password.reveal()))],
  };
}

/** The address of a server on a socket. */
export function socketAddress(socket: string): MongoAddress {
  return { uri: `mongodb://${encodeURIComponent(socket)}/?directConnection=true`, secrets: [] };
}

export class MongoClient {
  readonly #programs: Programs;
  readonly #tools: string | undefined;
  readonly #address: MongoAddress;
  readonly #temporary: string;

  /** @param temporary a folder for its owner only */
  constructor(programs: Programs, { tools }: Pick<MongodbSettings, "tools">, address: MongoAddress, temporary: string) {
    this.#programs = programs;
    this.#tools = tools;
    this.#address = address;
    this.#temporary = temporary;
  }

  /** What a program says its version is. @throws SOURCES_TOOL_MISSING */
  async version(tool: string, options: CallOptions): Promise<string> {
    const said = await this.#programs.text({ tool: this.#path(tool), args: ["--version"], how: HOW }, options);
    return /\d+\.\d+\.\d+/.exec(said)?.[0] ?? said.trim();
  }

  /** The value of an expression of mongosh. @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_TOOL_FAILED */
  async ask(database: string, expression: string, options: CallOptions): Promise<unknown> {
    const script = [
      `const connection = connect(${JSON.stringify(this.#address.uri)});`,
      `const db = connection.getSiblingDB(${JSON.stringify(database)});`,
      `const value = (${expression});`,
      `print(${JSON.stringify(ANSWER)} + EJSON.stringify(value === undefined ? null : value));`,
    ].join("\n");
    const said = await this.#with("js", script, (file) =>
      this.#programs.text(this.#call("mongosh", ["--nodb", "--norc", "--quiet", file]), options),
    );
    const line = said.split("\n").findLast((each) => each.startsWith(ANSWER));
    try {
      if (line !== undefined) return JSON.parse(line.slice(ANSWER.length)) as unknown;
    } catch {
      // Said below.
    }
    const source = this.#programs.options.source;
    throw sourcesError("SOURCES_TOOL_FAILED", { tool: "mongosh", source, reason: "it gave no answer" });
  }

  /** What a program of the database tools prints. @throws as `ask` */
  async *run(
    tool: "mongodump" | "mongorestore",
    args: readonly string[],
    options: CallOptions & { input?: AsyncIterable<Uint8Array> },
  ): AsyncGenerator<Uint8Array> {
    const file = await this.#write("yaml", `uri: ${JSON.stringify(this.#address.uri)}\n`);
    try {
      yield* this.#programs.stream(this.#call(tool, [`--config=${file}`, ...args]), options);
    } catch (error) {
      throw this.#explained(error);
    } finally {
      await rm(file, { force: true });
    }
  }

  async #with<T>(ending: string, text: string, work: (file: string) => Promise<T>): Promise<T> {
    const file = await this.#write(ending, text);
    try {
      return await work(file);
    } catch (error) {
      throw this.#explained(error);
    } finally {
      await rm(file, { force: true });
    }
  }

  async #write(ending: string, text: string): Promise<string> {
    const file = join(this.#temporary, `mongo-${randomUUID()}.${ending}`);
    await writeFile(file, text, { mode: 0o600, flag: "wx" });
    return file;
  }

  #call(tool: string, args: readonly string[]): ProgramCall {
    return { tool: this.#path(tool), args, how: HOW, secrets: this.#address.secrets };
  }

  #path(tool: string): string {
    return this.#tools === undefined ? tool : join(this.#tools, tool);
  }

  /** What its programs say, as the error that it is. */
  #explained(error: unknown): unknown {
    if (!isHoldfastError(error, "SOURCES_TOOL_FAILED")) return error;
    const { source } = this.#programs.options;
    const reason = error.message;
    if (/auth(entication)? (failed|error)|not authorized|requires authentication/i.test(reason)) {
      return sourcesError("SOURCES_CREDENTIALS", { source, reason }, error);
    }
    if (/server selection|ECONNREFUSED|connection refused|no reachable servers|ENOTFOUND/i.test(reason)) {
      return sourcesError("SOURCES_UNREACHABLE", { source, reason }, error);
    }
    return error;
  }
}
