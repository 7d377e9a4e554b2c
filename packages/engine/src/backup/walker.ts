/**
 * Walks folders depth-first in one worker, without promises: an explicit stack of frames. When another worker has nothing
 * to do, the frame nearest to the root gives away half of what it has left; the frame then completes when that comes back.
 */
import { readdirSync } from "node:fs";
import { isHoldfastError, systemCode } from "@holdfast/base";
import { compareNames, decodePath, fsPath } from "../filesystem/path-bytes.ts";
import { lstatNs, readExtendedAttributes, readPlainNode, type RawStat } from "../filesystem/read-metadata.ts";
import { idToBytes, parseId, type Id } from "../format/id.ts";
import { encodeNode, encodeNodeHead, type TreeNode } from "../format/node.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { systemReason } from "../platform/libc.ts";
import type { Counters } from "../workers/counters.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import type { BlobStore } from "./blob-store.ts";
import type { FileContentReader } from "./file-content.ts";
import { Frame } from "./frame.ts";
import type { BACKUP_COUNTERS, EntriesTask, FromWorker, Problem, ReadingOptions, ToWorker } from "./messages.ts";
import type { ParentEntry, ParentTree, ParentTrees } from "./parent-tree.ts";
import type { Selection } from "./selection.ts";

/** Entries handled between two looks at the messages. */
const STEP_ENTRIES = 16;
/** Most entries given away at once. */
const GIVE_ENTRIES = 512;
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
  send(message: FromWorker): void;
  showPath(path: string): void;
}

interface Awaited {
  readonly frame: Frame;
  readonly at: number;
  /** The node of a large file, whose content is read elsewhere. */
  readonly node: TreeNode | undefined;
  readonly previous: ParentEntry | undefined;
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
        owner: { kind: "task", task: task.task },
        dir: task.dir,
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
  largeDone({ ticket, content, sizeBytes, isReported }: Extract<ToWorker, { kind: "largeDone" }>): void {
    const { frame, at, node, previous } = this.#take(ticket);
    if (node === undefined) throw new Error("not the ticket of a large file");
    if (!isReported) this.#reportLateChange(`${frame.dir}/${frame.names[at]}`, node);
    frame.set(at, this.#fileDone({ ...node, content: [...content], size: sizeBytes }, previous));
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
    const at = this.#stack.findIndex((frame, depth) => frame.end - frame.next >= (depth === top ? GIVE_FROM_TOP : 1));
    const frame = this.#stack[at];
    if (frame === undefined) return;
    // Take back the claim when another worker was faster in seeing the same idle one.
    if (Atomics.sub(this.#parts.idle, 0, 1) <= 0) {
      Atomics.add(this.#parts.idle, 0, 1);
      return;
    }
    const count = Math.min(GIVE_ENTRIES, Math.ceil((frame.end - frame.next) / 2));
    frame.end -= count;
    this.#parts.send({
      kind: "given",
      ticket: this.#await({ frame, at: frame.end, node: undefined, previous: undefined }),
      work: {
        kind: "entries",
        dir: frame.dir,
        names: frame.names.slice(frame.end, frame.end + count),
        storedNames: frame.storedNames.slice(frame.end, frame.end + count),
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
    const stat = lstatNs(path);
    const type = stat.type;
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
    if (same) {
      frame.set(at, previous.json);
      return;
    }
    node.extendedAttributes = readExtendedAttributes(path, problems);
    for (const reason of problems) this.#problem({ code: "metadata", path, reason });
    if (type === "dir") this.#enter(frame, at, { path, stat, node, previous, foreign });
    else if (type === "file") this.#file(frame, at, { path, node, previous });
    else {
      counters.add("othersDone", 1);
      frame.set(at, encodeNode(node));
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
    const content = json.startsWith(CONTENT, head.length) ? head.length : afterAttributes(json, head.length);
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
        owner: { kind: "folder", parent: frame, at, head: encodeNodeHead(node), previous: previous?.json },
        dir: path,
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
        frame.set(at, unchanged);
        return;
      }
    }
    if (node.size >= this.#parts.reading.largeFileBytes) {
      this.#parts.send({
        kind: "large",
        ticket: this.#await({ frame, at, node, previous }),
        path,
        sizeBytes: node.size,
      });
      return;
    }
    const { content, bytes, changed } = this.#parts.contents.readAll(path, node);
    if (changed !== undefined) this.#problem({ code: "changed", path, reason: changed });
    frame.set(at, this.#fileDone({ ...node, content, size: bytes }, previous));
  }

  #fileDone(node: TreeNode, previous: ParentEntry | undefined): string {
    const json = encodeNode(node);
    const { counters } = this.#parts;
    counters.add(previous === undefined ? "filesNew" : previous.json === json ? "filesUnmodified" : "filesChanged", 1);
    return json;
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
        this.#parts.send({ kind: "done", task: owner.task, result: { kind: "entries", nodes: done.nodes() } });
        return;
      }
      owner.parent.set(owner.at, this.#folderDone(done, owner));
      done = owner.parent;
    }
  }

  #folderDone(frame: Frame, owner: Extract<Frame["owner"], { kind: "folder" }>): string {
    const tree = frame.tree();
    const subtree = this.#parts.blobs.put("tree", tree);
    releaseBytes(tree);
    const json = `${owner.head}"content":null,"subtree":"${subtree}"}`;
    const { counters } = this.#parts;
    if (owner.previous === undefined) counters.add("dirsNew", 1);
    else counters.add(owner.previous === json ? "dirsUnmodified" : "dirsChanged", 1);
    return json;
  }

  #problem(problem: Problem): void {
    this.#parts.send({ kind: "problem", problem });
  }
}

const CONTENT = '"content":';
const ATTRIBUTES = '"extended_attributes":[';

/** Where the content stands in a node that has extended attributes from `at` on and nothing between both; else -1. */
function afterAttributes(json: string, at: number): number {
  // No text within JSON can hold this: quotes are escaped there.
  const end = json.startsWith(ATTRIBUTES, at) ? json.indexOf(`],${CONTENT}`, at) : -1;
  return end < 0 ? -1 : end + 2;
}

/** The ids in the `"content":[…]` that starts at `at` of a stored node. */
function contentIds(json: string, at: number): string[] {
  const open = json.indexOf("[", at);
  const close = json.indexOf("]", at);
  if (open < 0 || close < open) return [];
  const ids: string[] = [];
  for (let start = open + 2; start + 64 <= close; start += 67) ids.push(parseId(json.slice(start, start + 64)));
  return ids;
}

/** Names in a folder, in the order of their bytes. */
function listFolder(path: string): string[] {
  const target = fsPath(path);
  const names = readdirSync(target, "utf8");
  // U+FFFD shows that a name may not be UTF-8: then only the bytes tell.
  const exact = names.some((name) => name.includes("\uFFFD"))
    ? readdirSync(target, { encoding: "buffer" }).map(decodePath)
    : names;
  return exact.sort(compareNames);
}
