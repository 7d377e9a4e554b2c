/** Goes through the entries of folders in one worker. What can be restored at once is; files wait in a window for content. */
import { isCreatable, createNode } from "../filesystem/create-node.ts";
import { encodePath } from "../filesystem/path-bytes.ts";
import { readLink } from "../filesystem/read-metadata.ts";
import { encodeNode, type TreeNode } from "../format/node.ts";
import type { AnchoredFolder } from "./anchored-folder.ts";
import { contentBytes } from "./file-content.ts";
import { FilePlanner, type FilePlan } from "./file-planner.ts";
import type { WindowFile } from "./load-window.ts";
import type { ChildFolder, EnteredSegment, EntriesWork, FolderRef, LargeFile, LinkedFile } from "./messages.ts";
import { mayOverwrite, occupantOf, removeEntry } from "./occupants.ts";
import type { RestoreSelection } from "./selection.ts";
import type { Session } from "./session.ts";
import { type TreeEntries, type UnusableEntry, partEntries, treeEntries } from "./tree-entries.ts";

/** The system takes no longer paths. */
const MAX_PATH_BYTES = 4095;
/** Entries handled between two looks at the messages. */
const STEP_ENTRIES = 32;
/** Most segments that are done and not told of. */
const MAX_UNTOLD = 16;

/** Entries of one folder on their way. */
interface Segment {
  readonly folder: FolderRef;
  readonly nodes: readonly TreeNode[];
  readonly parts: readonly ArrayBuffer[];
  /** Its files are the first of their hard links. */
  readonly claimed: boolean;
  next: number;
  anchor: AnchoredFolder | undefined;
  used: boolean;
  incomplete: boolean;
  files: number;
  readonly children: ChildFolder[];
  readonly linked: LinkedFile[];
  readonly large: LargeFile[];
}

export class FolderWalk {
  readonly #session: Session;
  readonly #selection: RestoreSelection;
  readonly #planner: FilePlanner;
  readonly #addFile: (file: WindowFile) => void;
  readonly #hasRoom: () => boolean;
  readonly #maxPathBytes: number;
  readonly #queue: { bytes: ArrayBuffer; work: EntriesWork }[] = [];
  #entered: EnteredSegment[] = [];
  #segment: Segment | undefined;

  constructor(parts: {
    session: Session;
    selection: RestoreSelection;
    target: string;
    addFile: (file: WindowFile) => void;
    /** Whether `addFile` may be called. */
    hasRoom: () => boolean;
  }) {
    this.#session = parts.session;
    this.#selection = parts.selection;
    this.#planner = new FilePlanner(parts.session);
    this.#addFile = parts.addFile;
    this.#hasRoom = parts.hasRoom;
    this.#maxPathBytes = MAX_PATH_BYTES - encodePath(parts.target).length;
  }

  get isDone(): boolean {
    return this.#segment === undefined && this.#queue.length === 0;
  }

  enqueue(bytes: ArrayBuffer, works: readonly EntriesWork[]): void {
    for (const work of works) this.#queue.push({ bytes, work });
  }

  /** Handles a few entries. */
  step(): void {
    if (this.#segment === undefined) {
      const next = this.#queue.shift();
      if (next !== undefined) this.#segment = this.#begin(next.bytes, next.work);
    }
    const segment = this.#segment;
    if (segment === undefined) return;
    const end = Math.min(segment.nodes.length, segment.next + STEP_ENTRIES);
    // Others may have been opened since the last step, and this one closed for it.
    segment.anchor = undefined;
    while (segment.next < end && this.#hasRoom()) this.#entry(segment, segment.nodes[segment.next++] as TreeNode);
    if (segment.next === segment.nodes.length) this.#end(segment);
  }

  #begin(bytes: ArrayBuffer, work: EntriesWork): Segment {
    const { nodes, parts, unusable, isWhole } = readEntries(this.#session, bytes, work);
    const { path } = work.folder;
    for (const { name, code, reason } of unusable) {
      this.#session.reporter.problem({ code, path: name === "" ? path || "/" : `${path}/${name}`, reason });
    }
    return {
      folder: work.folder,
      nodes,
      parts,
      claimed: work.form === "claimed",
      next: 0,
      anchor: undefined,
      used: false,
      incomplete: !isWhole,
      files: 0,
      children: [],
      linked: [],
      large: [],
    };
  }

  #end(segment: Segment): void {
    this.#segment = undefined;
    const { folder, used, incomplete, files, children, parts, linked, large } = segment;
    this.#entered.push({ folder: folder.id, used, incomplete, files, children, parts, linked, large });
    // Work for others is told at once; other folders of the same batch can wait, since a message costs as much as a file.
    const hasWork = parts.length > 0 || large.length > 0;
    if (hasWork || this.#queue.length === 0 || this.#entered.length >= MAX_UNTOLD) {
      this.#session.reporter.send({ kind: "entered", segments: this.#entered });
      this.#entered = [];
    }
  }

