/**
 * Threads that do small works with files of local folders as a whole: to store a file takes ten calls, and a hop to Node's pool and
 * back for each of them costs more than the calls. For processes with many such works at once, as servers are.
 */
import { Worker } from "node:worker_threads";
import { messageOf, workerEntry } from "@holdfast/base";
import type { FileInfo, FileType } from "../backend.ts";
import { storageError } from "../errors.ts";
import {
  type FileTask,
  type ListedFiles,
  type PeekAnswer,
  type PeekTask,
  type SaveTask,
  type TaskAnswer,
  errorOf,
  filesOf,
} from "./file-tasks.ts";

/** While one waits for a disk to flush, the other works. Each takes up to 75 MiB under load. */
const MOST_THREADS = 2;
/** The second is started when the first has been at something for so long: a disk is waited for. Of work alone, one does plenty. */
const SLOW_MS = 3;

interface Waiting {
  readonly sinceMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  /** In the order of the answers to come. */
  readonly waiting: Waiting[];
  /** Its first answer: until then it is slow because it starts, and another one would not be any faster. */
  readyMs: number | undefined;
}

export class FileThreads {
  readonly #threads: Thread[] = [];
  #lists = 0;

  /** See `saveFile`: returns whether the file system decided `ifAbsent`. @throws what `saveFile` throws, STORAGE_UNAVAILABLE */
  async save(task: SaveTask): Promise<boolean> {
    return (await this.#ask(this.#idlest(), task)) as boolean;
  }

  /** @throws system errors, STORAGE_UNAVAILABLE */
  async peek(task: PeekTask): Promise<PeekAnswer | undefined> {
    return (await this.#ask(this.#idlest(), task)) as PeekAnswer | undefined;
  }

  /** See `listFiles`; many at a time. @throws system errors, STORAGE_UNAVAILABLE */
  async *list(root: string, type: FileType): AsyncGenerator<readonly FileInfo[]> {
    const thread = this.#idlest();
    const list = this.#lists++;
    const next = async (isOver: boolean): Promise<ListedFiles> =>
      (await this.#ask(thread, { kind: "list", list, root, type, isOver })) as ListedFiles;
    let isLast = false;
    try {
      while (!isLast) {
        const files = await next(false);
        isLast = files.isLast;
        yield filesOf(files);
      }
    } finally {
      // Its folder is open there.
      if (!isLast) await next(true).catch(() => {});
    }
  }

  /** Ends them, whatever they are at. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()));
  }

  #idlest(): Thread {
    let idlest: Thread | undefined;
    for (const thread of this.#threads) {
      if (idlest === undefined || thread.waiting.length < idlest.waiting.length) idlest = thread;
    }
    if (idlest === undefined) return this.#start();
    const { readyMs = Number.POSITIVE_INFINITY, waiting } = idlest;
    const waitedMs = performance.now() - Math.max(readyMs, waiting[0]?.sinceMs ?? Number.POSITIVE_INFINITY);
    return waitedMs > SLOW_MS && this.#threads.length < MOST_THREADS ? this.#start() : idlest;
  }

  #ask(thread: Thread, task: FileTask): Promise<unknown> {
    if (!this.#threads.includes(thread)) return Promise.reject(lost(task, "it has ended"));
    return new Promise((resolve, reject) => {
      thread.waiting.push({
        sinceMs: performance.now(),
        resolve,
        reject: (error) => reject(lost(task, messageOf(error))),
      });
      thread.worker.postMessage(task, []);
    }).then((answer) => {
      const told = answer as TaskAnswer;
      if ("failure" in told) throw errorOf(told.failure);
      return told.value;
    });
  }

  #start(): Thread {
    // Flags of the process, which may be about its first module, are not for it.
    const worker = new Worker(workerEntry("files.worker", import.meta.url), {
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    const thread: Thread = { worker, waiting: [], readyMs: undefined };
    const fail = (error: Error): void => {
      const at = this.#threads.indexOf(thread);
      if (at >= 0) this.#threads.splice(at, 1);
      for (const { reject } of thread.waiting.splice(0)) reject(error);
    };
    worker.on("message", (answer: TaskAnswer) => {
      thread.readyMs ??= performance.now();
      thread.waiting.shift()?.resolve(answer);
    });
    worker.on("error", fail);
    worker.on("exit", (code) => fail(new Error(`it ended with ${code}`)));
    worker.unref();
    this.#threads.push(thread);
    return thread;
  }
}

/** What the task was to do may be done, or not; all of them may be repeated. */
function lost(task: FileTask, why: string): Error {
  const location = task.kind === "save" ? task.location : task.kind === "list" ? task.root : task.path;
  const path = task.kind === "save" ? task.target : location;
  return storageError("STORAGE_UNAVAILABLE", { location, path, reason: `the thread that was at it is gone: ${why}` });
}
