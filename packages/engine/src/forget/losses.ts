/**
 * Finds what snapshots need and the repository no longer has. A restic that prunes does not know of forgotten snapshots, so one
 * may lack data when it is to be brought back.
 */
import { isHoldfastError, messageOf } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { idToBytes, type Id } from "../format/id.ts";
import { decodeTree } from "../format/tree.ts";
import type { TreeNode } from "../format/node.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";

/** Losses kept for one snapshot; beyond them they are only counted as being there. */
const LISTED_LOSSES = 10_000;

/** Something of a snapshot that the repository cannot give back. */
export interface MissingPart {
  /** Of a folder all below it is missing too. */
  readonly kind: "file" | "folder";
  /** Surrogate-escaped, with a leading slash. */
  readonly path: string;
  /** The tree of the folder, or those parts of the file that are missing. */
  readonly blobs: readonly Id[];
  readonly reason: string;
}

/** What one snapshot lacks. */
export interface SnapshotLosses {
  readonly id: Id;
  readonly parts: readonly MissingPart[];
  /** There is more than is listed. */
  readonly isCutShort: boolean;
}

interface Options {
  readonly signal: AbortSignal;
  /** Called after each snapshot. */
  readonly onSnapshot?: (done: number, total: number) => void;
}

/**
 * What each of these snapshots lacks, in their order; those that lack nothing are left out. Trees are read, of data it is the
 * index that counts (`check --read-data` reads them). Trees that snapshots share are read once.
 * @throws what the backend throws; damage is a loss. On abort the signal's reason
 */
export async function findLosses(
  repository: Repository,
  index: BlobIndex,
  snapshots: readonly StoredSnapshot[],
  { signal, onSnapshot }: Options,
): Promise<SnapshotLosses[]> {
  const finder = new LossFinder(index, new BlobReader(repository, index), signal);
  const found: SnapshotLosses[] = [];
  for (const [n, { id, snapshot }] of snapshots.entries()) {
    const { parts, isCutShort } = await finder.inspect(snapshot.tree);
    if (parts.length > 0) found.push({ id, parts, isCutShort });
    onSnapshot?.(n + 1, snapshots.length);
  }
  return found;
}

class LossFinder {
  readonly #index: BlobIndex;
  readonly #blobs: BlobReader;
  readonly #signal: AbortSignal;
  /** Entries of the index whose trees are whole, with all below. */
  readonly #whole: Uint8Array;
  #parts: MissingPart[] = [];

  constructor(index: BlobIndex, blobs: BlobReader, signal: AbortSignal) {
    this.#index = index;
    this.#blobs = blobs;
    this.#signal = signal;
    this.#whole = new Uint8Array(index.count);
  }

  async inspect(root: Id): Promise<{ parts: MissingPart[]; isCutShort: boolean }> {
    this.#parts = [];
    await this.#tree(root, "", new Set());
    return { parts: this.#parts.slice(0, LISTED_LOSSES), isCutShort: this.#parts.length > LISTED_LOSSES };
  }

  /** @returns whether all of it is there */
  async #tree(id: Id, path: string, above: Set<Id>): Promise<boolean> {
    const entry = this.#index.entryOf("tree", idToBytes(id), 0);
    if (entry >= 0 && this.#whole[entry] === 1) return true;
    this.#signal.throwIfAborted();
    const nodes = await this.#load(id, path, above);
    if (nodes === undefined) return false;
    above.add(id);
    let isWhole = true;
    for (const node of nodes) {
      // A tree that is not whole is read once for every path to it. That ends here, however often it is named.
      if (this.#parts.length > LISTED_LOSSES) return false;
      const isThere = await this.#node(node, `${path}/${node.name}`, above);
      isWhole &&= isThere;
    }
    above.delete(id);
    if (isWhole) this.#whole[entry] = 1;
    return isWhole;
  }

  async #load(id: Id, path: string, above: ReadonlySet<Id>): Promise<TreeNode[] | undefined> {
    const what = `tree ${id}`;
    try {
      if (above.has(id)) throw engineError("ENGINE_MALFORMED", { what, reason: "it contains itself" });
      return decodeTree(await this.#blobs.load("tree", id, { signal: this.#signal }), what);
    } catch (error) {
      // What is out of reach may be whole; only damage and absence are losses.
      const isLoss = isHoldfastError(error) && (error.kind === "corrupt" || error.code === "STORAGE_NOT_FOUND");
      if (this.#signal.aborted || !isLoss) throw error;
      this.#lose({ kind: "folder", path: path === "" ? "/" : path, blobs: [id], reason: messageOf(error) });
      return undefined;
    }
  }

  async #node(node: TreeNode, path: string, above: Set<Id>): Promise<boolean> {
    if (node.type === "dir") {
      if (node.subtree !== undefined) return this.#tree(node.subtree, path, above);
      return this.#lose({ kind: "folder", path, blobs: [], reason: "the folder names no tree" });
    }
    const content = node.content ?? [];
    const blobs = content.filter((id) => !this.#index.has("data", idToBytes(id), 0));
    if (blobs.length === 0) return true;
    const reason = `${blobs.length} of ${content.length} parts are in no index`;
    return this.#lose({ kind: "file", path, blobs, reason });
  }

  #lose(part: MissingPart): false {
    this.#parts.push(part);
    return false;
  }
}
