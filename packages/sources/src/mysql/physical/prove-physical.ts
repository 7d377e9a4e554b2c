/** Proves a physical capture: prepares the files in a private folder, starts a server on them, and looks at every table. */
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../../contract/source.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import { requireRoom } from "../../host/room.ts";
import { lookAt } from "../../proofs/look-at.ts";
import { planReplay } from "../journal/plan-replay.ts";
import { replayCheck } from "../journal/replay-check.ts";
import { checkTables } from "../dump/examine.ts";
import { askQueries } from "../server/ask-queries.ts";
import { toolFor } from "../server/flavour.ts";
import { takeInventory } from "../server/inventory.ts";
import { type PrivateServer, ServerFolder } from "../server/private-server.ts";
import type { Tools } from "../server/tools.ts";
import type { MysqlSettings } from "../settings.ts";
import { physicalTool } from "./capture-physical.ts";
import { type PhysicalDetail, FILES_FOLDER, readPhysicalDetail } from "./detail.ts";
import { layoutOf } from "./layout.ts";
import { unpackPhysical } from "./unpack.ts";

interface Parts {
  readonly tools: Tools;
  readonly settings: MysqlSettings;
  readonly surroundings: SourceSurroundings;
}

export async function provePhysical(captured: CapturedTree, parts: Parts, options: ProveOptions): Promise<ProofReport> {
  const beganMs = performance.now();
  const { tools, settings, surroundings } = parts;
  const { scratch, recovery, signal, onStep } = options;
  const { detail, version } = readPhysicalDetail(captured);
  await physicalTool({ tools }, version, { signal });
  await tools.versionFor(toolFor(version.product, "server"), version, { signal });
  const plan =
    recovery === undefined ? undefined : await planReplay(captured.facts, recovery, tools.source, { signal });
  const readyWithinMs = settings["start-limit"];
  await requireRoom(scratch, await sizeOf(captured, FILES_FOLDER, { signal }), tools.source);
  const folder = await ServerFolder.make({ tools, surroundings, scratch, readyWithinMs }, { signal });
  let server: PrivateServer | undefined;
  try {
    const started = await lookAt("a server starts on the prepared files", { signal }, async () => {
      const into = { tools, folder: folder.data, user: folder.user, onStep };
      await folder.attempt(() => unpackPhysical(captured, into, { signal }));
      onStep("starting a private server");
      const traits = { ...detail, product: version.product };
      const layout = await layoutOf(folder.data);
      server = await folder.start(traits, {
        signal,
        accounts: recovery === undefined ? "none" : "administrator",
        more: layout,
      });
      const [row] = await server.connection.query("SELECT VERSION()", { signal });
      return { passed: true, detail: row?.[0] ?? "" };
    });
    if (server === undefined) return { checks: [started], usableAfterMs: undefined };
    const checks = [started];
    if (plan !== undefined && recovery !== undefined) {
      checks.push(await replayCheck({ server, folder, product: version.product, recovery, plan }, options));
    }
    const usableAfterMs = checks.every(({ passed }) => passed) ? performance.now() - beganMs : undefined;
    return { checks: [...checks, ...(await examine(server, detail, settings, options))], usableAfterMs };
  } finally {
    await server?.end();
  }
}

/** Of all files in a folder of the capture and the folders in it. */
async function sizeOf(captured: CapturedTree, folder: string, options: CallOptions): Promise<number> {
  let total = 0;
  for (const { path, type, sizeBytes } of await captured.list(folder, options)) {
    total += type === "folder" ? await sizeOf(captured, path, options) : sizeBytes;
  }
  return total;
}

async function examine(
  { connection }: PrivateServer,
  detail: PhysicalDetail,
  settings: MysqlSettings,
  { signal, onStep }: ProveOptions,
): Promise<ProofCheck[]> {
  onStep("checking every table");
  const names = Object.keys(detail.tables);
  const inventory = names.length === 0 ? new Map() : await takeInventory(connection, names, { signal });
  return [
    await lookAt("tables of the capture", { signal }, async () => {
      const lost = Object.entries(detail.tables).flatMap(([database, tables]) =>
        tables
          .filter((table) => !inventory.get(database)?.tables.includes(table))
          .map((table) => `${database}.${table}`),
      );
      const count = Object.values(detail.tables).reduce((sum, { length }) => sum + length, 0);
      const said = lost.length === 0 ? `all ${count} are there` : `not there: ${lost.slice(0, 5).join(", ")}`;
      return { passed: lost.length === 0, detail: said };
    }),
    await checkTables(connection, inventory, { signal }),
    ...(await askQueries(connection, settings.queries, { signal, onStep })),
  ];
}
