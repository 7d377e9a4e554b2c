/** A thread of the walk: one message, one slice, one answer. */
import { parentPort, workerData } from "node:worker_threads";
import type { WalkSettings, WalkTask } from "./messages.ts";
import { Slicer } from "./slice.ts";

/** Some hundredths of a second, so that threads that have nothing to do soon get something. */
const MOST_ENTRIES = 4000;

const slicer = new Slicer(workerData as WalkSettings);
parentPort?.on("message", (task: WalkTask) => parentPort?.postMessage(slicer.run(task, MOST_ENTRIES), []));
