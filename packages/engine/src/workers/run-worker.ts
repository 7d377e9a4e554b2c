/** Runs a worker's loop and turns what it throws into one last message. */
import { HoldfastError, isHoldfastError, messageOf } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { SyncPort } from "./sync-port.ts";
import type { WorkerFailure } from "./worker-thread.ts";

/** `loop` never returns in normal work: the main thread ends the worker. */
export function runWorker<In, Out, D>(loop: (port: SyncPort<In, Out | WorkerFailure>, data: D) => void): void {
  const port = SyncPort.ofThisThread<In, Out | WorkerFailure>();
  try {
    // `WorkerThread` sends it first, and messages come in order.
    const data = port.receive() as unknown as D;
    loop(port, data);
  } catch (error) {
    const known: HoldfastError = isHoldfastError(error)
      ? error
      : engineError("ENGINE_WORKER_FAILED", { reason: messageOf(error), stack: (error as Error).stack }, error);
    port.send({ kind: "failed", error: known.toJSON() });
  }
}
