/**
 * Rewrites trees so that they name only what can be read: lost parts of files are cut out, folders that cannot be read become
 * empty. Whole trees keep their bytes, and so do entries that need no change.
 */
import { messageOf, type HoldfastError } from "@holdfast/base";
import { isDamageError } from "../browse/damage.ts";
import { SEAL_OVERHEAD } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { idOf, idToBytes, type Id } from "../format/id.ts";
import { encodeNode, nodeNameProblem, parseNode, type TreeNode } from "../format/node.ts";
import { TreeEncoder, treeSlices } from "../format/tree.ts";
import { textOf } from "../format/tree-scanner.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import type { BlobReader } from "../repository/blob-reader.ts";

/** Something that a snapshot no longer has, or has in part, after its repair. */
export interface Loss {
  /**
   * `file-parts`: a file is kept without the parts that are lost. `file-size`: only the recorded size of a file was wrong.
   * `folder`: a folder is kept empty. `entry`: an entry is left out.
   */
  readonly kind: "file-parts" | "file-size" | "folder" | "entry";
  /** Surrogate-escaped. */
  readonly path: string;
  readonly reason: string;
  /** Recorded size of a file before, and its size after; 0 for all else. */
  readonly oldBytes: number;
  readonly newBytes: number;
}

/** Says whether a copy of a blob can be there: its pack exists and is long enough. */
export type Presence = (place: BlobLocation) => boolean;

/** The tree to use instead. `undefined`: this tree cannot be read. */
export interface RewrittenTree {
  readonly id: Id | undefined;
  readonly isWhole: boolean;
}

interface Parts {
  readonly index: BlobIndex;
  readonly blobs: BlobReader;
  readonly isPresent: Presence;
  /** Stores a tree that the repository lacks. Called in the order in which trees get complete. */
  readonly store: (bytes: Uint8Array) => Promise<void>;
  readonly signal: AbortSignal;
}

const EMPTY_TREE = new TreeEncoder().finish();

