/** The main thread's side of a restore's workers: hands out work, loads what they ask for, ends when the root is done. */
import { workerEntry } from "@holdfast/base";
import type { BlobType, Id } from "../format/id.ts";
import { WorkerThread } from "../workers/worker-thread.ts";
import { Copies, type CopyChange, type CopyDamage } from "./copies.ts";
import type { OpenedCopy, StandbyCopy } from "./copy-reader.ts";
import { FolderFlow, type WorkItem } from "./folder-flow.ts";
import type { FolderState } from "./folder-state.ts";
import type { LargeFileState } from "./large-files.ts";
import type {
  EntriesWork,
  FromWorker,
  LinkWork,
  PieceDone,
  RestoreEntry,
  RestoreWorkerData,
  ToWorker,
} from "./messages.ts";
import { PathHashes } from "./path-hashes.ts";
import type { RestoreProblem } from "./problems.ts";

/** The module that the threads of a restore run. */
export const RESTORE_WORKER = workerEntry("./restore.worker", import.meta.url);

/** Windows of one worker: one is loaded while another is written. */
const WINDOWS = 2;
const ALL_SLOTS_BYTES = 32 * 1024 * 1024;
const MIN_SLOT_BYTES = 4 * 1024 * 1024;
const MAX_SLOT_BYTES = 16 * 1024 * 1024;
/** Work handed out at once: about this much of trees, and at most so many folders. */
const BATCH_TREE_BYTES = 64 * 1024;
const BATCH_ITEMS = 32;
/** A worker that does not stop by then hangs in a system call. */
const STOP_TIMEOUT_MS = 5000;

export interface CoordinatorParts {
  readonly first: OpenedCopy;
  readonly standby: readonly StandbyCopy[];
  /** The tree that is restored; `undefined` for a single entry. */
  readonly root: Id | undefined;
  readonly haltMs?: number | undefined;
  readonly workers: number;
  readonly workerData: Omit<RestoreWorkerData, "slots" | "stop" | "key" | "index">;
  readonly signal: AbortSignal;
  onProblem(problem: RestoreProblem): void;
  onEntry(entry: RestoreEntry): void;
  onChange(change: CopyChange): void;
}

type Thread = WorkerThread<ToWorker, FromWorker>;

interface ThreadState {
  readonly thread: Thread;
  readonly slots: SharedArrayBuffer[];
  /** Slots that the worker knows another memory for, into which a read of a copy that was left may still write. */
  readonly replaced: Set<number>;
  /** It was told that there is no work for it. */
  knowsNoWork: boolean;
  /** Settles when it has stopped or died. */
  readonly ended: PromiseWithResolvers<void>;
}

