/** Walks through trees on several threads. */
import { Worker } from "node:worker_threads";
import { workerEntry } from "@holdfast/base";
import { FolderSizes } from "./folder-sizes.ts";
import type { Mark, PendingFolder, Unseen, WalkResult, WalkSettings } from "./messages.ts";

const ENTRY = workerEntry("./walk.worker", import.meta.url);
/** A cold disk answers several questions at once, so that there may be more threads than cores. */
const DEFAULT_THREADS = 4;
/** A thread has one task at work and one that waits, so that it never waits for us. */
const TASKS_AHEAD = 2;
const FOLDERS_A_TASK = 64;
const MOST_UNSEEN = 1000;

export interface WalkFindings {
  readonly folders: FolderSizes;
  readonly marks: readonly Mark[];
  readonly unseen: readonly Unseen[];
  readonly unseenCount: number;
  readonly entries: number;
}

export interface WalkOptions {
  readonly threads?: number;
  readonly signal: AbortSignal;
  /** Told now and then: so many files and folders were looked at by now. */
  readonly onProgress?: (entries: number) => void;
}

/**
 * Goes through these folders and all below them that the settings do not leave out. Reads names, sizes and times of everything, and the
 * first bytes of some files. An abort ends all threads.
 */
export async function walk(
  starts: readonly string[],
  settings: WalkSettings,
  { threads = DEFAULT_THREADS, signal, onProgress }: WalkOptions,
): Promise<WalkFindings> {
  signal.throwIfAborted();
  const run = new Run(starts, onProgress);
  const workers = Array.from({ length: threads }, () => new Worker(ENTRY, { workerData: settings }));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const feed = (): void => {
      for (let round = 0; round < TASKS_AHEAD; round++) for (const worker of workers) run.feed(worker, round);
      if (run.isOver) resolve();
    };
    for (const worker of workers) {
      worker.on("message", (result: WalkResult) => {
        run.take(worker, result);
        feed();
      });
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`a thread of the walk ended with ${code}`)));
    }
    feed();
    await promise;
    return run.findings();
  } finally {
    signal.removeEventListener("abort", onAbort);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

class Run {
  readonly #pending: PendingFolder[];
  readonly #tasks = new Map<Worker, number>();
  readonly #onProgress: WalkOptions["onProgress"];
  readonly #folders = new FolderSizes();
  readonly #marks: Mark[] = [];
  readonly #unseen: Unseen[] = [];
  #unseenCount = 0;
  #entries = 0;

  constructor(starts: readonly string[], onProgress: WalkOptions["onProgress"]) {
    this.#pending = starts.map((path) => ({ path, row: path, isPlain: false }));
    this.#onProgress = onProgress;
  }

  get isOver(): boolean {
    return this.#pending.length === 0 && [...this.#tasks.values()].every((count) => count === 0);
  }

  /** Gives a thread a task when it has no more than `has`. */
  feed(worker: Worker, has: number): void {
    const count = this.#tasks.get(worker) ?? 0;
    if (count > has || this.#pending.length === 0) return;
    // With little left each gets a little.
    const share = Math.max(1, Math.min(FOLDERS_A_TASK, Math.ceil(this.#pending.length / 8)));
    this.#tasks.set(worker, count + 1);
    worker.postMessage(this.#pending.splice(-share), []);
  }

  take(worker: Worker, { rows, marks, unseen, unseenCount, rest, entries }: WalkResult): void {
    this.#tasks.set(worker, (this.#tasks.get(worker) ?? 1) - 1);
    for (const row of rows) this.#folders.add(row);
    for (const mark of marks) this.#marks.push(mark);
    for (const each of unseen) if (this.#unseen.length < MOST_UNSEEN) this.#unseen.push(each);
    for (const folder of rest) this.#pending.push(folder);
    this.#unseenCount += unseenCount;
    this.#entries += entries;
    this.#onProgress?.(this.#entries);
  }

  findings(): WalkFindings {
    const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);
    return {
      folders: this.#folders,
      marks: this.#marks.sort(byPath),
      unseen: this.#unseen.sort(byPath),
      unseenCount: this.#unseenCount,
      entries: this.#entries,
    };
  }
}
