/**
 * Threads, started when they are needed or ahead of it: loading its modules keeps a thread busy for a tenth of a second, in
 * which the main thread has a key to derive and an index to read.
 */
import { Worker } from "node:worker_threads";
import type { SyncWorkerData } from "./sync-port.ts";

interface Thread {
  readonly worker: Worker;
  /** Counted up, and woken, with each message. */
  readonly wake: Int32Array<SharedArrayBuffer>;
}

/** Threads that wait for their first message, by entry. */
const waiting = new Map<string, Set<Thread>>();

/**
 * Has this many threads of an entry started. Those that nobody takes do not keep the process alive, and one that fails is
 * forgotten: the thread that is started in its place will fail as well, and somebody hears of it.
 */
export function startAhead(entry: URL, count: number): void {
  const spares = waiting.get(entry.href) ?? new Set();
  waiting.set(entry.href, spares);
  while (spares.size < count) {
    const thread = start(entry);
    const forget = (): void => void spares.delete(thread);
    thread.worker.once("error", forget);
    thread.worker.once("exit", forget);
    thread.worker.unref();
    spares.add(thread);
  }
}

/** A thread of this entry that nobody else has. */
export function takeThread(entry: URL): Thread {
  const spares = waiting.get(entry.href);
  const [spare] = spares ?? [];
  if (spare === undefined) return start(entry);
  spares?.delete(spare);
  spare.worker.removeAllListeners();
  spare.worker.ref();
  return spare;
}

function start(entry: URL): Thread {
  const wake = new Int32Array(new SharedArrayBuffer(4));
  const data: SyncWorkerData = { wake: wake.buffer };
  // Byte work leaves little on the heap; small young generations keep the resident size low.
  const worker = new Worker(entry, { workerData: data, resourceLimits: { maxYoungGenerationSizeMb: 16 } });
  return { worker, wake };
}
