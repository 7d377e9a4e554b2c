/** A thread that works on lanes of scrypt, two at a time, until none is left. */
import { runWorker } from "../../workers/run-worker.ts";
import { LanePair, laneBytes } from "./lanes.ts";

/** What all threads of one derivation share. */
export interface LanesTask {
  readonly N: number;
  readonly r: number;
  /** All lanes, one after the other. */
  readonly lanes: SharedArrayBuffer;
  /** One number: the pair of lanes that nobody has begun. */
  readonly next: SharedArrayBuffer;
}

export interface LanesDone {
  readonly kind: "done";
}

runWorker<never, LanesDone, LanesTask>((port, { N, r, lanes, next }) => {
  const pairBytes = 2 * laneBytes(r);
  const cursor = new Int32Array(next);
  const pair = new LanePair({ N, r });
  for (;;) {
    const at = Atomics.add(cursor, 0, 1) * pairBytes;
    if (at >= lanes.byteLength) break;
    pair.mix(new Uint8Array(lanes, at, Math.min(pairBytes, lanes.byteLength - at)));
  }
  pair.wipe();
  port.send({ kind: "done" });
});
