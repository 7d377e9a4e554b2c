/**
 * Walks folders depth-first in one worker, without promises: an explicit stack of frames. When another worker has nothing
 * to do, the frame nearest to the root gives away half of what it has left; the frame then completes when that comes back.
 */
import { isHoldfastError, systemCode } from "@holdfast/base";
import { lstatNs, readExtendedAttributes, readPlainNode, type RawStat } from "../filesystem/read-metadata.ts";
import { idToBytes, type Id } from "../format/id.ts";
import { encodeNode, encodeNodeHead, type TreeNode } from "../format/node.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { systemReason } from "../platform/libc.ts";
import type { Counters } from "../workers/counters.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import type { BlobStore } from "./blob-store.ts";
import type { FileContentReader } from "./file-content.ts";
import { Frame } from "./frame.ts";
import type { EntryWork, FinishedEntry, ItemLog } from "./item-log.ts";
import { listFolder } from "./list-folder.ts";
import type {
  BACKUP_COUNTERS,
  EntriesTask,
  FromWorker,
  Problem,
  ReadingOptions,
  StoredTree,
  TaskResult,
  ToWorker,
} from "./messages.ts";
import type { ParentEntry, ParentTree, ParentTrees } from "./parent-tree.ts";
import type { Selection } from "./selection.ts";
import { contentIds, contentPlace } from "./stored-json.ts";

/** Entries handled between two looks at the messages. */
const STEP_ENTRIES = 16;
/** Most entries given away at once. */
const GIVE_ENTRIES = 512;
/** Folders whose tree in the parent snapshot is larger stay with one worker: about 100,000 entries. */
const GIVE_PARENT_TREE_BYTES = 32 * 1024 * 1024;
/** A frame on top of the stack holds mostly files; fewer than this are not worth a message. */
const GIVE_FROM_TOP = 32;

export interface WalkerParts {
  readonly blobs: BlobStore;
  readonly contents: FileContentReader;
  readonly counters: Counters<typeof BACKUP_COUNTERS>;
  readonly index: BlobIndex;
  readonly parentTrees: ParentTrees;
  readonly reading: ReadingOptions;
  readonly selection: Selection;
  readonly idle: Int32Array;
  /** Told of every entry, if there is one. */
  readonly items: ItemLog | undefined;
  send(message: FromWorker): void;
  showPath(path: string): void;
}

interface Awaited {
  readonly frame: Frame;
  readonly at: number;
  /** The node of a large file, whose content is read elsewhere. */
  readonly node: TreeNode | undefined;
  readonly previous: ParentEntry | undefined;
  /** When work on it began, for a backup that names its entries. */
  readonly startedMs: number;
}

export class Walker {
  readonly #parts: WalkerParts;
  readonly #stack: Frame[] = [];
  readonly #awaited = new Map<number, Awaited>();
  #tickets = 0;

  constructor(parts: WalkerParts) {
    this.#parts = parts;
  }

  /** True when nothing can be done before a message comes. */
  get resting(): boolean {
    return this.#stack.length === 0;
  }

