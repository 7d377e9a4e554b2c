/** A worker thread of a transfer: moves blobs. */
import { runWorker } from "../workers/run-worker.ts";
import { BlobMover } from "./blob-mover.ts";
import type { FromTransferWorker, ToTransferWorker, TransferWorkerData } from "./messages.ts";

runWorker<ToTransferWorker, FromTransferWorker, TransferWorkerData>((port, data) => {
  const mover = new BlobMover(data, (pack) => {
    // The list of a pack's blobs may have megabytes: it is handed over, not copied.
    const { buffer } = pack.entries;
    port.send({ kind: "packed", pack }, buffer instanceof ArrayBuffer ? [buffer] : []);
  });
  for (;;) {
    const task = port.receive();
    if (task.kind === "stop") return;
    port.send(mover.move(task));
  }
});
