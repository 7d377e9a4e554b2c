/**
 * A capture by the dump tool. The rows of all databases come from one run of it, so that they show one moment; routines, triggers and
 * events, which no transaction covers, from one run for each database; accounts from the server itself.
 */
import { join } from "node:path";
import type { GivenEntry } from "@holdfast/engine";
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { Capture, CaptureOptions } from "../../contract/source.ts";
import type { CaptureFacts } from "../../contract/facts.ts";
import { sourcesError } from "../../errors.ts";
import type { MysqlSettings } from "../settings.ts";
import { type Account, readAccounts, writeAccounts } from "../server/accounts.ts";
import type { Connection } from "../server/connection.ts";
import { explainFailure } from "../server/explain-failure.ts";
import { type ToolNames, type Version, toolFor } from "../server/flavour.ts";
import { type DatabaseContent, type Inventory, meantDatabases, takeInventory } from "../server/inventory.ts";
import { type NeededRight, requireRights } from "../server/rights.ts";
import { type ServerFacts, serverFacts, serverTime } from "../server/server-facts.ts";
import { type DatabaseContents, encodeContents } from "./contents.ts";
import { dumpDetail } from "./detail.ts";
import { failing } from "./examine.ts";
import { canDumpHistory, codeDumpArguments, mainDumpArguments } from "./dump-options.ts";
import { dumpPieces } from "./dump-pieces.ts";
import { DumpScanner } from "./dump-scanner.ts";
import { ACCOUNTS_FILE, CONTENTS_FILE, databaseFile } from "./names.ts";
import { wholeDump } from "./whole-dump.ts";

/** For the owner of a restored copy only. */
const MODE = 0o600;

interface Parts {
  readonly connection: Connection;
  readonly settings: MysqlSettings;
  /** Where the capture lies in the snapshot. */
  readonly at: string;
}

/** What is known before the dump begins. */
interface Prepared extends Parts {
  readonly server: ServerFacts;
  readonly tool: Version;
  readonly inventory: Inventory;
  readonly withHistory: boolean;
}

/** Takes the connection over, and closes it. */
export async function captureDump(parts: Parts, options: CaptureOptions): Promise<Capture> {
  const prepared = await prepare(parts, options);
  const run = new DumpCapture(prepared, options);
  return {
    paths: [parts.at],
    entries: run.entries(),
    facts: () => run.facts(),
    close: () => parts.connection.close(),
  };
}

async function prepare(parts: Parts, options: CaptureOptions): Promise<Prepared> {
  const { connection, settings } = parts;
  const server = await serverFacts(connection, options);
  const tool = await connection.tools.versionFor(toolFor(server.version.product, "dump"), server.version, options);
  // Before databases are listed: what the account may not see would not be missed.
  await requireRights(connection, neededRights(server, settings, settings.databases), options);
  const databases = await meantDatabases(connection, settings, options);
  const inventory = await takeInventory(connection, databases, options);
  await requireRights(connection, rightsForViews(inventory), options);
  const hasVersioned = [...inventory.values()].some(({ versioned }) => versioned.length > 0);
  warnOf(inventory, settings, hasVersioned && !canDumpHistory(tool), options);
  return { ...parts, server, tool, inventory, withHistory: hasVersioned && canDumpHistory(tool) };
}

function neededRights(
  { version, hasBinaryLog }: ServerFacts,
  { users, "lock-tables": lockTables }: MysqlSettings,
  databases: readonly string[] | undefined,
): NeededRight[] {
  const isMySql = version.product === "MySQL";
  const everywhere = (right: string): NeededRight => ({ right, database: undefined });
  const places = databases ?? [undefined];
  return [
    ...["SELECT", "SHOW VIEW", "TRIGGER", "EVENT"].flatMap((right) => places.map((database) => ({ right, database }))),
    ...(hasBinaryLog ? [everywhere(isMySql ? "REPLICATION CLIENT" : "BINLOG MONITOR")] : []),
    ...(lockTables === true || (isMySql && hasBinaryLog) ? [everywhere("RELOAD")] : []),
    // Routines of others, and accounts.
    ...(isMySql ? [everywhere("SELECT")] : [{ right: "SELECT", database: "mysql" }]).filter(
      () => users || databases !== undefined,
    ),
  ];
}