  #entry(segment: Segment, node: TreeNode): void {
    const path = `${segment.folder.path}/${node.name}`;
    const { reporter } = this.#session;
    if (node.type === "socket") {
      reporter.counters.add("socketsSkipped", 1);
      return;
    }
    const { selected, descend } = this.#selection.select(path, node.type === "dir");
    if (!selected && !descend) return;
    segment.used ||= selected;
    try {
      if (node.type === "dir") this.#folder(segment, node, path, { selected, descend });
      else if (node.type === "file") this.#file(segment, node, path);
      else this.#other(segment, node, path);
    } catch (error) {
      this.#session.failed(error, path);
      if (node.type === "file") this.#fileEnded(segment, node, path, "failed");
    }
  }

  /** The folder that the entries go to, made if need be; `undefined` in a dry run when it does not exist. */
  #anchor(segment: Segment): AnchoredFolder | undefined {
    if (segment.anchor !== undefined) return segment.anchor;
    const { folders, rules } = this.#session;
    const { path } = segment.folder;
    segment.anchor = rules.dryRun ? folders.openIfThere(path) : folders.ensure(path);
    return segment.anchor;
  }

  #folder(segment: Segment, node: TreeNode, path: string, how: { selected: boolean; descend: boolean }): void {
    const { reporter, folders } = this.#session;
    if (encodePath(path).length > this.#maxPathBytes) {
      reporter.problem({ code: "not-restored", path, reason: "the path is too long for the system" });
      return;
    }
    const fresh = how.selected ? folders.make(this.#anchor(segment), node.name).fresh : false;
    if (node.subtree === undefined) {
      reporter.problem({ code: "damaged", path, reason: "the folder has no tree" });
    }
    const tree = how.descend ? node.subtree : undefined;
    segment.children.push({ path, fresh, node: encodeNode(node), tree, selected: how.selected });
  }

  #file(segment: Segment, node: TreeNode, path: string): void {
    const { reporter } = this.#session;
    if (node.links > 1 && !segment.claimed) {
      // It is linked later and by any worker, when its folder must be there: also if nothing else in it is restored.
      this.#anchor(segment);
      segment.linked.push({ name: node.name, key: `${node.deviceId}:${node.inode}`, node: encodeNode(node) });
      return;
    }
    reporter.counters.add("filesTotal", 1);
    reporter.counters.add("bytesTotal", node.size);
    const { fresh } = segment.folder;
    const folder = this.#anchor(segment);
    const linkKey = segment.claimed ? `${node.deviceId}:${node.inode}` : undefined;
    this.#carryOut(segment, node, path, this.#planner.plan({ folder, fresh, node, linkKey }));
  }

  #carryOut(segment: Segment, node: TreeNode, path: string, plan: FilePlan): void {
    const { reporter, rules } = this.#session;
    if (plan.kind === "skip") return this.#fileEnded(segment, node, path, "skipped");
    if (plan.kind === "unchanged") {
      if (segment.anchor !== undefined && !rules.dryRun) this.#session.applyMetadata(segment.anchor, node, path);
      return this.#fileEnded(segment, node, path, "unchanged");
    }
    if (plan.totalBytes !== node.size) {
      const reason = `the snapshot says ${node.size} bytes, the content has ${plan.totalBytes}`;
      reporter.problem({ code: "damaged", path, reason });
    }
    const isNew = plan.kind === "large" ? plan.file.fresh : !plan.patch;
    if (rules.dryRun && (isNew || plan.kind === "write")) {
      const writtenBytes = plan.kind === "write" ? contentBytes(plan.wanted) : plan.totalBytes;
      this.#session.fileDone("written", path, { totalBytes: plan.totalBytes, writtenBytes, isNew });
      return this.#linkReady(segment, node, true);
    }
    if (plan.kind === "large") {
      segment.large.push(plan.file);
      return;
    }
    const linkKey = segment.claimed ? `${node.deviceId}:${node.inode}` : undefined;
    const { patch, wanted, replaces, totalBytes } = plan;
    segment.files += 1;
    this.#addFile({
      folder: segment.folder,
      name: node.name,
      wanted,
      patch,
      replaces,
      node,
      piece: undefined,
      linkKey,
      totalBytes,
    });
  }

  #fileEnded(segment: Segment, node: TreeNode, path: string, outcome: "unchanged" | "skipped" | "failed"): void {
    this.#session.fileDone(outcome, path, { totalBytes: node.size, writtenBytes: 0, isNew: false });
    this.#linkReady(segment, node, outcome !== "failed");
  }

  #linkReady(segment: Segment, node: TreeNode, ok: boolean): void {
    if (!segment.claimed) return;
    this.#session.reporter.send({ kind: "linkReady", key: `${node.deviceId}:${node.inode}`, ok });
  }

  /** A link, device or pipe. */
  #other(segment: Segment, node: TreeNode, path: string): void {
    const { reporter, rules } = this.#session;
    if (!isCreatable(node)) {
      reporter.problem({ code: "not-restored", path, reason: `its type '${node.type}' cannot be made` });
      return;
    }
    const folder = this.#anchor(segment);
    const occupant = folder === undefined || segment.folder.fresh ? undefined : occupantOf(folder, node.name);
    if (occupant !== undefined && !mayOverwrite(rules.overwrite, node, occupant)) {
      reporter.counters.add("othersSkipped", 1);
      reporter.entry("skipped", node.type, path, 0);
      reporter.untouched(path);
      return;
    }
    if (!rules.dryRun && folder !== undefined) {
      const isSameLink =
        occupant?.type === "symlink" && node.type === "symlink" && readLink(folder.at(node.name)) === node.linkTarget;
      if (!isSameLink) {
        if (occupant !== undefined) removeEntry(folder, node.name, occupant.type, rules.delete);
        createNode(folder.at(node.name), node);
      }
      this.#session.applyMetadata(folder, node, path);
    }
    reporter.counters.add("others", 1);
    reporter.entry("restored", node.type, path, 0);
  }
}