export class LossyTrees {
  readonly #parts: Parts;
  /** Entries of the index whose trees are whole, with all below: most are shared by many snapshots. */
  readonly #whole: Uint8Array;
  /** Once unreadable, always: a copy that this repair stores must not change what it says of the next snapshot. */
  readonly #unreadable = new Map<Id, HoldfastError>();
  readonly #stored = new Set<Id>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#whole = new Uint8Array(parts.index.count);
  }

  /**
   * The tree that stands for `id` when all that is lost is left out.
   * @throws what the backend throws; damage is a loss, not an exception
   */
  rewrite(id: Id, onLoss: (loss: Loss) => void): Promise<RewrittenTree> {
    return this.#rewrite(id, "", new Set(), onLoss);
  }

  async #rewrite(id: Id, path: string, above: Set<Id>, onLoss: (loss: Loss) => void): Promise<RewrittenTree> {
    const entry = this.#parts.index.entryOf("tree", idToBytes(id), 0);
    if (entry >= 0 && this.#whole[entry] === 1) return { id, isWhole: true };
    this.#parts.signal.throwIfAborted();
    let entries: StoredEntry[];
    try {
      entries = await this.#load(id, above);
    } catch (error) {
      if (this.#parts.signal.aborted || !isDamageError(error)) throw error;
      this.#unreadable.set(id, error);
      onLoss({ kind: "folder", path: path === "" ? "/" : path, reason: messageOf(error), oldBytes: 0, newBytes: 0 });
      return { id: undefined, isWhole: false };
    }
    above.add(id);
    const encoder = new TreeEncoder();
    let isWhole = true;
    for (const stored of entries) {
      const kept = await this.#entry(stored, path, above, onLoss);
      isWhole &&= kept.isWhole;
      if (kept.node !== undefined) encoder.append(kept.isChanged ? encodeNode(kept.node) : stored.json);
    }
    above.delete(id);
    if (isWhole) {
      this.#whole[entry] = 1;
      return { id, isWhole };
    }
    return { id: await this.#put(encoder.finish()), isWhole };
  }

  /** The entries of a tree. @throws damage of the tree as a whole */
  async #load(id: Id, above: ReadonlySet<Id>): Promise<StoredEntry[]> {
    const what = `tree ${id}`;
    const known = this.#unreadable.get(id);
    if (known !== undefined) throw known;
    if (above.has(id)) throw engineError("ENGINE_MALFORMED", { what, reason: "it contains itself" });
    const bytes = await this.#parts.blobs.load("tree", id, { signal: this.#parts.signal });
    const names = new Set<string>();
    return Array.from(treeSlices(bytes, what), ({ name, start, end }) => {
      const json = textOf(bytes, start, end);
      const isSecond = names.has(name);
      names.add(name);
      return { name, json, node: isSecond ? "its name is there twice" : parseOrReason(json, what) };
    });
  }

  /** What becomes of one entry; `node` is `undefined` when it is left out. */
  async #entry(
    { name, node }: StoredEntry,
    folder: string,
    above: Set<Id>,
    onLoss: (loss: Loss) => void,
  ): Promise<KeptEntry> {
    const path = `${folder}/${name}`;
    const drop = (reason: string): KeptEntry => {
      onLoss({ kind: "entry", path, reason, oldBytes: typeof node === "string" ? 0 : node.size, newBytes: 0 });
      return { node: undefined, isChanged: true, isWhole: false };
    };
    if (typeof node === "string") return drop(node);
    const problem = nodeNameProblem(name);
    if (problem !== undefined) return drop(`its name cannot be used: ${problem}`);
    if (node.type === "irregular") return drop("its type is not known");
    if (node.type === "file") return this.#file(node, path, onLoss);
    if (node.type !== "dir") return { node, isChanged: false, isWhole: true };
    const tree = await this.#subtree(node, path, above, onLoss);
    const subtree = tree.id ?? (await this.#put(EMPTY_TREE));
    return { node: { ...node, subtree }, isChanged: subtree !== node.subtree, isWhole: tree.isWhole };
  }

  async #subtree(node: TreeNode, path: string, above: Set<Id>, onLoss: (loss: Loss) => void): Promise<RewrittenTree> {
    if (node.subtree !== undefined) return this.#rewrite(node.subtree, path, above, onLoss);
    onLoss({ kind: "folder", path, reason: "the folder names no tree", oldBytes: 0, newBytes: 0 });
    return { id: undefined, isWhole: false };
  }

  #file(node: TreeNode, path: string, onLoss: (loss: Loss) => void): KeptEntry {
    const content = node.content ?? [];
    const sizes = content.map((id) => this.#sizeOf(id));
    const kept = content.filter((_, n) => sizes[n] !== undefined);
    const size = sizes.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
    const lost = content.length - kept.length;
    if (lost === 0 && size === node.size && node.content !== null) return { node, isChanged: false, isWhole: true };
    const sizesOf = { oldBytes: node.size, newBytes: size };
    if (lost > 0) {
      onLoss({ kind: "file-parts", path, reason: `${lost} of ${content.length} parts are lost`, ...sizesOf });
    } else {
      onLoss({ kind: "file-size", path, reason: `its parts have ${size} bytes, not ${node.size}`, ...sizesOf });
    }
    return { node: { ...node, content: kept, size }, isChanged: true, isWhole: false };
  }

  /** The plain size of a data blob, or `undefined` when it is lost. */
  #sizeOf(id: Id): number | undefined {
    const { index, isPresent } = this.#parts;
    const place = index.findAll("data", idToBytes(id), 0).find(isPresent);
    if (place === undefined) return undefined;
    return place.uncompressedBytes > 0 ? place.uncompressedBytes : place.lengthBytes - SEAL_OVERHEAD;
  }

  /** Makes sure that the repository has a tree which can be read. */
  async #put(bytes: Uint8Array): Promise<Id> {
    const id = idOf(bytes);
    if (this.#stored.has(id) || this.#isReadable(id)) return id;
    this.#stored.add(id);
    await this.#parts.store(bytes);
    return id;
  }

  #isReadable(tree: Id): boolean {
    const { index, isPresent } = this.#parts;
    return !this.#unreadable.has(tree) && index.findAll("tree", idToBytes(tree), 0).some(isPresent);
  }
}

/** An entry of a tree as it is stored; `node` is the reason when it cannot be read. */
interface StoredEntry {
  readonly name: string;
  readonly json: string;
  readonly node: TreeNode | string;
}

function parseOrReason(json: string, what: string): TreeNode | string {
  try {
    return parseNode(json, what);
  } catch (error) {
    if (!isDamageError(error)) throw error;
    return messageOf(error);
  }
}

interface KeptEntry {
  readonly node: TreeNode | undefined;
  readonly isChanged: boolean;
  readonly isWhole: boolean;
}
