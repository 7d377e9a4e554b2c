/** Decides in a worker what to do with a regular file of a snapshot, and prepares it. Content comes later, by window or piece. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync } from "node:fs";
import { systemCode } from "@holdfast/base";
import { fsPath } from "../filesystem/path-bytes.ts";
import { rawStat, type RawStat } from "../filesystem/read-metadata.ts";
import { encodeNode, type TreeNode } from "../format/node.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { AnchoredFolder } from "./anchored-folder.ts";
import { contentBytes, cutIntoPieces, differingBlobs, locateContent } from "./file-content.ts";
import type { WantedBlob } from "./load-window.ts";
import type { LargeFile, RestoreRules } from "./messages.ts";
import { closeNewFile, createFile } from "./new-file.ts";
import { mayOverwrite, occupantOf, removeEntry } from "./occupants.ts";
import { TargetError } from "./target-error.ts";

/** Files of at least this size are restored in pieces by all workers. */
const LARGE_FILE_BYTES = 2 * 1024 * 1024;
/** As are files of more blobs, whatever their sizes. */
const MANY_BLOBS = 64;

export type FilePlan =
  /** The overwrite rule keeps what is there. */
  | { readonly kind: "skip" }
  /** The content is there already. */
  | { readonly kind: "unchanged" }
  | {
      readonly kind: "write";
      /** Write into the file that is there rather than create it. */
      readonly patch: boolean;
      readonly wanted: readonly WantedBlob[];
      /** Type of what stands there and must make room for the new file. */
      readonly replaces: string | undefined;
      /** Of the whole content. */
      readonly totalBytes: number;
    }
  | { readonly kind: "large"; readonly file: LargeFile; readonly totalBytes: number };

/** What is known of the place where a file goes. */
export interface FilePlace {
  /** `undefined` in a dry run for a folder that does not exist. */
  readonly folder: AnchoredFolder | undefined;
  readonly fresh: boolean;
  readonly node: TreeNode;
  readonly linkKey: string | undefined;
}

export class FilePlanner {
  readonly #source: { readonly index: BlobIndex };
  readonly #rules: RestoreRules;

  /** @param source asked for its index each time, which may become another one */
  constructor(source: { readonly index: BlobIndex; readonly rules: RestoreRules }) {
    this.#source = source;
    this.#rules = source.rules;
  }

  /** @throws LostBlob, and what the system throws */
  plan(place: FilePlace): FilePlan {
    const { folder, node } = place;
    const occupant = folder === undefined || place.fresh ? undefined : occupantOf(folder, node.name);
    if (occupant !== undefined && !mayOverwrite(this.#rules.overwrite, node, occupant)) return { kind: "skip" };
    if (occupant !== undefined && this.#looksUnchanged(node, occupant)) return { kind: "unchanged" };
    const blobs = this.#blobsOf(node);
    if (occupant?.type === "file" && folder !== undefined) {
      const plan = this.#planExisting(folder, place, occupant, blobs);
      if (plan !== undefined) return plan;
    }
    if (blobs !== undefined) {
      return { kind: "write", patch: false, wanted: blobs, replaces: occupant?.type, totalBytes: contentBytes(blobs) };
    }
    // A blob that the index lacks is found here, before anything is removed.
    const plan = this.#planLarge(place, true);
    if (folder !== undefined && !this.#rules.dryRun) {
      if (occupant !== undefined) removeEntry(folder, node.name, occupant.type, this.#rules.delete);
      allocate(folder, node.name, plan.totalBytes);
    }
    return plan;
  }

  /** The blobs of a file; `undefined` for a large one, of which only pieces are held in memory. */
  #blobsOf({ size, content }: TreeNode): readonly WantedBlob[] | undefined {
    const ids = content ?? [];
    if (size >= LARGE_FILE_BYTES || ids.length > MANY_BLOBS) return undefined;
    const blobs = locateContent(this.#source.index, ids, 0);
    // The size that a tree tells may be a lie.
    return contentBytes(blobs) < LARGE_FILE_BYTES ? blobs : undefined;
  }

  /** What to do with a file that is there; `undefined` when it must make room for a new one. */
  #planExisting(
    folder: AnchoredFolder,
    place: FilePlace,
    occupant: RawStat,
    blobs: readonly WantedBlob[] | undefined,
  ): FilePlan | undefined {
    const { node } = place;
    // Writing into a file with several links would change the others too.
    const isOurs = occupant.links === 1 && canWrite(folder, node.name);
    if (blobs === undefined && isOurs) return this.#planLarge(place, false);
    return this.#planPatch(
      folder,
      node.name,
      blobs ?? locateContent(this.#source.index, node.content ?? [], 0),
      isOurs,
    );
  }

  #looksUnchanged(node: TreeNode, occupant: RawStat): boolean {
    if (this.#rules.overwrite !== "if-changed" || occupant.type !== "file") return false;
    return node.size === occupant.size && node.mtimeNs === occupant.mtimeNs;
  }

  #planPatch(
    folder: AnchoredFolder,
    name: string,
    blobs: readonly WantedBlob[],
    isOurs: boolean,
  ): FilePlan | undefined {
    const totalBytes = contentBytes(blobs);
    const file = openExisting(folder, name, constants.O_RDONLY);
    if (file === undefined) return undefined;
    try {
      const { size, type } = rawStat(fstatSync(file, { bigint: true }));
      if (type !== "file") return undefined;
      const wanted = differingBlobs(file, size, blobs);
      if (wanted.length === 0 && size === totalBytes) return { kind: "unchanged" };
      return isOurs ? { kind: "write", patch: true, wanted, replaces: undefined, totalBytes } : undefined;
    } finally {
      closeSync(file);
    }
  }

  #planLarge({ node, linkKey }: FilePlace, fresh: boolean): FilePlan & { kind: "large" } {
    const { ids, pieces, totalBytes } = cutIntoPieces(this.#source.index, node.content ?? []);
    const json = encodeNode({ ...node, content: [] });
    const file = { name: node.name, node: json, fresh, sizeBytes: totalBytes, linkKey, ids, pieces };
    return { kind: "large", file, totalBytes };
  }
}

/** A file of the target, `undefined` when this process may not open it that way or it is no file. */
function openExisting(folder: AnchoredFolder, name: string, access: number): number | undefined {
  try {
    // Without waiting: by now it could be a pipe.
    return openSync(fsPath(folder.at(name)), access | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (REPLACEABLE.has(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** Not readable or writable by us, in use as a program, or no file any more. */
const REPLACEABLE = new Set(["EACCES", "ETXTBSY", "ELOOP", "ENXIO", "ENOENT"]);

function canWrite(folder: AnchoredFolder, name: string): boolean {
  const file = openExisting(folder, name, constants.O_RDWR);
  if (file !== undefined) closeSync(file);
  return file !== undefined;
}

function allocate(folder: AnchoredFolder, name: string, sizeBytes: number): void {
  const file = createFile(folder, name);
  try {
    ftruncateSync(file, sizeBytes);
  } finally {
    closeNewFile(folder, file);
  }
}

/** Opens a file of the target for writing into it. @throws TargetError when it is another one by now, and what the system throws */
export function openForPatch(folder: AnchoredFolder, name: string): number {
  const file = openSync(fsPath(folder.at(name)), constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const { type, links } = rawStat(fstatSync(file, { bigint: true }));
  if (type === "file" && links === 1) return file;
  closeSync(file);
  throw new TargetError("it was replaced while it was restored");
}