/** A view is only described to whom may run the functions in it. */
function rightsForViews(inventory: Inventory): NeededRight[] {
  const contents = [...inventory];
  if (contents.every(([, { views }]) => views.length === 0)) return [];
  return contents.filter(([, { routines }]) => routines > 0).map(([database]) => ({ right: "EXECUTE", database }));
}

function warnOf(
  inventory: Inventory,
  settings: MysqlSettings,
  losesHistory: boolean,
  { onWarning }: CaptureOptions,
): void {
  const loose = [...inventory].flatMap(([name, content]) =>
    content.notTransactional.map((table) => `${name}.${table}`),
  );
  if (loose.length > 0 && settings["lock-tables"] === undefined) {
    const shown = `${loose.slice(0, 5).join(", ")}${loose.length > 5 ? ` and ${loose.length - 5} more` : ""}`;
    const message = `tables without transactions may show another moment than the others: ${shown}. Convert them to InnoDB, or set lock-tables to true, or to false to accept that`;
    onWarning({ code: "not-transactional", message });
  }
  if (!losesHistory) return;
  const message = "the former rows of system-versioned tables are not stored: this mariadb-dump cannot dump them";
  onWarning({ code: "no-history", message });
}

class DumpCapture {
  readonly #prepared: Prepared;
  readonly #options: CaptureOptions;
  readonly #source: string;
  #scanner: DumpScanner;
  #accounts: readonly Account[] = [];
  #consistentAt = new Date().toISOString();

  constructor(prepared: Prepared, options: CaptureOptions) {
    this.#prepared = prepared;
    this.#options = options;
    this.#source = prepared.connection.tools.source;
    this.#scanner = new DumpScanner([...prepared.inventory.keys()]);
  }

