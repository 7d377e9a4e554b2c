/** Replays binary logs into a server, in one session, as temporary tables live across files. */
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { JournalReader } from "../../contract/journal.ts";
import type { CallOptions } from "../../contract/source.ts";
import type { Connection } from "../server/connection.ts";
import { type Product, toolFor } from "../server/flavour.ts";
import type { ReplayPlan } from "./plan-replay.ts";

interface Replaying extends CallOptions {
  readonly product: Product;
  /** A folder for one file at a time. */
  readonly temporary: string;
  readonly onStep: (step: string) => void;
}

/** @throws SOURCES_TOOL_FAILED with what the server said; then part of it is replayed */
export async function replay(
  connection: Connection,
  journal: JournalReader,
  plan: ReplayPlan,
  { product, temporary, onStep, signal }: Replaying,
): Promise<void> {
  const folder = await mkdtemp(join(temporary, "binlog-"));
  try {
    await connection.run(script(), { signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }

  async function* script(): AsyncGenerator<Uint8Array> {
    const { programs } = connection.tools;
    const tool = await connection.tools.path(toolFor(product, "binlog"));
    for (const [at, name] of plan.files.entries()) {
      onStep(`replaying ${name}`);
      const path = join(folder, name);
      await pipeline(journal.read(plan.stream, name, { signal }), createWriteStream(path, { mode: 0o600 }), { signal });
      const isLast = at === plan.files.length - 1;
      const args = [
        "--no-defaults",
        "--verify-binlog-checksum",
        ...(at === 0 ? [`--start-position=${plan.startPosition}`] : []),
        ...(isLast && plan.stopPosition !== undefined ? [`--stop-position=${plan.stopPosition}`] : []),
        path,
      ];
      yield* programs.stream({ tool, args, folder: "/" }, { signal });
      await rm(path);
    }
  }
}
