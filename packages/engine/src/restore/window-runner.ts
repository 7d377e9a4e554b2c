/** The windows of one worker: collects files, asks for their content, and writes them when it has come. */
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { fsPath } from "../filesystem/path-bytes.ts";
import { idFromBytes, type Id } from "../format/id.ts";
import { contentBytes, differingBlobs, locateBlob, locateContent } from "./file-content.ts";
import { LostBlob } from "./blob-opener.ts";
import { FileWriter, type OpenBlob } from "./file-writer.ts";
import { LoadWindow, NOT_STORED, type WantedBlob, type WindowFile } from "./load-window.ts";
import type { PieceDone, PieceWork } from "./messages.ts";
import type { Session, Source } from "./session.ts";

/** A window with the copy that its blobs come from. */
interface PlannedWindow {
  readonly window: LoadWindow;
  readonly source: Source;
}

export class WindowRunner {
  readonly #session: Session;
  readonly #writer: FileWriter;
  readonly #slots: readonly SharedArrayBuffer[];
  /** By slot: a window that is loaded or waits for that. */
  readonly #underWay: (PlannedWindow | undefined)[];
  #collecting = new LoadWindow();

  constructor(session: Session, slots: readonly SharedArrayBuffer[]) {
    this.#session = session;
    this.#writer = new FileWriter(session.rules);
    this.#slots = slots;
    this.#underWay = slots.map(() => undefined);
  }

  /** True while more files may be added: a full window must have a slot to go to. */
  get hasRoom(): boolean {
    return this.#underWay.includes(undefined);
  }

  /** True when a window is being loaded, so there is no hurry to ask for more. */
  get isLoading(): boolean {
    return this.#underWay.some((planned) => planned !== undefined && !planned.window.isLoaded);
  }

  get hasLoaded(): boolean {
    return this.#underWay.some((planned) => planned?.window.isLoaded === true);
  }

  get isCollecting(): boolean {
    return !this.#collecting.isEmpty;
  }

