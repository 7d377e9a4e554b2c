/** The entry of a backup's worker threads. */
import { runWorker } from "../workers/run-worker.ts";
import { BackupWorker } from "./backup-worker.ts";
import type { BackupWorkerData, FromWorker, ToWorker } from "./messages.ts";

runWorker<ToWorker, FromWorker, BackupWorkerData>((port, data) => {
  new BackupWorker(port, data).run();
});