  async *entries(): AsyncGenerator<GivenEntry> {
    const { inventory, settings, server } = this.#prepared;
    yield* this.#rowsAndViews();
    for (const [database, { routines, triggers, events }] of inventory) {
      if (routines + triggers > 0)
        yield this.#file(databaseFile(database, "routines"), this.#code("routines", database));
      if (events > 0) yield this.#file(databaseFile(database, "events"), this.#code("events", database));
    }
    if (settings.users) {
      this.#accounts = await readAccounts(this.#prepared.connection, server.version.product, this.#options);
      const { text, left } = writeAccounts(this.#accounts);
      for (const name of left) {
        const message = `the account ${name} is not stored, as something in it has a line break`;
        this.#options.onWarning({ code: "account-not-stored", message });
      }
      yield this.#file(ACCOUNTS_FILE, oneChunk(Buffer.from(text)));
    }
    const databases = await this.#contents();
    const accounts = this.#accounts.map(({ name }) => name);
    const { largestStatementBytes } = this.#scanner;
    yield this.#file(CONTENTS_FILE, oneChunk(encodeContents({ databases, accounts, largestStatementBytes })));
  }

  facts(): CaptureFacts {
    const { server, tool } = this.#prepared;
    const { file, position, gtid } = this.#scanner.position;
    return {
      consistentAt: this.#consistentAt,
      consistency: "application",
      tools: { dump: `${tool.product} ${tool.text}` },
      server: { product: server.version.product, version: server.version.text },
      position: {
        ...(file === undefined ? {} : { file }),
        ...(position === undefined ? {} : { position }),
        ...(gtid === undefined ? {} : { gtid }),
        ...(server.hasBinaryLog ? { server: String(server.serverId) } : {}),
      },
      detail: dumpDetail(this.#prepared),
    };
  }

  async *#rowsAndViews(): AsyncGenerator<GivenEntry> {
    const { connection, server, inventory, settings, withHistory } = this.#prepared;
    const args = mainDumpArguments({
      server: server.version,
      isLocked: settings["lock-tables"] === true,
      hasBinaryLog: server.hasBinaryLog,
      withHistory,
      databases: [...inventory.keys()],
    });
    const tool = toolFor(server.version.product, "dump");
    const call = await connection.call(tool, args);
    const scanner = this.#scanner;
    try {
      let isFirst = true;
      for await (const { database, phase, content } of dumpPieces(
        connection.tools.programs.stream(call, this.#options),
        scanner,
      )) {
        // The snapshot was there before the first row: whoever replays a log from here on misses nothing.
        if (isFirst) this.#consistentAt = await serverTime(connection, this.#options);
        isFirst = false;
        if (phase === "views" && inventory.get(database)?.views.length === 0) continue;
        yield this.#file(databaseFile(database, phase), this.#explained(call.tool, withPreamble(scanner, content)));
      }
    } catch (error) {
      throw this.#explain(call.tool, error);
    }
  }

  async *#code(what: "routines" | "events", database: string): AsyncGenerator<Uint8Array> {
    const { connection, server } = this.#prepared;
    const tool: ToolNames = toolFor(server.version.product, "dump");
    const call = await connection.call(tool, codeDumpArguments(server.version, what, database));
    const dump = connection.tools.programs.stream(call, this.#options);
    yield* this.#explained(call.tool, wholeDump(dump, { tool: call.tool, source: this.#source }));
  }

  /** Compares what came with what is there, as a dump tool leaves out what it may not see. */
  async #contents(): Promise<DatabaseContents[]> {
    const { connection, inventory } = this.#prepared;
    const after = await takeInventory(connection, [...inventory.keys()], this.#options);
    const views = [...inventory].flatMap(([database, { views: names }]) => names.map((name) => ({ database, name })));
    const broken = await failing(connection, views, "", this.#options);
    return [...inventory].map(([name, before]) => {
      const now = after.get(name) as DatabaseContent;
      const tables = this.#scanner.rows.get(name) ?? new Map<string, number>();
      const stayed = new Set(now.tables);
      const lost = before.tables.find((table) => stayed.has(table) && !tables.has(table));
      if (lost !== undefined) {
        const reason = `the dump does not hold the table ${name}.${lost}`;
        throw sourcesError("SOURCES_TOOL_FAILED", { tool: "the dump tool", source: this.#source, reason });
      }
      const same = (field: "routines" | "triggers" | "events"): { [key in typeof field]?: number } =>
        before[field] === now[field] ? { [field]: now[field] } : {};
      return {
        name,
        tables: Object.fromEntries(tables),
        sequences: before.sequences.filter((sequence) => now.sequences.includes(sequence)),
        views: [...before.views],
        brokenViews: broken.filter(({ database }) => database === name).map((view) => view.name),
        ...same("routines"),
        ...same("triggers"),
        ...same("events"),
      };
    });
  }

  #file(path: string, content: AsyncIterable<Uint8Array>): GivenEntry {
    return { kind: "file", path: join(this.#prepared.at, path), content, mode: MODE };
  }

  async *#explained(tool: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* content;
    } catch (error) {
      throw this.#explain(tool, error);
    }
  }

  #explain(tool: string, error: unknown): unknown {
    this.#options.signal.throwIfAborted();
    const explained = explainFailure(error, this.#source, "dump");
    if (isHoldfastError(explained)) return explained;
    return sourcesError("SOURCES_TOOL_FAILED", { tool, source: this.#source, reason: messageOf(error) }, error);
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Each file sets its session itself, so that it can be loaded alone. */
async function* withPreamble(scanner: DumpScanner, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield scanner.preamble;
  yield* content;
}
