/** A capture by mariadb-backup: the server's files while it runs, streamed, with the log that makes them one moment. */
import { access, chmod, chown, constants, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { GivenEntry } from "@holdfast/engine";
import type { CaptureFacts } from "../../contract/facts.ts";
import type { Capture, CaptureOptions } from "../../contract/source.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import { sourcesError } from "../../errors.ts";
import { systemCode } from "@holdfast/base";
import type { Connection } from "../server/connection.ts";
import { explainFailure } from "../server/explain-failure.ts";
import { MARIADB_BACKUP, type Version, compareVersions } from "../server/flavour.ts";
import { type Inventory, OWN_DATABASES, takeInventory } from "../server/inventory.ts";
import { requireRights } from "../server/rights.ts";
import { type ServerFacts, serverFacts, serverTime } from "../server/server-facts.ts";
import { FILES_FOLDER, type PhysicalDetail } from "./detail.ts";
import { type StreamedFile, streamedFiles } from "./streamed-files.ts";

const RIGHTS = ["RELOAD", "PROCESS", "LOCK TABLES", "BINLOG MONITOR"];
/** What mariadb-backup writes last: without it, it was cut off. Renamed in version 11. */
const LAST_FILES = ["xtrabackup_info", "mariadb_backup_info"];

interface Parts {
  readonly connection: Connection;
  readonly surroundings: SourceSurroundings;
  readonly at: string;
}

/** Takes the connection over, and closes it. */
export async function capturePhysical(
  { connection, surroundings, at }: Parts,
  options: CaptureOptions,
): Promise<Capture> {
  const { tools } = connection;
  const server = await serverFacts(connection, options);
  const tool = await physicalTool(connection, server.version, options);
  await requireRights(
    connection,
    RIGHTS.map((right) => ({ right, database: undefined })),
    options,
  );
  await requireLocal(server, tools.source);
  const before = await wholeInventory(connection, options);
  const notes = join(surroundings.temporary, "mariadb-backup");
  const held = join(surroundings.temporary, "mariadb-backup-held");
  const run = new PhysicalCapture({ connection, server, tool, before, notes, held, at }, options);
  const close = async (): Promise<void> => {
    await connection.close();
    for (const folder of [notes, held]) await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const folder of [notes, held]) await mkdir(folder, { mode: 0o700 });
    const user = await tools.runAs(options);
    if (user !== undefined) {
      await chmod(surroundings.temporary, 0o711);
      await chown(notes, user.uid, user.gid);
    }
    return { paths: [at], entries: run.entries(), facts: () => run.facts(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws SOURCES_UNSUPPORTED unless it is of the server's own version, as it reads the server's files */
export async function physicalTool(
  { tools }: Pick<Connection, "tools">,
  server: Version,
  options: CaptureOptions | { signal: AbortSignal },
): Promise<Version> {
  const unsupported = (reason: string): Error =>
    sourcesError("SOURCES_UNSUPPORTED", { source: tools.source, what: "the method physical", reason });
  if (server.product !== "MariaDB") throw unsupported(`it is for MariaDB, and the server is ${server.product}`);
  const tool = await tools.versionFor(MARIADB_BACKUP, server, options);
  if (compareVersions(tool, server) === 0) return tool;
  throw unsupported(
    `mariadb-backup ${tool.text} reads files of its own version only, and the server has ${server.text}`,
  );
}

async function requireLocal({ dataFolder }: ServerFacts, source: string): Promise<void> {
  try {
    await access(dataFolder, constants.R_OK | constants.X_OK);
  } catch (error) {
    const reason =
      systemCode(error) === "ENOENT"
        ? `its data folder ${dataFolder} is not on this machine`
        : `its data folder ${dataFolder} cannot be read (${messageOf(error)}): run as root or as the server's user`;
    throw sourcesError("SOURCES_UNSUPPORTED", { source, what: "the method physical", reason });
  }
}

/** Of all databases but the server's own. */
async function wholeInventory(connection: Connection, options: { signal: AbortSignal }): Promise<Inventory> {
  const rows = await connection.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA", options);
  const names = rows.map(([name]) => name as string).filter((name) => !OWN_DATABASES.includes(name.toLowerCase()));
  return names.length === 0 ? new Map() : takeInventory(connection, names.toSorted(), options);
}

interface Run {
  readonly connection: Connection;
  readonly server: ServerFacts;
  readonly tool: Version;
  readonly before: Inventory;
  /** A folder for what mariadb-backup says of its run. */
  readonly notes: string;
  /** A folder for what of its log has to wait. */
  readonly held: string;
  readonly at: string;
}

class PhysicalCapture {
  readonly #run: Run;
  readonly #options: CaptureOptions;
  #files = 0;
  #position: Readonly<Record<string, string>> = {};
  #tables: PhysicalDetail["tables"] = {};
  #consistentAt = new Date().toISOString();

  constructor(run: Run, options: CaptureOptions) {
    this.#run = run;
    this.#options = options;
  }

  async *entries(): AsyncGenerator<GivenEntry> {
    const { connection, at, before } = this.#run;
    for await (const { path, content } of this.#stream()) {
      yield { kind: "file", path: join(at, FILES_FOLDER, path), content: this.#explained(content), mode: 0o600 };
    }
    // It shows the moment at which it ended.
    this.#consistentAt = await serverTime(connection, this.#options);
    const after = await wholeInventory(connection, this.#options);
    this.#tables = Object.fromEntries(
      [...after]
        .filter(([name]) => before.has(name))
        .map(([name, { tables }]) => [name, tables.filter((table) => before.get(name)?.tables.includes(table))]),
    );
    const { server, notes } = this.#run;
    const position = await readPosition(notes);
    this.#position = { ...position, ...(server.hasBinaryLog ? { server: String(server.serverId) } : {}) };
  }

  facts(): CaptureFacts {
    const { server, tool } = this.#run;
    const { lowerCaseNames, pageSizeBytes, sqlMode, characterSet, collation } = server;
    const detail: PhysicalDetail = {
      method: "physical",
      lowerCaseNames,
      pageSizeBytes,
      sqlMode,
      characterSet,
      collation,
      tables: this.#tables,
      files: this.#files,
    };
    return {
      consistentAt: this.#consistentAt,
      consistency: "application",
      tools: { "mariadb-backup": tool.text },
      server: { product: server.version.product, version: server.version.text },
      position: this.#position,
      detail,
    };
  }

  async *#stream(): AsyncGenerator<StreamedFile> {
    const { connection, server, notes } = this.#run;
    const call = await connection.call(MARIADB_BACKUP, [
      "--backup",
      "--stream=xbstream",
      `--datadir=${server.dataFolder}`,
      `--extra-lsndir=${notes}`,
    ]);
    let hasLast = false;
    const stream = connection.tools.programs.stream(call, this.#options);
    for await (const file of this.#explained(streamedFiles(stream, this.#run.held))) {
      this.#files++;
      hasLast ||= LAST_FILES.includes(file.path);
      yield file;
    }
    if (!hasLast) throw this.#explain(new Error("the stream lacks its last file"));
  }

  async *#explained<T>(content: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* content;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): unknown {
    this.#options.signal.throwIfAborted();
    const { source } = this.#run.connection.tools;
    if (isHoldfastError(error)) return explainFailure(error, source);
    return sourcesError("SOURCES_TOOL_FAILED", { tool: "mariadb-backup", source, reason: messageOf(error) }, error);
  }
}

/** Where the binary log was, as mariadb-backup has noted. */
async function readPosition(notes: string): Promise<Readonly<Record<string, string>>> {
  for (const file of LAST_FILES) {
    const text = await readFile(join(notes, file), "utf8").catch(() => "");
    const [, log, position, gtid] =
      /^binlog_pos = filename '([^']*)', position '(\d+)'(?:, GTID of the last change '([^']*)')?/m.exec(text) ?? [];
    if (log !== undefined && position !== undefined) {
      return { file: log, position, ...(gtid === undefined ? {} : { gtid }) };
    }
  }
  return {};
}
