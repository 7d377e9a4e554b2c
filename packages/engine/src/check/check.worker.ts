/** A worker thread of a check: verifies packs. */
import { Sealer } from "../crypto/sealing.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import { Decompressor } from "../platform/zstd.ts";
import { runWorker } from "../workers/run-worker.ts";
import type { CheckWorkerData, PackResult, PackTask } from "./messages.ts";
import { UsualEdges } from "./usual-edges.ts";
import { verifyPack, type Verifier } from "./verify-pack.ts";

runWorker<PackTask, PackResult, CheckWorkerData>((port, data) => {
  const index = BlobIndex.attach(data.index);
  const verifier: Verifier = {
    sealer: new Sealer(data.key),
    index,
    decompressor: new Decompressor(),
    usualEdges: new UsualEdges(index),
    maxBlobBytes: data.maxBlobBytes,
  };
  for (;;) {
    const { id, bytes, entries } = port.receive();
    port.send(verifyPack(verifier, id, bytes, entries));
    releaseBytes(bytes);
  }
});
