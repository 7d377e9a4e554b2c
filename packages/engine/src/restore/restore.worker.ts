/** A worker thread of a restore: walks folders, writes files, finishes folders. Runs as one synchronous loop. */
import { BlobIndex } from "../index/blob-index.ts";
import type { BlobType, Id } from "../format/id.ts";
import { Counters } from "../workers/counters.ts";
import { runWorker } from "../workers/run-worker.ts";
import type { SyncPort } from "../workers/sync-port.ts";
import type { WorkerFailure } from "../workers/worker-thread.ts";
import { BlobOpener, LostBlob } from "./blob-opener.ts";
import { Finisher } from "./finisher.ts";
import { FolderWalk } from "./folder-walk.ts";
import { type FromWorker, RESTORE_COUNTERS, type RestoreWorkerData, type ToWorker } from "./messages.ts";
import { Reporter } from "./reporter.ts";
import { RestoreSelection } from "./selection.ts";
import { Session, type Source } from "./session.ts";
import { TargetFolders } from "./target-folders.ts";
import { Verifier } from "./verifier.ts";
import { WindowRunner } from "./window-runner.ts";

type Port = SyncPort<ToWorker, FromWorker | WorkerFailure>;

/** Thrown through everything when the main thread asks this worker to stop. */
class Stopped extends Error {}

class RestoreWorker {
  readonly #port: Port;
  readonly #stop: Int32Array;
  readonly #reporter: Reporter;
  readonly #folders: TargetFolders;
  readonly #walk: FolderWalk;
  readonly #windows: WindowRunner;
  readonly #finisher: Finisher;
  readonly #verifier: Verifier;
  /** Messages that came while this worker waited for one certain answer. */
  readonly #postponed: ToWorker[] = [];
  #askedForWork = false;
  #noWork = false;

  constructor(port: Port, data: RestoreWorkerData) {
    this.#port = port;
    this.#stop = new Int32Array(data.stop);
    this.#reporter = new Reporter({
      counters: Counters.attach(RESTORE_COUNTERS, data.counters),
      post: (message) => port.send(message, transfersOf(message)),
      reportEntries: data.rules.reportEntries,
      noteUntouched: data.noteUntouched,
    });
    this.#folders = new TargetFolders({ target: data.target, ...data.rules });
    const session = new Session({
      rules: data.rules,
      source: this.#source({ number: 0, ...data }),
      folders: this.#folders,
      reporter: this.#reporter,
      checkStop: () => this.#checkStop(),
    });
    const selection = new RestoreSelection(data.rules.selection);
    this.#windows = new WindowRunner(session, data.slots);
    this.#finisher = new Finisher(session, selection);
    this.#verifier = new Verifier(session, selection);
    const addFile: WindowRunner["add"] = (file) => this.#windows.add(file);
    const hasRoom = (): boolean => this.#windows.hasRoom;
    this.#walk = new FolderWalk({ session, selection, target: data.target, addFile, hasRoom });
  }

  run(): void {
    try {
      for (;;) {
        for (let message = this.#poll(); message !== undefined; message = this.#poll()) this.#handle(message);
        this.#step();
      }
    } catch (error) {
      this.#folders.close();
      if (!(error instanceof Stopped)) throw error;
    }
    this.#reporter.send({ kind: "stopped" });
    // The main thread ends this one when it has heard that.
    for (;;) this.#port.receive();
  }

  /** Does the next thing there is to do, or waits for a message. */
  #step(): void {
    this.#checkStop();
    const windows = this.#windows;
    // Content is asked for before that which has come is written, so that both go on at once.
    if (!this.#walk.isDone && windows.hasRoom && !windows.isLoading) return this.#walk.step();
    if (windows.hasLoaded) return windows.run();
    if (!this.#walk.isDone && windows.hasRoom) return this.#walk.step();
    if (this.#walk.isDone && windows.hasRoom && !this.#askedForWork) {
      this.#askedForWork = true;
      this.#reporter.send({ kind: "hungry" });
    } else if (this.#noWork && windows.isCollecting && windows.hasRoom) {
      windows.flush();
    } else {
      this.#reporter.flush();
      this.#handle(this.#port.receive());
    }
  }

  #handle(message: ToWorker): void {
    this.#checkStop();
    switch (message.kind) {
      case "entries":
        this.#gotWork();
        return this.#walk.enqueue(message.bytes, message.works);
      case "piece":
        this.#gotWork();
        return this.#windows.addPiece(message.piece);
      case "noWork":
        this.#noWork = true;
        return;
      case "source":
        return this.#windows.useSource(this.#source(message));
      case "planAgain":
        return this.#windows.planAgain(message.slot);
      case "loaded":
        return this.#windows.loaded(message.slot, message.room, message.missing);
      case "finishFolders":
        return this.#finisher.finishFolders(message);
      case "finishFile":
        return this.#finisher.finishFile(message);
      case "clean":
        return this.#finisher.clean(message);
      case "links":
        return this.#finisher.link(message);
      case "verify":
        this.#gotWork();
        for (const work of message.works) this.#verifier.verify(message.bytes, work);
        return;
      case "unverified":
        return this.#verifier.leaveOut(message.hashes);
      case "blob":
        throw new Error("a blob came that was not asked for");
      case "stop":
        throw new Stopped();
    }
  }

  #source({ number, key, index }: { number: number } & Pick<RestoreWorkerData, "key" | "index">): Source {
    const opener = new BlobOpener(key, (type, id) => this.#requestBlob(type, id));
    return { number, index: BlobIndex.attach(index), opener };
  }

  #gotWork(): void {
    this.#askedForWork = false;
    this.#noWork = false;
  }

  #requestBlob(type: BlobType, id: Id): Uint8Array {
    this.#reporter.send({ kind: "needBlob", type, id });
    for (;;) {
      const message = this.#port.receive();
      if (message.kind === "stop") throw new Stopped();
      if (message.kind !== "blob") this.#postponed.push(message);
      else if (message.bytes === undefined) throw new LostBlob(id, message.reason);
      else return message.bytes;
    }
  }

  #checkStop(): void {
    if (Atomics.load(this.#stop, 0) === 1) throw new Stopped();
  }

  #poll(): ToWorker | undefined {
    return this.#postponed.shift() ?? this.#port.poll();
  }
}

/** Memory that goes over to the main thread instead of being copied. */
function transfersOf(message: FromWorker): readonly ArrayBuffer[] {
  if (message.kind === "load") return [message.ranges.buffer as ArrayBuffer];
  if (message.kind !== "entered") return [];
  return message.segments.flatMap(({ parts, large }) => [...parts, ...large.map(({ ids }) => ids.buffer)]);
}

runWorker<ToWorker, FromWorker, RestoreWorkerData>((port, data) => {
  new RestoreWorker(port, data).run();
});