/** Decodes what a piece of work brings. A tree that is lost has no entries and is reported as unusable. */
export function readEntries(
  session: Session,
  bytes: ArrayBuffer,
  work: EntriesWork,
): TreeEntries & { readonly isWhole: boolean } {
  const stored = new Uint8Array(bytes, work.offset, work.lengthBytes);
  if (work.form === "part" || work.form === "claimed") {
    const unusable: UnusableEntry[] = [];
    const nodes = partEntries(stored, unusable);
    return { nodes, parts: [], unusable, isWhole: unusable.length === 0 };
  }
  try {
    const entries = treeEntries(plainTree(session, bytes, work));
    return { ...entries, isWhole: entries.unusable.length === 0 };
  } catch (error) {
    session.failed(error, work.folder.path || "/");
    return { nodes: [], parts: [], unusable: [], isWhole: false };
  }
}

/** The plain bytes of a tree, valid until the next blob is opened. @throws LostBlob */
export function plainTree(session: Session, bytes: ArrayBuffer, work: EntriesWork): Uint8Array {
  const stored = new Uint8Array(bytes, work.offset, work.lengthBytes);
  if (work.form !== "sealed" || work.tree === undefined) return stored;
  return session.opener.open("tree", work.tree, stored, work.uncompressedBytes);
}
