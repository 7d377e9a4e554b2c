/**
 * The order of a restore, on the main thread: which work waits, what belongs to which folder, and when a folder is done. Work is
 * a stack, so that few folders are under way at a time and content is asked for in the order in which a backup stored it.
 */
import type { Id } from "../format/id.ts";
import { FolderState } from "./folder-state.ts";
import { HardLinks, type LinkName } from "./hard-links.ts";
import { LargeFileState } from "./large-files.ts";
import type { EnteredSegment, FromWorker, LinkWork, PieceDone, RestoreRules } from "./messages.ts";

/** Something for a worker to do. */
export type WorkItem =
  | { readonly kind: "tree"; readonly folder: FolderState; readonly tree: Id }
  | { readonly kind: "part"; readonly folder: FolderState; readonly bytes: ArrayBuffer; readonly claimed: boolean }
  | { readonly kind: "piece"; readonly file: LargeFileState; readonly n: number };

/** What the flow asks for; the work itself is taken from `work`. */
export interface FlowEvents {
  /** A folder's metadata may be applied; of several, in this order. */
  finishFolder(path: string, node: string): void;
  finishFile(file: LargeFileState, outcome: PieceDone["outcome"]): void;
  link(link: LinkWork): void;
  /** What the snapshot lacks may be removed from the folder; answered by `cleaned`. */
  clean(folder: FolderState, tree: Id): void;
  rootDone(): void;
}

export class FolderFlow {
  readonly work: WorkItem[] = [];
  readonly #rules: RestoreRules;
  readonly #events: FlowEvents;
  /** Comparing what was restored: folders are gone through, nothing is finished. */
  readonly #isVerifying: boolean;
  readonly #folders = new Map<number, FolderState>();
  readonly #files = new Map<number, LargeFileState>();
  readonly #links = new HardLinks();
  #ids = 0;

  constructor(rules: RestoreRules, events: FlowEvents, { isVerifying }: { isVerifying: boolean }) {
    this.#rules = rules;
    this.#events = events;
    this.#isVerifying = isVerifying;
  }

