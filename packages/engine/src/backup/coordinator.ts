/** The main thread's side of a backup's workers: hands out tasks, routes results, collects packs and problems. */
import { loadBytes } from "@holdfast/storage";
import { messageOf, workerEntry } from "@holdfast/base";
import { engineError } from "../errors.ts";
import type { Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { PackIntake } from "../packs/pack-intake.ts";
import type { PackPool } from "../packs/pack-pool.ts";
import { TreePackCache, type LoadedPack } from "../packs/tree-pack-cache.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import type { Repository } from "../repository/repository.ts";
import { WorkerThread } from "../workers/worker-thread.ts";
import { LargeFile } from "./large-file.ts";
import type {
  BackupItem,
  BackupWorkerData,
  EntriesTask,
  FromWorker,
  Problem,
  StoredTree,
  TaskResult,
  ToWorker,
} from "./messages.ts";

/** Tree packs that are kept for the other workers after one has asked. */
const TREE_PACK_CACHE_BYTES = 64 * 1024 * 1024;

/** The module that the threads of a backup run. */
export const BACKUP_WORKER = workerEntry("./backup.worker", import.meta.url);

/** How long a worker may take to finish what it is at before it is ended by force. */
const STOP_MS = 300;

type Thread = WorkerThread<ToWorker, FromWorker>;
type Assign = (task: number) => ToWorker;

interface Pending {
  readonly assign: Assign;
  /** A giver has already taken one off the count of idle workers for it. */
  readonly promised: boolean;
  readonly settle: (result: TaskResult) => void;
}

export interface CoordinatorParts {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly pool: PackPool;
  readonly workers: number;
  readonly workerData: Omit<BackupWorkerData, "currentPath" | "idle">;
  onProblem(problem: Problem): void;
  onItem(item: BackupItem): void;
  onRepository(path: string): void;
  readonly signal: AbortSignal;
}

export class Coordinator {
  readonly #parts: CoordinatorParts;
  readonly #threads: Thread[] = [];
  readonly #paths: SharedArrayBuffer[] = [];
  readonly #idle = new Int32Array(new SharedArrayBuffer(4));
  readonly #resting = new Set<Thread>();
  readonly #queue: Pending[] = [];
  readonly #running = new Map<number, Pending>();
  readonly #files = new Set<{ file: LargeFile; finish: (file: LargeFile) => boolean }>();
  readonly #treePacks: TreePackCache;
  #tasks = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Everybody who waits for something that a failure prevents. */
  readonly #waiting = new Set<(error: unknown) => void>();
  intake: PackIntake | undefined;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
    this.#treePacks = new TreePackCache({
      load: (pack) => this.#loadTreePack(pack),
      maxBytes: TREE_PACK_CACHE_BYTES,
    });
  }

  start(): void {
    for (let n = 0; n < this.#parts.workers; n++) {
      const currentPath = new SharedArrayBuffer(4 + 1024);
      this.#paths.push(currentPath);
      const data: BackupWorkerData = {
        ...this.#parts.workerData,
        currentPath,
        idle: this.#idle.buffer,
      };
      const thread: Thread = new WorkerThread<ToWorker, FromWorker>(BACKUP_WORKER, data, {
        onMessage: (message) => this.#receive(thread, message),
        onFailure: (error) => this.fail(error),
      });
      this.#threads.push(thread);
    }
  }

  /** Ends the backup with this error; later ones change nothing. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#parts.pool.abort();
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** Waits for something from outside, but not longer than the backup is going well. */
  untilFailure<T>(promise: Promise<T>): Promise<T> {
    // Nobody hears of its failure once the backup has failed.
    promise.catch(() => {});
    return this.#orFailure((resolve, reject) => void promise.then(resolve, reject));
  }

  /** The paths that the workers are at. */
  currentPaths(): string[] {
    return this.#paths.flatMap((shared) => {
      const length = Atomics.load(new Int32Array(shared, 0, 1), 0);
      return length === 0 ? [] : [Buffer.from(new Uint8Array(shared, 4, length).slice()).toString("utf8")];
    });
  }

  /** Runs the entries of one folder; their encoded nodes come back in order, `null` where nothing is stored. */
  async entries(work: Omit<EntriesTask, "task" | "kind">): Promise<readonly (string | null)[]> {
    const result = await this.#run((task) => ({ kind: "entries", task, ...work }));
    return result.kind === "entries" ? result.nodes : unexpected(result);
  }

  /** Saves all entries of a folder and their tree; `undefined` when nothing of them is stored. */
  async wholeTree(work: Omit<EntriesTask, "task" | "kind" | "asTree">): Promise<StoredTree | undefined> {
    const result = await this.#run((task) => ({ kind: "entries", task, asTree: true, ...work }));
    return result.kind === "wholeTree" ? result.tree : unexpected(result);
  }

  /** Stores the tree of nodes. */
  async tree(nodes: readonly string[]): Promise<StoredTree> {
    const result = await this.#run((task) => ({ kind: "tree", task, nodes }));
    return result.kind === "tree" ? result.tree : unexpected(result);
  }

  async blob(bytes: ArrayBuffer): Promise<Id> {
    const result = await this.#run((task) => ({ kind: "blob", task, bytes }));
    return result.kind === "blob" ? result.id : unexpected(result);
  }

  /** Finishes the open packs; only when no other task runs. */
  async flush(): Promise<void> {
    await this.#run((task) => ({ kind: "flush", task }));
  }

  /** Ends the workers, whatever they are doing. */
  async stop(): Promise<void> {
    this.#parts.pool.abort();
    await Promise.all(this.#threads.map((thread) => thread.stop({ kind: "stop" }, STOP_MS)));
  }

  #run(assign: Assign): Promise<TaskResult> {
    return this.#orFailure((resolve) => {
      this.#queue.push({ assign, promised: false, settle: resolve });
      this.#dispatch();
    });
  }

  /** A promise that also rejects when the backup fails. Not a race, which would keep a trace of every task until the end. */
  #orFailure<T>(start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure.error);
      this.#waiting.add(reject);
      const settle =
        <V>(by: (value: V) => void) =>
        (value: V): void => {
          this.#waiting.delete(reject);
          by(value);
        };
      start(settle(resolve), settle(reject));
    });
  }

  #receive(thread: Thread, message: FromWorker): void {
    try {
      this.#handle(thread, message);
    } catch (error) {
      this.fail(error);
    }
  }

  #handle(thread: Thread, message: FromWorker): void {
    switch (message.kind) {
      case "idle":
        this.#resting.add(thread);
        return this.#dispatch();
      case "done":
        return this.#done(message.task, message.result);
      case "given":
        this.#queue.push({
          assign: (task) => ({ ...message.work, task }),
          promised: true,
          settle: (result) => {
            if (result.kind !== "entries") return unexpected(result);
            thread.post({ kind: "returned", ticket: message.ticket, nodes: result.nodes });
          },
        });
        return this.#dispatch();
      case "large":
        return this.#startLargeFile(thread, message);
      case "needPack":
        return this.#sendPack(thread, message.pack);
      case "problem":
        return this.#parts.onProblem(message.problem);
      case "repository":
        return this.#parts.onRepository(message.path);
      case "items":
        for (const item of message.items) this.#parts.onItem(item);
        return;
      case "packed":
        if (this.intake === undefined) throw new Error("a pack came from a dry run");
        return this.intake.accept(message.pack);
    }
  }

  #done(task: number, result: TaskResult): void {
    const running = this.#running.get(task);
    if (running === undefined) throw new Error(`no task ${task}`);
    this.#running.delete(task);
    running.settle(result);
    this.#dispatch();
  }

  #startLargeFile(thread: Thread, message: Extract<FromWorker, { kind: "large" }>): void {
    const finish = (file: LargeFile): boolean => {
      const result = file.result();
      if (result === undefined) return false;
      if ("failed" in result) {
        thread.post({ kind: "largeFailed", ticket: message.ticket, problem: result.failed });
        return true;
      }
      const { problem, ...read } = result;
      if (problem !== undefined) this.#parts.onProblem(problem);
      thread.post({ kind: "largeDone", ticket: message.ticket, ...read, isReported: problem !== undefined });
      return true;
    };
    this.#files.add({ file: new LargeFile(message.path, message.sizeBytes), finish });
    this.#dispatch();
  }

  /** Gives tasks to resting workers: parts of large files first, since others wait for them. */
  #dispatch(): void {
    if (this.#failure !== undefined) return;
    for (const thread of this.#resting) {
      const pending = this.#nextFileTask(thread) ?? (this.#isKept(thread) ? undefined : this.#queue.shift());
      if (pending === undefined) continue;
      const task = ++this.#tasks;
      const message = pending.assign(task);
      this.#running.set(task, pending);
      this.#resting.delete(thread);
      if (!pending.promised) Atomics.sub(this.#idle, 0, 1);
      thread.post(message, message.kind === "blob" ? [message.bytes] : []);
    }
  }

  /** A worker that keeps a segment in memory is not given anything that would overwrite it. */
  #isKept(thread: Thread): boolean {
    const worker = this.#threads.indexOf(thread);
    return [...this.#files].some(({ file }) => file.holds(worker));
  }

  #nextFileTask(thread: Thread): Pending | undefined {
    const worker = this.#threads.indexOf(thread);
    const keeping = [...this.#files].filter(({ file }) => file.holds(worker));
    for (const entry of keeping.length > 0 ? keeping : this.#files) {
      const assign = entry.file.next(worker);
      if (assign === undefined) continue;
      return {
        assign,
        promised: false,
        settle: (result) => {
          entry.file.accept(worker, result);
          if (entry.finish(entry.file)) this.#files.delete(entry);
        },
      };
    }
    return undefined;
  }

  #sendPack(thread: Thread, pack: number): void {
    this.#treePacks.get(pack).then(
      (bytes) => thread.post({ kind: "pack", pack, bytes }),
      (error: unknown) => this.fail(error),
    );
  }

  async #loadTreePack(pack: number): Promise<LoadedPack> {
    const { repository, signal, onProblem } = this.#parts;
    const name = this.#parts.index.packId(pack);
    try {
      const bytes = await loadBytes(repository.backend, { type: "pack", name }, undefined, { signal });
      const shared = new SharedArrayBuffer(bytes.length);
      new Uint8Array(shared).set(bytes);
      releaseBytes(bytes);
      return shared;
    } catch (error) {
      if (signal.aborted) throw error;
      // A damaged parent costs time, not data: everything in its folders is read again.
      onProblem({ code: "parent-tree", path: `pack ${name}`, reason: messageOf(error) });
      return undefined;
    }
  }
}

function unexpected(result: TaskResult): never {
  if (result.kind === "failed") {
    throw engineError("ENGINE_WORKER_FAILED", { reason: `${result.problem.path}: ${result.problem.reason}` });
  }
  throw engineError("ENGINE_WORKER_FAILED", { reason: `unexpected answer '${result.kind}'` });
}
