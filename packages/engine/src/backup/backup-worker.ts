/** What a worker thread of a backup does: takes tasks, and walks folders between them, in one synchronous loop. */
import { messageOf } from "@holdfast/base";
import { Sealer } from "../crypto/sealing.ts";
import { encodePath } from "../filesystem/path-bytes.ts";
import { TreeEncoder } from "../format/tree.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { PackPool, PackSealer, type FinishedPack } from "../packs/pack-pool.ts";
import { Decompressor } from "../platform/zstd.ts";
import { Counters } from "../workers/counters.ts";
import type { SyncPort } from "../workers/sync-port.ts";
import type { WorkerFailure } from "../workers/worker-thread.ts";
import { BlobStore } from "./blob-store.ts";
import { FileContentReader } from "./file-content.ts";
import { ItemLog } from "./item-log.ts";
import { BACKUP_COUNTERS, type BackupWorkerData, type FromWorker, type TaskResult, type ToWorker } from "./messages.ts";
import { ParentTrees } from "./parent-tree.ts";
import { PresentSample } from "./present-sample.ts";
import { Selection } from "./selection.ts";
import { Walker } from "./walker.ts";

type Port = SyncPort<ToWorker, FromWorker | WorkerFailure>;

export class BackupWorker {
  readonly #port: Port;
  readonly #blobs: BlobStore;
  readonly #sealer: PackSealer;
  readonly #contents: FileContentReader;
  readonly #walker: Walker;
  readonly #items: ItemLog | undefined;
  readonly #idle: Int32Array;
  /** Messages that came while this worker waited for one certain answer. */
  readonly #postponed: ToWorker[] = [];
  #stopped = false;

