/** What follows the content, in a worker: metadata of folders and large files, hard links, and deleting what is not wanted. */
import { closeSync, ftruncateSync, linkSync, unlinkSync } from "node:fs";
import { fsPath } from "../filesystem/path-bytes.ts";
import { parseNode, type TreeNode } from "../format/node.ts";
import { treeSlices } from "../format/tree.ts";
import type { AnchoredFolder } from "./anchored-folder.ts";
import { openForPatch } from "./file-planner.ts";
import { plainTree } from "./folder-walk.ts";
import type { LinkWork, RestoreCounts, ToWorker } from "./messages.ts";
import { mayOverwrite, namesIn, occupantOf, removeEntry } from "./occupants.ts";
import type { RestoreSelection } from "./selection.ts";
import type { Session } from "./session.ts";
import { problemOf } from "./target-error.ts";

type Message<K extends ToWorker["kind"]> = Extract<ToWorker, { kind: K }>;

export class Finisher {
  readonly #session: Session;
  readonly #selection: RestoreSelection;

  constructor(session: Session, selection: RestoreSelection) {
    this.#session = session;
    this.#selection = selection;
  }

  /** Metadata of folders whose content is complete, in the order given. */
  finishFolders({ folders }: Message<"finishFolders">): void {
    const { reporter, rules } = this.#session;
    for (const { path, node } of folders) {
      const above = path.slice(0, path.lastIndexOf("/"));
      const apply = (folder: AnchoredFolder): void => this.#session.completeFolder(folder, parseNode(node), path);
      if (!rules.dryRun && !this.#session.inFolder(above, path, apply)) continue;
      reporter.counters.add("folders", 1);
      reporter.entry("restored", "dir", path, 0);
    }
    reporter.send({ kind: "foldersFinished", count: folders.length });
  }

  /** The end of a large file: all pieces are written, or one could not be. */
  finishFile({ file, folder, name, node, fresh, sizeBytes, outcome }: Message<"finishFile">): void {
    const { reporter, rules } = this.#session;
    const path = `${folder.path}/${name}`;
    const finish = (anchor: AnchoredFolder): void => {
      if (outcome !== "failed") {
        if (!fresh) setSize(anchor, name, sizeBytes);
        this.#session.applyMetadata(anchor, parseNode(node), path);
      } else if (fresh) {
        // What is not complete must not look so. One that was there before keeps a new time of modification.
        unlinkSync(fsPath(anchor.at(name)));
      }
    };
    const finished = rules.dryRun || this.#session.inFolder(folder.path, path, finish);
    const done = finished ? outcome : "failed";
    reporter.counters.add(counterOf(done, fresh), 1);
    if (done === "unchanged") reporter.entry("unchanged", "file", path, sizeBytes);
    if (done === "written") reporter.entry(fresh ? "restored" : "updated", "file", path, sizeBytes);
    reporter.send({ kind: "fileFinished", file, ok: done !== "failed" });
  }

  /** Further names of files that are restored already. */
  link({ links }: Message<"links">): void {
    for (const link of links) {
      const path = `${link.folder.path}/${link.name}`;
      if (this.#session.rules.dryRun) this.#linked(path);
      else this.#session.inFolder(link.folder.path, path, (folder) => this.#linkOne(folder, link, path));
    }
    this.#session.reporter.send({ kind: "linked", folders: links.map(({ folder }) => folder.id) });
  }

  #linkOne(folder: AnchoredFolder, link: LinkWork, path: string): void {
    const { rules, folders, reporter } = this.#session;
    const node: TreeNode = parseNode(link.node);
    const occupant = link.folder.fresh ? undefined : occupantOf(folder, link.name);
    if (occupant !== undefined && !mayOverwrite(rules.overwrite, node, occupant)) {
      // Not among the files, as links that are made are not.
      reporter.counters.add("othersSkipped", 1);
      reporter.entry("skipped", "file", path, 0);
      return reporter.untouched(path);
    }
    const source = folders.open(link.toFolder);
    const first = occupantOf(source, link.toName);
    const isLinked = first !== undefined && occupant?.inode === first.inode && occupant.deviceId === first.deviceId;
    if (!isLinked) {
      if (occupant !== undefined) removeEntry(folder, link.name, occupant.type, rules.delete);
      linkSync(fsPath(source.at(link.toName)), fsPath(folder.at(link.name)));
    }
    this.#linked(path);
  }

  #linked(path: string): void {
    this.#session.reporter.counters.add("links", 1);
    this.#session.reporter.entry("restored", "file", path, 0);
  }

  /** Removes what a restored folder has and the snapshot does not, as far as it is selected. */
  clean({ bytes, work }: Message<"clean">): void {
    const { path, id } = work.folder;
    this.#session.inFolder(path, path || "/", (folder) => {
      const wanted = new Set<string>();
      for (const { name } of treeSlices(plainTree(this.#session, bytes, work))) wanted.add(name);
      for (const name of namesIn(folder)) {
        this.#session.checkStop();
        const entryPath = `${path}/${name}`;
        if (!wanted.has(name) && this.#selection.select(entryPath, false).selected)
          this.#remove(folder, name, entryPath);
      }
    });
    this.#session.reporter.send({ kind: "cleaned", folder: id });
  }

  #remove(folder: AnchoredFolder, name: string, path: string): void {
    const { reporter, rules } = this.#session;
    try {
      const occupant = occupantOf(folder, name);
      if (occupant === undefined) return;
      if (!rules.dryRun) removeEntry(folder, name, occupant.type, true);
      reporter.counters.add("deleted", 1);
      reporter.entry("deleted", occupant.type, path, 0);
    } catch (error) {
      reporter.problem({ ...problemOf(error, path), code: "not-deleted" });
    }
  }
}

function setSize(folder: AnchoredFolder, name: string, sizeBytes: number): void {
  const file = openForPatch(folder, name);
  try {
    ftruncateSync(file, sizeBytes);
  } finally {
    closeSync(file);
  }
}

function counterOf(outcome: "written" | "unchanged" | "failed", fresh: boolean): keyof RestoreCounts {
  if (outcome === "failed") return "filesFailed";
  if (outcome === "unchanged") return "filesUnchanged";
  return fresh ? "filesRestored" : "filesUpdated";
}
