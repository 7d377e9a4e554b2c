/** Proves a dump: loads it into a private server, and looks at it. */
import { posix } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../../contract/source.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import { requireRoom } from "../../host/room.ts";
import { lookAt } from "../../proofs/look-at.ts";
import { planReplay } from "../journal/plan-replay.ts";
import { replayCheck } from "../journal/replay-check.ts";
import { askQueries } from "../server/ask-queries.ts";
import { capturedVersion, toolFor } from "../server/flavour.ts";
import { type PrivateServer, ServerFolder } from "../server/private-server.ts";
import type { Tools } from "../server/tools.ts";
import type { MysqlSettings } from "../settings.ts";
import { type Contents, readContents } from "./contents.ts";
import { type DumpDetail, readDumpDetail } from "./detail.ts";
import { checkTables, checkViews, compareContents, inventoryOf } from "./examine.ts";
import { databaseFile } from "./names.ts";
import { loadDump } from "./load-dump.ts";

interface Parts {
  readonly tools: Tools;
  readonly settings: MysqlSettings;
  readonly surroundings: SourceSurroundings;
}

export async function proveDump(captured: CapturedTree, parts: Parts, options: ProveOptions): Promise<ProofReport> {
  const beganMs = performance.now();
  const { tools, settings, surroundings } = parts;
  const { scratch, recovery, signal, onStep } = options;
  const detail = readDumpDetail(captured);
  const contents = await readContents(captured, { signal });
  const version = capturedVersion(captured.facts);
  const { product } = version;
  await tools.versionFor(toolFor(product, "server"), version, { signal });
  const plan =
    recovery === undefined ? undefined : await planReplay(captured.facts, recovery, tools.source, { signal });
  await requireRoom(scratch, await sizeOf(captured, contents, { signal }), tools.source);
  const readyWithinMs = settings["start-limit"];
  const folder = await ServerFolder.make({ tools, surroundings, scratch, readyWithinMs }, { signal });
  onStep("making an empty private server");
  const traits = { ...detail, product };
  await folder.initialize(traits, { signal });
  const server = await folder.start(traits, { signal, accounts: "own" });
  try {
    if (detail.needsTimeZones) await folder.loadTimeZones(server, product, { signal });
    const checks = [await loadCheck(captured, { folder, server, databases: detail.databases }, options)];
    const isLoaded = checks.every(({ passed }) => passed);
    if (isLoaded && plan !== undefined && recovery !== undefined) {
      // Rows are as they were dumped now only.
      checks.push(...(await compare(server, contents, detail, options)));
      checks.push(await replayCheck({ server, folder, product, recovery, plan }, options));
    }
    const usableAfterMs = checks.every(({ passed }) => passed) ? performance.now() - beganMs : undefined;
    onStep("checking every table");
    const inventory = await inventoryOf(server.connection, contents, { signal });
    checks.push(await checkTables(server.connection, inventory, { signal }));
    if (plan === undefined) {
      checks.push(await checkViews(server.connection, contents, { signal }));
      checks.push(...(await compare(server, contents, detail, options)));
    }
    checks.push(...(await askQueries(server.connection, settings.queries, { signal, onStep })));
    return { checks, usableAfterMs };
  } finally {
    await server.end();
  }
}

async function loadCheck(
  captured: CapturedTree,
  { folder, server, databases }: { folder: ServerFolder; server: PrivateServer; databases: readonly string[] },
  { signal, onStep }: ProveOptions,
): Promise<ProofCheck> {
  return lookAt("the dump loads", { signal }, async () => {
    const loading = { databases, onStep, signal, withAccounts: true };
    const accounts = await folder.attempt(() => loadDump(server.connection, captured, loading));
    const refused = accounts?.refused ?? [];
    return {
      passed: refused.length === 0,
      detail: refused.length === 0 ? `accounts: ${accounts?.made.length ?? 0}` : refused.slice(0, 3).join("; "),
    };
  });
}

/** The dump's tables: less room than that they never take. */
async function sizeOf(captured: CapturedTree, { databases }: Contents, options: CallOptions): Promise<number> {
  let total = 0;
  for (const { name } of databases) {
    const tables = databaseFile(name, "tables");
    const entries = await captured.list(posix.dirname(tables), options);
    total += entries.find(({ path }) => path === tables)?.sizeBytes ?? 0;
  }
  return total;
}

async function compare(
  { connection }: PrivateServer,
  contents: Contents,
  { withHistory }: DumpDetail,
  { signal, onStep }: ProveOptions,
): Promise<ProofCheck[]> {
  const inventory = await inventoryOf(connection, contents, { signal });
  const checks: ProofCheck[] = [];
  for (const database of contents.databases) {
    onStep(`counting the rows of ${database.name}`);
    checks.push(await compareContents(connection, database, inventory, { signal, withHistory }));
  }
  return checks;
}