  /** Adds a file; only while there is room. */
  add(file: WindowFile): void {
    if (this.#collecting.isFullFor(file, this.#slotBytes / 2)) this.flush();
    this.#collecting.add(file);
  }

  /** Adds a piece of a large file, or settles it at once when nothing of it is to be written. */
  addPiece(work: PieceWork): void {
    const path = `${work.folder.path}/${work.name}`;
    try {
      const blobs = locateContent(this.#session.index, idsOf(work.ids), work.offset);
      const wanted = work.fresh ? blobs : this.#differing(work, blobs);
      if (wanted.length === 0 || this.#session.rules.dryRun) {
        return this.#pieceDone(work, wanted.length === 0 ? "unchanged" : "written", blobs, wanted);
      }
      this.add({
        folder: work.folder,
        name: work.name,
        wanted,
        patch: !work.fresh,
        replaces: undefined,
        node: undefined,
        piece: work.file,
        linkKey: undefined,
        totalBytes: contentBytes(blobs),
      });
    } catch (error) {
      this.#session.failed(error, path);
      this.#pieceDone(work, "failed", [], []);
    }
  }

  /** Asks for the content of what was collected. Only while there is room. */
  flush(): void {
    const slot = this.#underWay.indexOf(undefined);
    const window = this.#collecting;
    this.#collecting = new LoadWindow();
    this.#load(slot, window);
  }

  /** Goes on from another copy. What was loaded from the one before is still written. */
  useSource(source: Source): void {
    this.#session.source = source;
    this.#collecting = this.#movedToSource(this.#collecting);
  }

  /** Asks for a window of a copy that was left once more. */
  planAgain(slot: number): void {
    const planned = this.#underWay[slot];
    if (planned !== undefined) this.#load(slot, this.#movedToSource(planned.window));
  }

  #load(slot: number, window: LoadWindow): void {
    const { source } = this.#session;
    this.#underWay[slot] = { window, source };
    const { ranges, totalBytes } = window.plan(this.#slotBytes);
    this.#session.reporter.send({ kind: "load", slot, source: source.number, ranges, totalBytes });
  }

  /** The same files, with the places that their blobs have now. */
  #movedToSource({ files }: LoadWindow): LoadWindow {
    const moved = new LoadWindow();
    for (const file of files) moved.add({ ...file, wanted: file.wanted.map((blob) => this.#moved(blob)) });
    return moved;
  }

  #moved(blob: WantedBlob): WantedBlob {
    try {
      const found = locateBlob(this.#session.index, blob.id);
      if (found.plainBytes === blob.plainBytes) return { ...found, offset: blob.offset };
    } catch (error) {
      if (!(error instanceof LostBlob)) throw error;
    }
    return { ...blob, entry: NOT_STORED };
  }

  loaded(slot: number, room: SharedArrayBuffer | undefined, missing: readonly number[]): void {
    this.#underWay[slot]?.window.loaded(new Uint8Array(room ?? (this.#slots[slot] as SharedArrayBuffer)), missing);
  }

  /** Writes the files of one loaded window. */
  run(): void {
    const slot = this.#underWay.findIndex((planned) => planned?.window.isLoaded === true);
    const planned = this.#underWay[slot];
    if (planned === undefined) return;
    const { window, source } = planned;
    const open: OpenBlob = (blob) =>
      source.opener.open("data", blob.id, window.sealed(blob), blob.place.uncompressedBytes);
    const folders = new Map<number, number>();
    const pieces: PieceDone[] = [];
    for (const file of window.files) {
      this.#session.checkStop();
      if (file.piece === undefined) {
        this.#writeFile(open, file);
        folders.set(file.folder.id, (folders.get(file.folder.id) ?? 0) + 1);
      } else {
        pieces.push(this.#writePiece(open, file, file.piece));
      }
    }
    this.#underWay[slot] = undefined;
    this.#session.reporter.send({ kind: "written", folders: [...folders].flat(), pieces });
  }

  get #slotBytes(): number {
    return (this.#slots[0] as SharedArrayBuffer).byteLength;
  }

  #writeFile(open: OpenBlob, file: WindowFile): void {
    const path = `${file.folder.path}/${file.name}`;
    const bytes = { totalBytes: file.totalBytes, writtenBytes: contentBytes(file.wanted), isNew: !file.patch };
    let ok = false;
    try {
      const folder = this.#session.folders.open(file.folder.path);
      const { node } = file;
      let isComplete = node === undefined;
      this.#writer.writeWhole(folder, open, file, (written) => {
        isComplete ||=
          node !== undefined && this.#session.completeNewFile(written, node, { folder, isOurs: file.folder.fresh });
      });
      if (!isComplete && node !== undefined) this.#session.applyMetadata(folder, node, path);
      ok = true;
    } catch (error) {
      this.#session.failed(error, path);
    }
    this.#session.fileDone(ok ? "written" : "failed", path, bytes);
    if (file.linkKey !== undefined) this.#session.reporter.send({ kind: "linkReady", key: file.linkKey, ok });
  }

  #writePiece(open: OpenBlob, file: WindowFile, piece: number): PieceDone {
    try {
      this.#writer.writePiece(this.#session.folders.open(file.folder.path), open, file);
      this.#countBytes(file.totalBytes, contentBytes(file.wanted));
      return { file: piece, outcome: "written" };
    } catch (error) {
      this.#session.failed(error, `${file.folder.path}/${file.name}`);
      this.#session.reporter.counters.add("bytesFailed", file.totalBytes);
      return { file: piece, outcome: "failed" };
    }
  }

  #pieceDone(
    work: PieceWork,
    outcome: PieceDone["outcome"],
    blobs: readonly WantedBlob[],
    wanted: readonly WantedBlob[],
  ): void {
    this.#countBytes(contentBytes(blobs), contentBytes(wanted));
    this.#session.reporter.send({ kind: "written", folders: [], pieces: [{ file: work.file, outcome }] });
  }

  #countBytes(totalBytes: number, writtenBytes: number): void {
    this.#session.reporter.counters.add("bytesRestored", writtenBytes);
    this.#session.reporter.counters.add("bytesUnchanged", totalBytes - writtenBytes);
  }

  #differing(work: PieceWork, blobs: readonly WantedBlob[]): WantedBlob[] {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = openSync(fsPath(this.#session.folders.open(work.folder.path).at(work.name)), flags);
    try {
      return differingBlobs(file, fstatSync(file).size, blobs);
    } finally {
      closeSync(file);
    }
  }
}

function idsOf(bytes: Uint8Array): Id[] {
  return Array.from({ length: bytes.length / 32 }, (_, n) => idFromBytes(bytes, n * 32));
}