  constructor(port: Port, data: BackupWorkerData) {
    this.#port = port;
    this.#idle = new Int32Array(data.idle);
    const index = BlobIndex.attach(data.index);
    const counters = Counters.attach(BACKUP_COUNTERS, data.counters);
    this.#sealer = new PackSealer(PackPool.attach(data.pool), data.key, (pack) => this.#sendPack(pack));
    const present = data.present && PresentSample.attach(data.present);
    this.#blobs = new BlobStore({ ...data, index, counters, sealer: this.#sealer, present });
    this.#contents = new FileContentReader({
      blobs: this.#blobs,
      polynomial: data.polynomial,
      onBytes: (bytes) => counters.add("bytesDone", bytes),
    });
    this.#items = data.itemEvents
      ? new ItemLog({ blobs: this.#blobs, send: (items) => this.#send({ kind: "items", items }) })
      : undefined;
    this.#walker = new Walker({
      blobs: this.#blobs,
      contents: this.#contents,
      counters,
      index,
      parentTrees: new ParentTrees({
        index,
        sealer: new Sealer(data.key),
        decompressor: new Decompressor(),
        cacheBytes: data.parentCacheBytes,
        requestPack: (pack) => this.#requestPack(pack),
      }),
      reading: data.reading,
      selection: new Selection(data.rules),
      items: this.#items,
      idle: this.#idle,
      send: (message) => this.#send(message),
      showPath: pathDisplay(data.currentPath),
    });
  }

  /** Works until it is told to stop. It then holds no lock in shared memory, which it might if it were just ended. */
  run(): void {
    while (!this.#stopped) {
      for (let message = this.#poll(); message !== undefined; message = this.#poll()) this.#handle(message);
      if (this.#stopped) return;
      if (this.#walker.resting) this.#rest();
      else this.#walker.step();
    }
  }

  /** Says that this worker has nothing to do, and waits until that changes. */
  #rest(): void {
    this.#items?.flush();
    Atomics.add(this.#idle, 0, 1);
    this.#send({ kind: "idle" });
    for (;;) {
      const message = this.#port.receive();
      this.#handle(message);
      // Answers only complete what this worker has begun; it stays idle until it gets a task.
      if (isTask(message)) return;
    }
  }

  #handle(message: ToWorker): void {
    switch (message.kind) {
      case "stop":
        this.#stopped = true;
        return;
      case "entries":
        return this.#walker.start(message);
      case "returned":
        return this.#walker.returned(message.ticket, message.nodes);
      case "largeDone":
        return this.#walker.largeDone(message);
      case "largeFailed":
        return this.#walker.largeFailed(message.ticket, message.problem);
      case "pack":
        // The answer to a request that this worker waited for in `#requestPack`; no other can come.
        throw new Error("a pack came that was not asked for");
      case "scan":
        return this.#done(
          message.task,
          () => ({ kind: "scan", ...this.#contents.scan(message.path, message.from, message.to) }),
          message.path,
        );
      case "chunks":
        return this.#done(
          message.task,
          () => {
            const before = this.#blobs.added;
            const stored = this.#contents.storeChunks(message.path, message.segment, message.from, message.ends);
            return { kind: "chunks", ...stored, added: this.#blobs.addedSince(before) };
          },
          message.path,
        );
      case "blob":
        return this.#done(message.task, () => ({
          kind: "blob",
          id: this.#blobs.put("data", new Uint8Array(message.bytes)),
        }));
      case "tree":
        return this.#done(message.task, () => this.#putTree(message.nodes));
      case "flush":
        return this.#done(message.task, () => {
          this.#sealer.flush();
          return { kind: "flush" };
        });
    }
  }

  /** Runs a task; a failing system call on `path` is a result, everything else ends the backup. */
  #done(task: number, run: () => TaskResult, path?: string): void {
    let result: TaskResult;
    try {
      result = run();
    } catch (error) {
      if (path === undefined || !(error instanceof Error && "syscall" in error)) throw error;
      result = { kind: "failed", problem: { code: "unreadable", path, reason: messageOf(error) } };
    }
    this.#send({ kind: "done", task, result });
  }

  #putTree(nodes: readonly string[]): TaskResult {
    const encoder = new TreeEncoder();
    for (const node of nodes) encoder.append(node);
    const before = this.#blobs.added;
    const id = this.#blobs.put("tree", encoder.finish());
    return { kind: "tree", tree: { id, added: this.#blobs.addedSince(before) } };
  }

  #requestPack(pack: number): SharedArrayBuffer | undefined {
    this.#send({ kind: "needPack", pack });
    for (;;) {
      const message = this.#port.receive();
      if (message.kind === "pack" && message.pack === pack) return message.bytes;
      this.#postponed.push(message);
      if (message.kind === "stop") return undefined;
    }
  }

  #poll(): ToWorker | undefined {
    return this.#postponed.shift() ?? this.#port.poll();
  }

  /** The list of a pack's blobs may have megabytes: it is handed over, not copied. */
  #sendPack(pack: FinishedPack): void {
    const { buffer } = pack.entries;
    this.#port.send({ kind: "packed", pack }, buffer instanceof ArrayBuffer ? [buffer] : []);
  }

  #send(message: FromWorker): void {
    // Whoever hears that a task is done has heard of its entries.
    if (message.kind === "done") this.#items?.flush();
    this.#port.send(message);
  }
}

function isTask(message: ToWorker): boolean {
  return !(message.kind === "returned" || message.kind === "largeDone" || message.kind === "largeFailed");
}

/** UTF-16 units of a long path that the progress view gets. */
const SHOWN_UNITS = 64;

/** Lets the progress view see where this worker is, without a message for every file. */
function pathDisplay(shared: SharedArrayBuffer): (path: string) => void {
  const length = new Int32Array(shared, 0, 1);
  const bytes = new Uint8Array(shared, 4);
  return (path) => {
    const encoded = encodePath(path.length > bytes.length ? beginningOf(path) : path);
    const shown = Math.min(encoded.length, bytes.length);
    bytes.set(encoded.subarray(0, shown));
    Atomics.store(length, 0, shown);
  };
}

/** The first part of a long path. A surrogate pair is not cut in half, as no byte stands for a half. */
function beginningOf(path: string): string {
  const last = path.charCodeAt(SHOWN_UNITS - 1);
  const isHalf = last >= 0xd800 && last < 0xdc00;
  return path.slice(0, isHalf ? SHOWN_UNITS - 1 : SHOWN_UNITS);
}
