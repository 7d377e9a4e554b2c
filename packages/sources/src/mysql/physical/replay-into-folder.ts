/** Brings a prepared data folder to a point in time: a private server on it replays the binary log, and ends in order. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CallOptions, Recovery } from "../../contract/source.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import type { ReplayPlan } from "../journal/plan-replay.ts";
import { replay } from "../journal/replay.ts";
import type { Version } from "../server/flavour.ts";
import { ServerFolder } from "../server/private-server.ts";
import type { Tools } from "../server/tools.ts";
import type { MysqlSettings } from "../settings.ts";
import type { PhysicalDetail } from "./detail.ts";
import { layoutOf } from "./layout.ts";

interface Parts {
  readonly tools: Tools;
  readonly settings: MysqlSettings;
  readonly surroundings: SourceSurroundings;
  readonly data: string;
  readonly detail: PhysicalDetail;
  readonly version: Version;
  readonly recovery: Recovery;
  readonly plan: ReplayPlan;
  readonly onStep: (step: string) => void;
}

/** @throws SOURCES_TOOL_FAILED with what the server said; then part of it is replayed */
export async function replayIntoFolder(parts: Parts, { signal }: CallOptions): Promise<void> {
  const { tools, settings, surroundings, data, detail, version, recovery, plan, onStep } = parts;
  const scratch = await mkdtemp(join(surroundings.temporary, "replay-"));
  try {
    const readyWithinMs = settings["start-limit"];
    const folder = await ServerFolder.make({ tools, surroundings, scratch, data, readyWithinMs }, { signal });
    onStep("starting a private server");
    const traits = { ...detail, product: version.product };
    const server = await folder.start(traits, { signal, accounts: "administrator", more: await layoutOf(data) });
    try {
      const { product } = version;
      await replay(server.connection, recovery.journal, plan, { product, temporary: scratch, onStep, signal });
      onStep("ending the private server");
      await server.shutDown({ signal });
    } finally {
      await server.end();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