  start(task: EntriesTask): void {
    this.#stack.push(
      new Frame({
        owner: { kind: "task", task: task.task, asTree: task.asTree === true },
        dir: task.dir,
        storedDir: task.storedDir,
        names: task.names,
        storedNames: task.storedNames,
        explicit: task.explicit,
        device: task.device,
        parentTree: this.#openParent(task.parentTree, task.dir),
        parentTreeId: task.parentTree,
      }),
    );
  }

  /** Handles a few entries of the top frame. */
  step(): void {
    const frame = this.#stack.at(-1);
    if (frame === undefined) return;
    for (let n = 0; n < STEP_ENTRIES && frame === this.#stack.at(-1) && !frame.started; n++) {
      this.#entry(frame, frame.next++);
    }
    if (frame === this.#stack.at(-1) && frame.started) {
      this.#stack.pop();
      frame.parentTree?.release();
      this.#finishIfComplete(frame);
    }
    if (Atomics.load(this.#parts.idle, 0) > 0) this.#giveAway();
  }

  /** Nodes of entries that another worker handled. */
  returned(ticket: number, nodes: readonly (string | null)[]): void {
    const { frame, at } = this.#take(ticket);
    nodes.forEach((node, n) => frame.set(at + n, node));
    this.#finishIfComplete(frame);
  }

  /** A large file was read by the others. */
  largeDone({ ticket, content, sizeBytes, added, isReported }: Extract<ToWorker, { kind: "largeDone" }>): void {
    const { frame, at, node, previous, startedMs } = this.#take(ticket);
    if (node === undefined) throw new Error("not the ticket of a large file");
    if (!isReported) this.#reportLateChange(`${frame.dir}/${frame.names[at]}`, node);
    const work = { startedMs, added };
    this.#fileDone(frame, at, { node: { ...node, content: [...content], size: sizeBytes }, previous, work });
    this.#finishIfComplete(frame);
  }

  largeFailed(ticket: number, problem: Problem): void {
    const { frame, at } = this.#take(ticket);
    this.#problem(problem);
    frame.set(at, null);
    this.#finishIfComplete(frame);
  }

  /** A large file is opened many times, so only a look at the end tells whether it stayed the same. */
  #reportLateChange(path: string, node: TreeNode): void {
    try {
      if (lstatNs(path).mtimeNs === node.mtimeNs) return;
    } catch {
      // It is gone by now: its content was read all the same, and the next backup will not find it.
      return;
    }
    this.#problem({ code: "changed", path, reason: "it was written to while it was read" });
  }

  #take(ticket: number): Awaited {
    const awaited = this.#awaited.get(ticket);
    if (awaited === undefined) throw new Error(`unknown ticket ${ticket}`);
    this.#awaited.delete(ticket);
    return awaited;
  }

  #await(awaited: Awaited): number {
    const ticket = ++this.#tickets;
    this.#awaited.set(ticket, awaited);
    return ticket;
  }

  #giveAway(): void {
    const top = this.#stack.length - 1;
    const at = this.#stack.findIndex(
      ({ names, next, parentTree }, depth) =>
        names.length - next >= (depth === top ? GIVE_FROM_TOP : 1) &&
        // Whoever takes a part opens the parent's tree again.
        (parentTree?.sizeBytes ?? 0) <= GIVE_PARENT_TREE_BYTES,
    );
    const frame = this.#stack[at];
    if (frame === undefined) return;
    // Take back the claim when another worker was faster in seeing the same idle one.
    if (Atomics.sub(this.#parts.idle, 0, 1) <= 0) {
      Atomics.add(this.#parts.idle, 0, 1);
      return;
    }
    // The next ones, and not the last: nodes leave a frame in order, and what comes back early has to wait in memory.
    const from = frame.next;
    const to = from + Math.min(GIVE_ENTRIES, Math.ceil((frame.names.length - from) / 2));
    frame.next = to;
    this.#parts.send({
      kind: "given",
      ticket: this.#await({ frame, at: from, node: undefined, previous: undefined, startedMs: 0 }),
      work: {
        kind: "entries",
        dir: frame.dir,
        storedDir: frame.storedDir,
        names: frame.names.slice(from, to),
        storedNames: frame.storedNames.slice(from, to),
        parentTree: frame.parentTreeId,
        explicit: frame.explicit,
        device: frame.device,
      },
    });
  }

  #entry(frame: Frame, at: number): void {
    const name = frame.names[at] as string;
    const path = frame.dir === "/" ? `/${name}` : `${frame.dir}/${name}`;
    this.#parts.showPath(path);
    this.#parts.items?.begin();
    try {
      this.#storeEntry(frame, at, path);
    } catch (error) {
      if (isHoldfastError(error)) throw error;
      const vanished = systemCode(error) === "ENOENT" && !frame.explicit;
      this.#problem({ code: vanished ? "vanished" : "unreadable", path, reason: systemReason(error) });
      frame.set(at, null);
    }
  }

  #storeEntry(frame: Frame, at: number, path: string): void {
    const { selection, counters } = this.#parts;
    if (!frame.explicit && selection.excludesPath(path)) return this.#exclude(frame, at);
    const found = lstatNs(path);
    const stat = selection.hasAliases ? { ...found, deviceId: selection.device(found.deviceId) } : found;
    const type = stat.type;
    if (selection.isRepository(stat)) {
      this.#parts.send({ kind: "repository", path });
      return this.#exclude(frame, at);
    }
    const foreign = frame.device !== undefined && stat.deviceId !== frame.device;
    if (!frame.explicit && type !== "dir" && (foreign || selection.excludesSize(stat.size))) {
      return this.#exclude(frame, at);
    }
    if (type === "socket") {
      counters.add("socketsSkipped", 1);
      frame.set(at, null);
      return;
    }
    const storedName = frame.storedNames[at] as string;
    const previous = frame.parentTree?.find(storedName);
    const { node, problems } = readPlainNode(path, storedName, stat, this.#parts.reading);
    const same = previous !== undefined && type !== "dir" && problems.length === 0 && this.#same(node, previous);
    if (same) return this.#complete(frame, at, { node, json: previous.json, previous: previous.json });
    node.extendedAttributes = readExtendedAttributes(path, problems);
    for (const reason of problems) this.#problem({ code: "metadata", path, reason });
    if (type === "dir") this.#enter(frame, at, { path, stat, node, previous, foreign });
    else if (type === "file") this.#file(frame, at, { path, node, previous });
    else {
      counters.add("othersDone", 1);
      this.#complete(frame, at, { node, json: encodeNode(node), previous: previous?.json });
    }
  }

  /**
   * True when the stored node can be taken as it is: all metadata is the same, byte for byte. Extended attributes are not
   * read for that: changing one changes the time of change, which is part of what was compared.
   */
  #same(node: TreeNode, previous: ParentEntry): boolean {
    const { json } = previous;
    const head = encodeNodeHead(node);
    if (!json.startsWith(head)) return false;
    const content = contentPlace(json, head.length);
    if (content < 0) return false;
    if (node.type !== "file") {
      this.#parts.counters.add("othersDone", 1);
      return true;
    }
    // Missing content is told by `#unchanged`, which looks again.
    if (!this.#hasAll(contentIds(json, content))) return false;
    this.#parts.counters.add("filesUnmodified", 1);
    this.#parts.counters.add("bytesDone", node.size);
    return true;
  }

  #exclude(frame: Frame, at: number): void {
    this.#parts.counters.add("excluded", 1);
    this.#parts.items?.excluded(frame.storedPath(at));
    frame.set(at, null);
  }

  #enter(
    frame: Frame,
    at: number,
    found: { path: string; stat: RawStat; node: TreeNode; previous: ParentEntry | undefined; foreign: boolean },
  ): void {
    const { path, node, previous } = found;
    const subtree = previous?.decode();
    const parentTreeId = subtree?.type === "dir" ? subtree.subtree : undefined;
    const device = this.#parts.selection.oneFileSystem ? (frame.device ?? found.stat.deviceId) : undefined;
    this.#stack.push(
      new Frame({
        owner: {
          kind: "folder",
          parent: frame,
          at,
          head: encodeNodeHead(node),
          startedMs: this.#parts.items?.startedMs ?? 0,
          previous: previous?.json,
        },
        dir: path,
        storedDir: frame.storedPath(at),
        names: found.foreign ? [] : this.#parts.selection.withoutTagged(path, listFolder(path)),
        explicit: false,
        device,
        parentTree: this.#openParent(parentTreeId, path),
        parentTreeId,
      }),
    );
  }

  #file(frame: Frame, at: number, found: { path: string; node: TreeNode; previous: ParentEntry | undefined }): void {
    const { path, node, previous } = found;
    if (previous !== undefined) {
      const unchanged = this.#unchanged(node, previous, path);
      if (unchanged !== undefined) {
        this.#parts.counters.add("bytesDone", node.size);
        return this.#complete(frame, at, { node, json: unchanged, previous: previous.json });
      }
    }
    if (node.size >= this.#parts.reading.largeFileBytes) {
      this.#parts.send({
        kind: "large",
        ticket: this.#await({ frame, at, node, previous, startedMs: this.#parts.items?.startedMs ?? 0 }),
        path,
        sizeBytes: node.size,
      });
      return;
    }
    const { content, bytes, changed } = this.#parts.contents.readAll(path, node);
    if (changed !== undefined) this.#problem({ code: "changed", path, reason: changed });
    this.#fileDone(frame, at, { node: { ...node, content, size: bytes }, previous });
  }

  #fileDone(
    frame: Frame,
    at: number,
    { node, previous, work }: { node: TreeNode; previous: ParentEntry | undefined; work?: EntryWork },
  ): void {
    const json = encodeNode(node);
    const { counters } = this.#parts;
    counters.add(previous === undefined ? "filesNew" : previous.json === json ? "filesUnmodified" : "filesChanged", 1);
    this.#complete(frame, at, { node, json, previous: previous?.json }, work);
  }

  /** An entry has its node. */
  #complete(frame: Frame, at: number, entry: Omit<FinishedEntry, "path">, work?: EntryWork): void {
    this.#parts.items?.finished({ path: frame.storedPath(at), ...entry }, work);
    frame.set(at, entry.json);
  }

  /** The node to store for a file whose content need not be read again. */
  #unchanged(node: TreeNode, previous: ParentEntry, path: string): string | undefined {
    const before = previous.decode();
    if (!this.#sameContent(node, before) || !this.#contentPresent(before.content ?? [], path)) return undefined;
    const json = encodeNode({ ...node, content: before.content });
    this.#parts.counters.add(json === previous.json ? "filesUnmodified" : "filesChanged", 1);
    return json;
  }

  #sameContent(now: TreeNode, before: TreeNode): boolean {
    const { ignoreCtime, ignoreInode } = this.#parts.reading;
    return (
      before.type === "file" &&
      before.content !== null &&
      now.size === before.size &&
      now.mtimeNs === before.mtimeNs &&
      (ignoreCtime || now.ctimeNs === before.ctimeNs) &&
      (ignoreInode || now.inode === before.inode)
    );
  }

  #contentPresent(ids: readonly string[], path: string): boolean {
    if (this.#hasAll(ids)) return true;
    this.#problem({
      code: "parent-tree",
      path,
      reason: "parts of it are missing in the repository; it is stored again",
    });
    return false;
  }

  #hasAll(ids: readonly string[]): boolean {
    return ids.every((id) => this.#parts.index.has("data", idToBytes(id as Id), 0));
  }

  #openParent(id: Id | undefined, dir: string): ParentTree | undefined {
    if (id === undefined) return undefined;
    try {
      return this.#parts.parentTrees.load(id);
    } catch (error) {
      if (!isHoldfastError(error) || error.kind !== "corrupt") throw error;
      this.#problem({ code: "parent-tree", path: dir, reason: `${error.message}; everything in it is read again` });
      return undefined;
    }
  }

  /** Hands a complete frame on. One that is still on the stack is handed on when it leaves it. */
  #finishIfComplete(frame: Frame): void {
    let done = frame;
    while (done.complete && !this.#stack.includes(done)) {
      const { owner } = done;
      if (owner.kind === "task") {
        const result: TaskResult = owner.asTree
          ? { kind: "wholeTree", tree: this.#wholeTree(done) }
          : { kind: "entries", nodes: done.nodes() };
        this.#parts.send({ kind: "done", task: owner.task, result });
        return;
      }
      this.#folderDone(done, owner);
      done = owner.parent;
    }
  }

  #wholeTree(frame: Frame): StoredTree | undefined {
    if (frame.empty) return undefined;
    const { blobs } = this.#parts;
    const before = blobs.added;
    const tree = frame.tree();
    const id = blobs.put("tree", tree);
    releaseBytes(tree);
    return { id, added: blobs.addedSince(before) };
  }

  #folderDone(frame: Frame, owner: Extract<Frame["owner"], { kind: "folder" }>): void {
    const { blobs, items } = this.#parts;
    const tree = frame.tree();
    const before = items === undefined ? undefined : blobs.added;
    const subtree = blobs.put("tree", tree);
    releaseBytes(tree);
    const json = `${owner.head}"content":null,"subtree":"${subtree}"}`;
    const { counters } = this.#parts;
    if (owner.previous === undefined) counters.add("dirsNew", 1);
    else counters.add(owner.previous === json ? "dirsUnmodified" : "dirsChanged", 1);
    owner.parent.set(owner.at, json);
    if (items === undefined || before === undefined) return;
    const entry = { path: frame.storedDir, node: FOLDER, json, previous: owner.previous };
    items.finished(entry, { startedMs: owner.startedMs, added: blobs.addedSince(before) });
  }

  #problem(problem: Problem): void {
    this.#parts.send({ kind: "problem", problem });
  }
}

const FOLDER = { type: "dir", size: 0 } as const;
