/** How containers are brought back to what they did before a capture; safe to do more than once. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { CONTAINER } from "../engine/answers.ts";
import type { EngineCall, EngineClient } from "../engine/engine-client.ts";
import { runInside } from "../engine/run-inside.ts";

const SETTLE_MS = 500;
/** As engines have it where nobody has said anything else. */
const STOP_SECONDS = 10;

export interface UndoStep {
  readonly container: string;
  readonly name: string;
  readonly undo: "start" | "unpause" | "command" | "remove";
  /** For `command`: a program and its arguments, run inside. */
  readonly words?: readonly string[];
  /** For `start`: how long a stop that is still under way waits before it kills. */
  readonly stopSeconds?: number;
}

export interface UndoTask {
  readonly socket: string;
  readonly source: string;
  readonly limitMs: number;
  /** Done in this order. */
  readonly steps: readonly UndoStep[];
}

/** @throws SOURCES_TOOL_FAILED, and as `EngineClient` */
export async function undo(
  engine: EngineClient,
  { container, name, ...step }: UndoStep,
  options: CallOptions,
): Promise<void> {
  const at = ["containers", container];
  if (step.undo === "command") {
    const { exitCode, said } = await runInside(engine, container, step.words ?? [], options);
    if (exitCode === 0) return;
    const reason = `holdfast.exec-after in container ${name}: exit code ${exitCode}: ${said}`;
    const tool = step.words?.[0] ?? "";
    throw sourcesError("SOURCES_TOOL_FAILED", { source: engine.parts.source, tool, reason });
  }
  if (step.undo === "remove") {
    await engine.run({ method: "DELETE", path: at, query: { force: "true", v: "true" }, good: [404] }, options);
    return;
  }
  if (step.undo === "start") {
    // A stop that was asked for may still be under way, and a start before its end would be lost: this one waits for it.
    await engine.run(stopCall(container, step.stopSeconds), options);
    await engine.run({ path: [...at, "start"], good: [304] }, options);
    return;
  }
  await unpause(engine, at, options);
  // A pause that was asked for may have come after that.
  await sleep(SETTLE_MS);
  await unpause(engine, at, options);
}

/** @param seconds how long it may take to end before the engine kills it */
export function stopCall(container: string, seconds = STOP_SECONDS): EngineCall {
  const query = { t: String(seconds) };
  return { path: ["containers", container, "stop"], query, moreMs: seconds * 1000, good: [304] };
}

async function unpause(engine: EngineClient, at: readonly string[], options: CallOptions): Promise<void> {
  const { State } = await engine.json(CONTAINER, { path: [...at, "json"] }, options);
  if (State.Paused || State.Status === "paused") await engine.run({ path: [...at, "unpause"] }, options);
}
