/** Restores a dump into a server that runs. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions, RestoreOptions, RestoreReport } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { RestoredAccounts } from "../server/accounts.ts";
import type { Connection } from "../server/connection.ts";
import { capturedVersion, compareVersions, toolFor } from "../server/flavour.ts";
import { type DatabaseContent, type Inventory, isEmptyDatabase, takeInventory } from "../server/inventory.ts";
import { type ServerFacts, serverFacts } from "../server/server-facts.ts";
import { literal } from "../server/sql-text.ts";
import { type Contents, readContents } from "./contents.ts";
import { type DumpDetail, readDumpDetail } from "./detail.ts";
import { planReplay } from "../journal/plan-replay.ts";
import { replay } from "../journal/replay.ts";
import { loadDump } from "./load-dump.ts";
import { formerName, setAside, stampOf } from "./set-aside.ts";

const MAX_SHOWN = 5;
/** What max_allowed_packet can be: multiples of the one, at most the other. */
const PACKET_STEP = 1024;
const MAX_PACKET_BYTES = 1024 ** 3;

/**
 * @param databases which of the captured ones; all of them when it is `undefined`
 * @throws SOURCES_TARGET_NOT_EMPTY before anything was changed, SOURCES_SETTINGS, SOURCES_TOOL_FAILED, and as a capture
 */
export async function restoreDump(
  connection: Connection,
  captured: CapturedTree,
  options: RestoreOptions & { databases?: readonly string[] | undefined },
  temporary: string,
): Promise<RestoreReport> {
  const { databases: asked, overwrite = false, recovery, signal, onStep, onWarning } = options;
  const { source } = connection.tools;
  const detail = readDumpDetail(captured);
  const contents = await readContents(captured, { signal });
  const databases = chosen(detail.databases, asked, source);
  const server = await serverFacts(connection, { signal });
  for (const warning of differences(captured, detail, server)) onWarning({ code: "other-server", message: warning });
  const plan = recovery === undefined ? undefined : await planReplay(captured.facts, recovery, source, { signal });
  if (plan !== undefined) await requireReplayable(connection, { detail, asked, contents }, { signal });
  const there = await databasesThere(connection, databases, { signal });
  const full = [...there].filter(([, content]) => !isEmptyDatabase(content)).map(([name]) => name);
  if (full.length > 0 && !overwrite) {
    throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target: `the database ${full.join(", ")}` });
  }
  if (full.length > 0)
    await connection.tools.versionFor(toolFor(server.version.product, "dump"), server.version, { signal });
  await requireTaken(connection, contents, { signal });
  const remaining: string[] = [];
  let accounts: RestoredAccounts | undefined;
  try {
    const stamp = stampOf(new Date());
    for (const name of full) {
      const content = there.get(name) as DatabaseContent;
      const former = await formerName(connection, { name, stamp }, { signal });
      onStep(`setting aside what is in ${name}, as ${former}`);
      await setAside(connection, server.version, { name, content, former }, { signal });
      remaining.push(
        `What was in the database ${name} is now in ${former}, its events disabled: drop it when nobody needs it.`,
      );
    }
    accounts = await loadDump(connection, captured, { databases, onStep, signal, withAccounts: asked === undefined });
    if (plan !== undefined && recovery !== undefined) {
      const { product } = server.version;
      await replay(connection, recovery.journal, plan, { product, temporary, onStep, signal });
    }
  } catch (error) {
    if (signal.aborted) for (const message of remaining) onWarning({ code: "set-aside", message });
    signal.throwIfAborted();
    throw remaining.length === 0 ? error : withRemaining(error, remaining, source);
  }
  remaining.push(...(await unfinished(connection, databases, accounts, { signal })));
  const replayed = plan === undefined ? [] : [`the binary log up to ${plan.end}`];
  return { restored: [...linesOf(contents, databases, accounts), ...replayed], place: placeOf(server), remaining };
}

/** Whether what stands in the log can be done again there. @throws SOURCES_UNSUPPORTED, SOURCES_TARGET_IN_USE */
async function requireReplayable(
  connection: Connection,
  { detail, asked, contents }: { detail: DumpDetail; asked: readonly string[] | undefined; contents: Contents },
  options: CallOptions,
): Promise<void> {
  const { source } = connection.tools;
  if (!detail.isWhole || asked !== undefined) {
    const reason = "the binary log holds changes of all databases, so all of them must be captured and restored";
    throw sourcesError("SOURCES_UNSUPPORTED", { source, what: "replaying the journal", reason });
  }
  const hasEvents = contents.databases.some(({ events }) => events !== 0);
  const [row] = await connection.query("SELECT @@GLOBAL.event_scheduler", options);
  if (!hasEvents || row?.[0] !== "ON") return;
  throw sourcesError("SOURCES_TARGET_IN_USE", {
    target: "the server",
    by: "its event scheduler runs, and would change what is restored before it is brought to its time",
    how: "Run SET GLOBAL event_scheduler = OFF there, and ON again afterwards.",
  });
}

/**
 * Whether the server takes statements that are as long as the longest of the dump; it only hangs up on one that is longer.
 * @throws SOURCES_UNSUPPORTED
 */
