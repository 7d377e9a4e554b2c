/** A process that is run when the one that captured containers, or proved them, was killed: starts and unpauses what that has stopped. */
import { readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { EngineClient } from "../engine/engine-client.ts";
import { type UndoTask, undo } from "./undo-step.ts";

/** An engine that is being restarted comes back within that. */
const LIMIT_MS = 10 * 60_000;

const file = process.argv[2] ?? "";
const { socket, source, limitMs, steps } = JSON.parse(await readFile(file, "utf8")) as UndoTask;
const signal = AbortSignal.timeout(LIMIT_MS);
const engine = await EngineClient.open({ socket, source, limitMs }, { signal });
// One that cannot be brought back must not keep the others as they are.
for (const step of steps) await undo(engine, step, { signal }).catch(() => {});
await rm(dirname(file), { recursive: true, force: true });
