/** Proves a dump: loads it into a private server, and looks at it. */
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { ProofCheck, ProofReport, ProveOptions } from "../../contract/source.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import { lookAt } from "../../proofs/look-at.ts";
import { askQueries } from "../server/ask-queries.ts";
import type { Product } from "../server/flavour.ts";
import { type PrivateServer, ServerFolder } from "../server/private-server.ts";
import type { Tools } from "../server/tools.ts";
import type { MysqlSettings } from "../settings.ts";
import { type Contents, readContents } from "./contents.ts";
import { type DumpDetail, readDumpDetail } from "./detail.ts";
import { checkTables, compareContents, inventoryOf } from "./examine.ts";
import { loadDump } from "./load-dump.ts";

interface Parts {
  readonly tools: Tools;
  readonly settings: MysqlSettings;
  readonly surroundings: SourceSurroundings;
}

export async function proveDump(captured: CapturedTree, parts: Parts, options: ProveOptions): Promise<ProofReport> {
  const beganMs = performance.now();
  const { tools, settings, surroundings } = parts;
  const { scratch, signal, onStep } = options;
  const detail = readDumpDetail(captured);
  const contents = await readContents(captured, { signal });
  const product: Product = captured.facts.server?.product === "MySQL" ? "MySQL" : "MariaDB";
  const traits = { ...detail, product };
  const folder = await ServerFolder.make(
    { tools, surroundings, scratch, readyWithinMs: settings["start-limit"] },
    { signal },
  );
  onStep("making an empty private server");
  await folder.initialize(traits, { signal });
  const server = await folder.start(traits, { signal, withAccounts: true });
  try {
    if (detail.needsTimeZones) await folder.loadTimeZones(server, product, { signal });
    const loaded = await lookAt("the dump loads", { signal }, async () => {
      const accounts = await loadDump(server.connection, captured, {
        databases: detail.databases,
        onStep,
        signal,
        withAccounts: true,
      });
      const refused = accounts?.refused ?? [];
      return {
        passed: refused.length === 0,
        detail: refused.length === 0 ? `accounts: ${accounts?.made.length ?? 0}` : refused.slice(0, 3).join("; "),
      };
    });
    const usableAfterMs = loaded.passed ? performance.now() - beganMs : undefined;
    const checks = [loaded, ...(await examine(server, { contents, detail, settings }, options))];
    return { checks, usableAfterMs };
  } finally {
    await server.end();
  }
}

async function examine(
  { connection }: PrivateServer,
  { contents, detail, settings }: { contents: Contents; detail: DumpDetail; settings: MysqlSettings },
  { signal, onStep }: ProveOptions,
): Promise<ProofCheck[]> {
  onStep("checking every table");
  const inventory = await inventoryOf(connection, contents, { signal });
  const checks = [await checkTables(connection, inventory, { signal })];
  for (const database of contents.databases) {
    onStep(`counting the rows of ${database.name}`);
    checks.push(await compareContents(connection, database, inventory, { signal, withHistory: detail.withHistory }));
  }
  return [...checks, ...(await askQueries(connection, settings.queries, { signal, onStep }))];
}