async function requireTaken(
  connection: Connection,
  { largestStatementBytes = 0 }: Contents,
  options: CallOptions,
): Promise<void> {
  const [row] = await connection.query("SELECT @@GLOBAL.max_allowed_packet", options);
  const needed = Math.min(MAX_PACKET_BYTES, (Math.floor(largestStatementBytes / PACKET_STEP) + 2) * PACKET_STEP);
  if (Number(row?.[0]) >= needed) return;
  const reason = `the server takes statements of ${row?.[0]} bytes at most, and the dump has one of ${largestStatementBytes}; run SET GLOBAL max_allowed_packet = ${needed} there, and set it back afterwards`;
  throw sourcesError("SOURCES_UNSUPPORTED", { source: connection.tools.source, what: "loading the dump", reason });
}

function chosen(captured: readonly string[], asked: readonly string[] | undefined, source: string): readonly string[] {
  const absent = asked?.find((name) => !captured.includes(name));
  if (absent === undefined) return captured.filter((name) => asked?.includes(name) ?? true);
  const reason = `the snapshot has no database ${absent}, but ${captured.join(", ")}`;
  throw sourcesError("SOURCES_SETTINGS", { source, reason });
}

async function databasesThere(
  connection: Connection,
  databases: readonly string[],
  options: CallOptions,
): Promise<Inventory> {
  const rows = await connection.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA", options);
  const present = new Set(rows.map(([name]) => name));
  const among = databases.filter((name) => present.has(name));
  return among.length === 0 ? new Map() : takeInventory(connection, among, options);
}

function differences({ facts }: CapturedTree, { lowerCaseNames }: DumpDetail, server: ServerFacts): string[] {
  const from = capturedVersion(facts);
  const said: string[] = [];
  if (from.product !== server.version.product) {
    said.push(
      `the dump is of ${from.product} and the server is ${server.version.product}: what only one of them knows fails, or is another`,
    );
  } else if (compareVersions(server.version, from) < 0) {
    said.push(`the dump is of ${from.text}, and the server is older: ${server.version.text}`);
  }
  if (server.lowerCaseNames !== lowerCaseNames) {
    said.push(
      `lower_case_table_names is ${server.lowerCaseNames} here and was ${lowerCaseNames} there: names in queries may not be found`,
    );
  }
  return said;
}

/** Definers whose accounts are not there: what they have defined fails when it is used. */
async function unfinished(
  connection: Connection,
  databases: readonly string[],
  accounts: RestoredAccounts | undefined,
  options: CallOptions,
): Promise<string[]> {
  const among = `IN (${databases.map(literal).join(", ")})`;
  const definers = await connection.query(
    ["ROUTINES/ROUTINE_SCHEMA", "VIEWS/TABLE_SCHEMA", "TRIGGERS/TRIGGER_SCHEMA", "EVENTS/EVENT_SCHEMA"]
      .map((each) => each.split("/"))
      .map(([table, schema]) => `SELECT DEFINER FROM information_schema.${table} WHERE ${schema} ${among}`)
      .join(" UNION "),
    options,
  );
  const known = await connection.query("SELECT CONCAT(User, '@', Host) FROM mysql.user", options);
  const there = new Set(known.flat().map((name) => name.replace(/@$/, "")));
  const lost = definers.flat().filter((name) => !there.has(name) && !there.has(name.replace(/@%?$/, "")));
  const refused = accounts?.refused ?? [];
  const present = accounts?.present ?? [];
  return [
    ...(lost.length === 0
      ? []
      : [
          `There is no account ${shown(lost)}: views, routines, triggers and events that it has defined fail until it is made.`,
        ]),
    ...(present.length === 0 ? [] : [`Accounts that were there are as they were: ${shown(present)}.`]),
    ...refused.slice(0, MAX_SHOWN).map((each) => `The server refused: ${each}`),
    ...(refused.length > MAX_SHOWN ? [`It refused ${refused.length - MAX_SHOWN} more.`] : []),
  ];
}

function linesOf(contents: Contents, databases: readonly string[], accounts: RestoredAccounts | undefined): string[] {
  const lines = contents.databases
    .filter(({ name }) => databases.includes(name))
    .map(({ name, tables }) => {
      const counts = Object.values(tables);
      return `the database ${name}: tables: ${counts.length}, rows: ${counts.reduce((sum, rows) => sum + rows, 0)}`;
    });
  return accounts === undefined || accounts.made.length === 0 ? lines : [...lines, `accounts: ${accounts.made.length}`];
}

function placeOf({ version, account }: ServerFacts): string {
  return `the server (${version.product} ${version.text}, as ${account})`;
}

function shown(names: readonly string[]): string {
  const more = names.length > MAX_SHOWN ? ` and ${names.length - MAX_SHOWN} more` : "";
  return `${names.slice(0, MAX_SHOWN).join(", ")}${more}`;
}

/** What failed, with where the former content is. */
function withRemaining(error: unknown, remaining: readonly string[], source: string): Error {
  const reason = isHoldfastError(error) ? String(error.details["reason"] ?? error.message) : messageOf(error);
  return sourcesError(
    "SOURCES_TOOL_FAILED",
    { tool: "the restore", source, reason: `${reason}. ${remaining.join(" ")}` },
    error,
  );
}