export class Coordinator {
  readonly #parts: CoordinatorParts;
  readonly #threads: ThreadState[] = [];
  readonly #hungry = new Set<ThreadState>();
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #copies: Copies;
  readonly #untouched = new PathHashes();
  readonly #failed = Promise.withResolvers<never>();
  #finishing: { path: string; node: string }[] = [];
  #linking: LinkWork[] = [];
  #isFlushPlanned = false;
  #foldersUnderWay = 0;
  #isRootDone = false;
  #isVerifying = false;
  #done = Promise.withResolvers<void>();
  #flow: FolderFlow;
  #next = 0;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
    this.#signal = AbortSignal.any([parts.signal, this.#abort.signal]);
    this.#copies = new Copies({
      ...parts,
      signal: this.#signal,
      onSource: ({ number, index, repository }) => {
        const source = { kind: "source", number, key: repository.masterKey, index: index.shared } as const;
        for (const { thread } of this.#threads) thread.post(source);
      },
    });
    this.#flow = this.#newFlow();
    // Whoever waits sees the failure; this keeps it from being "unhandled" in between.
    this.#failed.promise.catch(() => {});
  }

  start(): void {
    const { workers, workerData, signal } = this.#parts;
    const { repository, index } = this.#parts.first;
    const share = Math.floor(ALL_SLOTS_BYTES / (workers * WINDOWS));
    const slotBytes = Math.max(MIN_SLOT_BYTES, Math.min(MAX_SLOT_BYTES, share));
    for (let n = 0; n < workers; n++) {
      const slots = Array.from({ length: WINDOWS }, () => new SharedArrayBuffer(slotBytes));
      const stop = this.#stop.buffer;
      const data: RestoreWorkerData = { ...workerData, key: repository.masterKey, index: index.shared, slots, stop };
      const ended = Promise.withResolvers<void>();
      const thread: Thread = new WorkerThread<ToWorker, FromWorker>(RESTORE_WORKER, data, {
        onMessage: (message) => this.#receive(state, message),
        onFailure: (error) => {
          ended.resolve();
          this.#fail(error);
        },
      });
      const state: ThreadState = { thread, slots, replaced: new Set(), knowsNoWork: false, ended };
      this.#threads.push(state);
    }
    const whileRunning = { once: true, signal: this.#abort.signal };
    signal.addEventListener("abort", () => this.#fail(signal.reason), whileRunning);
  }

  /** Restores everything below the root. @param isFresh the target was empty */
  restore(root: { tree: Id } | { bytes: ArrayBuffer }, isFresh: boolean): Promise<void> {
    return this.#run(root, isFresh);
  }

  /** Compares everything below the root with the target, save what `restore` left alone. */
  verify(root: { tree: Id } | { bytes: ArrayBuffer }): Promise<void> {
    this.#isVerifying = true;
    this.#flow = this.#newFlow();
    const hashes = this.#untouched.sorted();
    for (const { thread } of this.#threads) thread.post({ kind: "unverified", hashes });
    return this.#run(root, false);
  }

  /** New large files that are not complete. Once all workers have stopped nobody writes to them. */
  get incompleteFiles(): LargeFileState[] {
    return this.#flow.incompleteFiles;
  }

  /** What was damaged in copies and came from others. */
  get damages(): CopyDamage[] {
    return this.#copies.damages;
  }

  /** Ends all workers, after the file that each is at. */
  async stop(): Promise<void> {
    Atomics.store(this.#stop, 0, 1);
    this.#abort.abort();
    this.#copies.close(this.#abort.signal.reason);
    for (const { thread } of this.#threads) thread.post({ kind: "stop" });
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_TIMEOUT_MS);
    });
    await Promise.race([Promise.all(this.#threads.map(({ ended }) => ended.promise)), timeout]);
    clearTimeout(timer);
    await Promise.all(this.#threads.map(({ thread }) => thread.terminate()));
  }

  #newFlow(): FolderFlow {
    return new FolderFlow(
      this.#parts.workerData.rules,
      {
        finishFolder: (path, node) => {
          this.#finishing.push({ path, node });
          this.#planFlush();
        },
        finishFile: (file, outcome) => this.#finishFile(file, outcome),
        link: (link) => {
          this.#linking.push(link);
          this.#planFlush();
        },
        clean: (folder, tree) => this.#guard(this.#clean(folder, tree)),
        rootDone: () => {
          this.#isRootDone = true;
          this.#planFlush();
        },
      },
      { isVerifying: this.#isVerifying },
    );
  }

  async #run(root: { tree: Id } | { bytes: ArrayBuffer }, isFresh: boolean): Promise<void> {
    this.#signal.throwIfAborted();
    this.#isRootDone = false;
    this.#done = Promise.withResolvers<void>();
    this.#flow.start(root, isFresh);
    this.#dispatch();
    await Promise.race([this.#done.promise, this.#failed.promise]);
  }

  #fail(error: unknown): void {
    this.#failed.reject(error);
    this.#abort.abort();
  }

  /** Lets a failure of work that nobody waits for end the restore. */
  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.#fail(error));
  }

  #receive(state: ThreadState, message: FromWorker): void {
    try {
      this.#handle(state, message);
      if (this.#hungry.size > 0) this.#dispatch();
    } catch (error) {
      this.#fail(error);
    }
  }

  #handle(state: ThreadState, message: FromWorker): void {
    switch (message.kind) {
      case "hungry":
        this.#hungry.add(state);
        return;
      case "entered":
        for (const segment of message.segments) this.#flow.entered(segment);
        return;
      case "load":
        return this.#guard(this.#load(state, message));
      case "written":
        return this.#flow.written(message);
      case "linkReady":
        return this.#flow.linkReady(message.key, message.ok);
      case "fileFinished":
        return this.#flow.fileFinished(message.file, message.ok);
      case "foldersFinished":
        this.#foldersUnderWay -= message.count;
        return this.#planFlush();
      case "cleaned":
        return this.#flow.cleaned(message.folder);
      case "linked":
        return this.#flow.linked(message.folders);
      case "needBlob":
        return this.#guard(this.#sendBlob(state.thread, message.type, message.id));
      case "notes":
        for (const problem of message.problems) this.#parts.onProblem(problem);
        for (const entry of message.entries) this.#parts.onEntry(entry);
        return;
      case "untouched":
        return this.#untouched.add(message.hashes);
      case "stopped":
        state.ended.resolve();
    }
  }

  /** Gives work to workers that have none. */
  #dispatch(): void {
    for (const state of this.#hungry) {
      const items = this.#takeBatch();
      const [first] = items;
      if (first === undefined) {
        // It stays hungry, but must not wait for work before it uses what it has collected.
        if (!state.knowsNoWork) state.thread.post({ kind: "noWork" });
        state.knowsNoWork = true;
        continue;
      }
      this.#hungry.delete(state);
      state.knowsNoWork = false;
      if (first.kind === "piece") state.thread.post({ kind: "piece", piece: first.file.piece(first.n) });
      else this.#guard(this.#give(state.thread, items));
    }
  }

  /** One piece of a file, or folders from the top of the stack; not all of them, so that something is left for others. */
  #takeBatch(): WorkItem[] {
    const { work } = this.#flow;
    const most = Math.min(BATCH_ITEMS, Math.ceil(work.length / this.#threads.length));
    const items: WorkItem[] = [];
    let bytes = 0;
    while (items.length < most && bytes < BATCH_TREE_BYTES) {
      const item = work.at(-1);
      if (item === undefined || (item.kind === "piece" && items.length > 0)) break;
      work.pop();
      items.push(item);
      if (item.kind === "piece") break;
      const place = item.kind === "tree" ? this.#copies.placeOf(item.tree) : undefined;
      bytes +=
        item.kind === "part" ? item.bytes.byteLength : (place?.uncompressedBytes ?? 0) + (place?.lengthBytes ?? 0);
    }
    return items;
  }

  async #give(thread: Thread, items: readonly WorkItem[]): Promise<void> {
    const entries = await Promise.all(items.map((item) => this.#entries(item)));
    const found = entries.filter((entry) => entry !== undefined);
    const bytes = new Uint8Array(found.reduce((sum, { stored }) => sum + stored.length, 0));
    let offset = 0;
    const works = found.map(({ work, stored }) => {
      bytes.set(stored, offset);
      const placed: EntriesWork = { ...work, offset, lengthBytes: stored.length };
      offset += stored.length;
      return placed;
    });
    thread.post({ kind: this.#isVerifying ? "verify" : "entries", bytes: bytes.buffer, works }, [bytes.buffer]);
  }

  /** The bytes of one piece of work; `undefined` when there is nothing to be had. */
  async #entries(item: WorkItem): Promise<{ work: EntriesWork; stored: Uint8Array } | undefined> {
    if (item.kind === "piece") throw new Error("a piece has no entries");
    const { ref } = item.folder;
    const none = { folder: ref, tree: undefined, offset: 0, lengthBytes: 0, uncompressedBytes: 0 };
    if (item.kind === "part") {
      return { work: { ...none, form: item.claimed ? "claimed" : "part" }, stored: new Uint8Array(item.bytes) };
    }
    const stored = await this.#copies.tree(item.tree);
    if (!("lost" in stored)) return { work: { ...none, ...stored.work }, stored: stored.bytes };
    if (!this.#isVerifying) {
      this.#parts.onProblem({ code: "damaged", path: ref.path || "/", reason: stored.lost, blob: item.tree });
    }
    this.#flow.lost(item.folder);
    return undefined;
  }

  async #sendBlob(thread: Thread, type: BlobType, id: Id): Promise<void> {
    const blob = await this.#copies.blob(type, id);
    if ("lost" in blob) thread.post({ kind: "blob", bytes: undefined, reason: blob.lost });
    else thread.post({ kind: "blob", bytes: blob.bytes, reason: "" });
  }

  async #load(state: ThreadState, message: Extract<FromWorker, { kind: "load" }>): Promise<void> {
    const { slot, source, ranges, totalBytes } = message;
    const own = state.slots[slot] as SharedArrayBuffer;
    const larger = totalBytes > own.byteLength ? new SharedArrayBuffer(totalBytes) : undefined;
    const missing = await this.#copies.load(source, ranges, larger ?? own);
    if (missing === undefined) {
      state.slots[slot] = new SharedArrayBuffer(own.byteLength);
      state.replaced.add(slot);
      state.thread.post({ kind: "planAgain", slot });
      return;
    }
    const room = larger ?? (state.replaced.has(slot) ? own : undefined);
    state.thread.post({ kind: "loaded", slot, room, missing });
  }

  #finishFile({ id, folder, file }: LargeFileState, outcome: PieceDone["outcome"]): void {
    const { name, node, fresh, sizeBytes } = file;
    this.#anyThread().post({ kind: "finishFile", file: id, folder: folder.ref, name, node, fresh, sizeBytes, outcome });
  }

  async #clean(folder: FolderState, id: Id): Promise<void> {
    const tree = await this.#copies.tree(id);
    if ("lost" in tree) return this.#flow.cleaned(folder.ref.id);
    // A copy: it may be a view of a block that is kept, and goes over to the worker.
    const { buffer } = new Uint8Array(tree.bytes);
    const work: EntriesWork = { folder: folder.ref, ...tree.work, offset: 0, lengthBytes: buffer.byteLength };
    this.#anyThread().post({ kind: "clean", bytes: buffer, work }, [buffer]);
  }

  #anyThread(): Thread {
    this.#next = (this.#next + 1) % this.#threads.length;
    return (this.#threads[this.#next] as ThreadState).thread;
  }

  /** Sends what has gathered, once the messages that have come are all handled. */
  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    setImmediate(() => {
      this.#isFlushPlanned = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#linking.length > 0) this.#anyThread().post({ kind: "links", links: this.#linking });
    this.#linking = [];
    const folders = this.#finishing;
    if (folders.length > 0) {
      // Always the same worker: without root, a folder's mode may shut out its subfolders, so these must come first.
      this.#threads[0]?.thread.post({ kind: "finishFolders", folders });
      this.#foldersUnderWay += folders.length;
      this.#finishing = [];
    }
    if (this.#isRootDone && this.#foldersUnderWay === 0) this.#done.resolve();
  }
}