  /** New large files that are not complete. */
  get incompleteFiles(): LargeFileState[] {
    return [...this.#files.values()].filter(({ file }) => file.fresh);
  }

  /** Begins with the root: a tree, or the bytes of one that is made up. */
  start(root: { tree: Id } | { bytes: ArrayBuffer }, isFresh: boolean): void {
    const tree = "tree" in root ? root.tree : undefined;
    const ref = { id: ++this.#ids, path: "", fresh: isFresh };
    const folder = new FolderState({ ref, parent: undefined, node: undefined, tree, selected: false });
    this.#folders.set(ref.id, folder);
    if ("tree" in root) this.#push({ kind: "tree", folder, tree: root.tree });
    else this.#push({ kind: "part", folder, bytes: root.bytes, claimed: false });
  }

  entered(message: EnteredSegment): void {
    const folder = this.#folder(message.folder);
    const { parts, children, linked, large } = message;
    folder.used ||= message.used;
    folder.incomplete ||= message.incomplete;
    folder.open += message.files + children.length + linked.length + large.length;
    for (const bytes of parts.toReversed()) this.#push({ kind: "part", folder, bytes, claimed: false });
    for (const child of children.toReversed()) {
      const ref = { id: ++this.#ids, path: child.path, fresh: child.fresh };
      const state = new FolderState({ ref, parent: folder, ...child });
      this.#folders.set(ref.id, state);
      if (child.tree === undefined) this.#check(state);
      else this.#push({ kind: "tree", folder: state, tree: child.tree });
    }
    for (const file of linked) this.#addLink({ folder, file });
    for (const file of large) {
      const state = new LargeFileState(++this.#ids, folder, file);
      this.#files.set(state.id, state);
      for (let n = file.pieces.length - 1; n >= 0; n--) this.work.push({ kind: "piece", file: state, n });
      if (state.isDone) this.#events.finishFile(state, state.outcome);
    }
    this.#workDone(folder);
  }

  /** A tree could not be had at all. */
  lost(folder: FolderState): void {
    folder.incomplete = true;
    this.#workDone(folder);
  }

  written({ folders, pieces }: Extract<FromWorker, { kind: "written" }>): void {
    for (let n = 0; n < folders.length; n += 2) {
      const folder = this.#folder(folders[n] as number);
      folder.open -= folders[n + 1] as number;
      this.#check(folder);
    }
    for (const { file, outcome } of pieces) {
      const state = this.#file(file);
      state.pieceDone(outcome);
      if (state.isDone) this.#events.finishFile(state, state.outcome);
    }
  }

  fileFinished(id: number, ok: boolean): void {
    const { folder, file } = this.#file(id);
    this.#files.delete(id);
    if (file.linkKey !== undefined) this.linkReady(file.linkKey, ok);
    this.#closeOne(folder);
  }

  linkReady(key: string, ok: boolean): void {
    const { links, restore } = this.#links.ready(key, ok);
    for (const { name, to } of links) this.#link(name, to);
    if (restore !== undefined) this.#restoreFirst(restore);
  }

  linked(folders: readonly number[]): void {
    for (const id of folders) this.#closeOne(this.#folder(id));
  }

  cleaned(id: number): void {
    this.#workDone(this.#folder(id));
  }

  #push(item: Exclude<WorkItem, { kind: "piece" }>): void {
    item.folder.works += 1;
    this.work.push(item);
  }

  #addLink(name: LinkName): void {
    const what = this.#links.add(name);
    if (what.kind === "restore") this.#restoreFirst(name);
    else if (what.kind === "link") this.#link(name, what.to);
  }

  #restoreFirst({ folder, file }: LinkName): void {
    // From here on the work counts for it, and then the file that the worker reports.
    folder.open -= 1;
    const bytes = new TextEncoder().encode(`{"nodes":[${file.node}]}`).buffer;
    this.#push({ kind: "part", folder, bytes, claimed: true });
  }

  #link({ folder, file }: LinkName, to: LinkName): void {
    this.#events.link({
      folder: folder.ref,
      name: file.name,
      node: file.node,
      toFolder: to.folder.ref.path,
      toName: to.file.name,
    });
  }

  #workDone(folder: FolderState): void {
    folder.works -= 1;
    this.#check(folder);
  }

  #closeOne(folder: FolderState): void {
    folder.open -= 1;
    this.#check(folder);
  }

  /** Finishes a folder that is done, and those above it that are done by that. */
  #check(folder: FolderState): void {
    for (let at: FolderState | undefined = folder; at !== undefined && at.isDone; at = at.parent) {
      if (!this.#isVerifying && this.#mustClean(at)) return this.#clean(at);
      this.#folders.delete(at.ref.id);
      const isUsed = at.selected || at.used;
      if (at.node !== undefined && isUsed && !this.#isVerifying) this.#events.finishFolder(at.ref.path, at.node);
      if (at.parent === undefined) return this.#events.rootDone();
      at.parent.used ||= isUsed;
      at.parent.open -= 1;
    }
  }

  #mustClean(folder: FolderState): boolean {
    if (!this.#rules.delete || folder.cleaned || folder.incomplete || folder.ref.fresh) return false;
    return folder.tree !== undefined && (folder.selected || folder.used);
  }

  #clean(folder: FolderState): void {
    folder.cleaned = true;
    folder.works += 1;
    this.#events.clean(folder, folder.tree as Id);
  }

  #folder(id: number): FolderState {
    const folder = this.#folders.get(id);
    if (folder === undefined) throw new Error(`no folder ${id} is under way`);
    return folder;
  }

  #file(id: number): LargeFileState {
    const file = this.#files.get(id);
    if (file === undefined) throw new Error(`no large file ${id} is under way`);
    return file;
  }
}
