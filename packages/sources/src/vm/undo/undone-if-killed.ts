/** Has another process undo a capture if this one is killed. */
import { fileURLToPath } from "node:url";
import { workerEntry } from "@holdfast/base";
import type { Programs } from "../../programs/programs.ts";
import type { Watchdog } from "../../programs/watchdog.ts";
import type { UndoTask } from "./undo-task.ts";

const ENTRY = workerEntry("./vm-undo.worker", import.meta.url);

export function undoneIfKilled(programs: Programs, task: UndoTask): Watchdog {
  return programs.watch([process.execPath, fileURLToPath(ENTRY), JSON.stringify(task)]);
}
