/** A process that is run when the one that captured containers, or proved them, was killed: starts and unpauses what that has stopped. */
import { text } from "node:stream/consumers";
import { EngineClient } from "../engine/engine-client.ts";
import { type UndoTask, undo } from "./undo-step.ts";

/** An engine that is being restarted comes back within that. */
const LIMIT_MS = 10 * 60_000;

const { socket, source, limitMs, steps } = JSON.parse(await text(process.stdin)) as UndoTask;
const signal = AbortSignal.timeout(LIMIT_MS);
const engine = await EngineClient.open({ socket, source, limitMs }, { signal });
// One that cannot be brought back must not keep the others as they are.
for (const step of steps) await undo(engine, step, { signal }).catch(() => {});
