/** What all parts of a restore worker use. */
import { applyMetadata } from "../filesystem/apply-metadata.ts";
import type { TreeNode } from "../format/node.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { AnchoredFolder } from "./anchored-folder.ts";
import type { BlobOpener } from "./blob-opener.ts";
import type { RestoreRules } from "./messages.ts";
import { completeFolder, completeNewFile } from "./new-file.ts";
import type { Reporter } from "./reporter.ts";
import type { TargetFolders } from "./target-folders.ts";
import { problemOf } from "./target-error.ts";

/** The copy of the repository that is read, as a worker knows it. */
export interface Source {
  readonly number: number;
  readonly index: BlobIndex;
  readonly opener: BlobOpener;
}

export interface SessionParts {
  readonly rules: RestoreRules;
  readonly source: Source;
  readonly folders: TargetFolders;
  readonly reporter: Reporter;
  /** Throws when the worker must stop. */
  checkStop(): void;
}

export class Session {
  readonly rules: RestoreRules;
  /** Another one once the restore goes on from another copy. */
  source: Source;
  readonly folders: TargetFolders;
  readonly reporter: Reporter;
  readonly checkStop: () => void;
  readonly #metadata: { owner?: boolean };

  constructor(parts: SessionParts) {
    this.rules = parts.rules;
    this.source = parts.source;
    this.folders = parts.folders;
    this.reporter = parts.reporter;
    this.checkStop = () => parts.checkStop();
    this.#metadata = parts.rules.owner === undefined ? {} : { owner: parts.rules.owner };
  }

  get index(): BlobIndex {
    return this.source.index;
  }

  get opener(): BlobOpener {
    return this.source.opener;
  }

  /** Gives a new file that is open its metadata. @returns false when `applyMetadata` must do it */
  completeNewFile(file: number, node: TreeNode, place: { folder: AnchoredFolder; isOurs: boolean }): boolean {
    return completeNewFile(file, node, { ...place, owner: this.rules.owner });
  }

  /** Gives a folder its metadata, through its own descriptor where that is possible. */
  completeFolder(above: AnchoredFolder, node: TreeNode, path: string): void {
    if (!completeFolder(above, node, this.#metadata)) this.applyMetadata(above, node, path);
  }

  /** Gives an entry its metadata; what is refused is reported. */
  applyMetadata(folder: AnchoredFolder, node: TreeNode, path: string): void {
    for (const { reason } of applyMetadata(folder.at(node.name), node, this.#metadata)) {
      this.reporter.problem({ code: "metadata", path, reason });
    }
  }

  /** Reports a failure at a path. @throws the error when it is no matter of this path alone */
  failed(error: unknown, path: string): void {
    this.reporter.problem(problemOf(error, path));
    this.reporter.untouched(path);
  }

  /**
   * Runs `work` on an entry of a folder that exists. What it throws about the target is reported.
   * @returns whether it succeeded
   */
  inFolder(folderPath: string, path: string, work: (folder: AnchoredFolder) => void): boolean {
    try {
      work(this.folders.open(folderPath));
      return true;
    } catch (error) {
      this.failed(error, path);
      return false;
    }
  }

  /** A regular file is done. */
  fileDone(outcome: "written" | "unchanged" | "skipped" | "failed", path: string, bytes: FileBytes): void {
    const { counters } = this.reporter;
    const { totalBytes, writtenBytes } = bytes;
    if (outcome === "written") {
      counters.add(bytes.isNew ? "filesRestored" : "filesUpdated", 1);
      counters.add("bytesRestored", writtenBytes);
      counters.add("bytesUnchanged", Math.max(0, totalBytes - writtenBytes));
      this.reporter.entry(bytes.isNew ? "restored" : "updated", "file", path, totalBytes);
    } else if (outcome === "unchanged") {
      counters.add("filesUnchanged", 1);
      counters.add("bytesUnchanged", totalBytes);
      this.reporter.entry("unchanged", "file", path, totalBytes);
    } else if (outcome === "skipped") {
      counters.add("filesSkipped", 1);
      counters.add("bytesSkipped", totalBytes);
      this.reporter.entry("skipped", "file", path, totalBytes);
      this.reporter.untouched(path);
    } else {
      counters.add("filesFailed", 1);
      counters.add("bytesFailed", totalBytes);
    }
  }
}

export interface FileBytes {
  readonly totalBytes: number;
  readonly writtenBytes: number;
  readonly isNew: boolean;
}
