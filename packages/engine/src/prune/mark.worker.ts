/** A worker thread of a prune: marks what trees need. */
import { BlobIndex } from "../index/blob-index.ts";
import { runWorker } from "../workers/run-worker.ts";
import type { MarkResult, MarkTask, MarkWorkerData } from "./messages.ts";
import { SharedBitmap } from "./shared-bitmap.ts";
import { TreeMarker } from "./tree-marker.ts";

runWorker<MarkTask, MarkResult, MarkWorkerData>((port, { key, index, used }) => {
  const marker = new TreeMarker({ key, index: BlobIndex.attach(index), used: SharedBitmap.attach(used) });
  for (;;) port.send(marker.mark(port.receive()));
});
