/**
 * Which blobs only one of two snapshots needs. A byte for each entry of the index, whatever the size of the snapshots. What is
 * below folders that both have is looked at only at the end, each tree once, and only if something is left to be decided.
 */
import type { HoldfastError } from "@holdfast/base";
import { isDamageError } from "../browse/damage.ts";
import { SEAL_OVERHEAD } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { ID_BYTES, writeId, type BlobType, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { forEachReference } from "./references.ts";
import type { TreeSource } from "./tree-source.ts";

/** Blobs, and their bytes before compression. */
export interface BlobCounts {
  dataBlobs: number;
  treeBlobs: number;
  bytes: number;
}

export type Side = "before" | "after";

const BEFORE = 1;
const AFTER = 2;
const BOTH = BEFORE | AFTER;
/** A folder that both have, whose content was not looked at. */
const ROOT = 4;
const VISITED = 8;

interface SettleOptions {
  readonly signal: AbortSignal;
  /** Called for trees that cannot be read and blobs that no index lists. */
  readonly onProblem: (error: HoldfastError) => void;
}

export class BlobTally {
  readonly #index: BlobIndex;
  readonly #flags: Uint8Array;
  /** Blobs that the index does not list: only damaged repositories have any. */
  readonly #unlisted = new Map<`${BlobType} ${Id}`, number>();
  readonly #id = new Uint8Array(ID_BYTES);
  /** Entries that only one side needs, as far as is known. */
  #undecided = 0;

  constructor(index: BlobIndex) {
    this.#index = index;
    this.#flags = new Uint8Array(index.count);
  }

  /** One side needs this blob. */
  add(side: Side, type: BlobType, id: Id): void {
    this.#set(type, id, side === "before" ? BEFORE : AFTER);
  }

  /** Both sides need this blob. */
  addBoth(type: BlobType, id: Id): void {
    this.#set(type, id, BOTH);
  }

  /** Both sides have this folder, with all that is below it. */
  addCommonFolder(tree: Id): void {
    this.#set("tree", tree, BOTH | ROOT);
  }

  /** What only one side needs. Call it once, at the end. @throws what the backend throws; on abort the signal's reason */
  async settle(trees: TreeSource, options: SettleOptions): Promise<Readonly<Record<Side, BlobCounts>>> {
    await this.#lookIntoCommonFolders(trees, options);
    const counts = {
      before: { dataBlobs: 0, treeBlobs: 0, bytes: 0 },
      after: { dataBlobs: 0, treeBlobs: 0, bytes: 0 },
    };
    for (let entry = 0; entry < this.#flags.length; entry++) {
      const side = sideOf(this.#flags[entry] as number);
      if (side === undefined) continue;
      count(counts[side], this.#index.typeAt(entry));
      counts[side].bytes += this.#plainBytes(entry);
    }
    for (const [blob, flags] of this.#unlisted) {
      const side = sideOf(flags);
      if (side === undefined) continue;
      const [type, id] = blob.split(" ") as [BlobType, Id];
      count(counts[side], type);
      options.onProblem(engineError("ENGINE_BLOB_MISSING", { type, id }));
    }
    return counts;
  }

  /** A blob that a common folder holds as well is needed by both, as a file that was copied out of it. */
  async #lookIntoCommonFolders(trees: TreeSource, { signal, onProblem }: SettleOptions): Promise<void> {
    for (const flags of this.#flags) if (sideOf(flags) !== undefined) this.#undecided++;
    const waiting: number[] = [];
    const visit = (type: BlobType, id: Id): void => {
      const entry = this.#entryOf(type, id);
      if (entry < 0) return this.#setUnlisted(type, id, BOTH);
      const flags = this.#flags[entry] as number;
      if (sideOf(flags) !== undefined) this.#undecided--;
      this.#flags[entry] = flags | BOTH;
      if (type === "tree" && (flags & VISITED) === 0) waiting.push(entry);
    };
    for (let root = 0; root < this.#flags.length && this.#undecided > 0; root++) {
      if (((this.#flags[root] as number) & ROOT) === 0) continue;
      waiting.push(root);
      for (let tree = waiting.pop(); tree !== undefined && this.#undecided > 0; tree = waiting.pop()) {
        if (((this.#flags[tree] as number) & VISITED) !== 0) continue;
        (this.#flags[tree] as number) |= VISITED;
        const id = this.#index.idAt(tree);
        try {
          forEachReference(await trees.load(id, { signal }), `tree ${id}`, visit);
        } catch (error) {
          if (signal.aborted || !isDamageError(error)) throw error;
          onProblem(error);
        }
      }
    }
  }

  #set(type: BlobType, id: Id, flags: number): void {
    const entry = this.#entryOf(type, id);
    if (entry < 0) this.#setUnlisted(type, id, flags);
    else (this.#flags[entry] as number) |= flags;
  }

  #setUnlisted(type: BlobType, id: Id, flags: number): void {
    const blob = `${type} ${id}` as const;
    this.#unlisted.set(blob, (this.#unlisted.get(blob) ?? 0) | flags);
  }

  #entryOf(type: BlobType, id: Id): number {
    writeId(id, this.#id, 0);
    return this.#index.entryOf(type, this.#id, 0);
  }

  #plainBytes(entry: number): number {
    const place = this.#index.locationAt(entry);
    if (place === undefined) return 0;
    return place.uncompressedBytes > 0 ? place.uncompressedBytes : place.lengthBytes - SEAL_OVERHEAD;
  }
}

function sideOf(flags: number): Side | undefined {
  const needs = flags & BOTH;
  return needs === BEFORE ? "before" : needs === AFTER ? "after" : undefined;
}

function count(counts: BlobCounts, type: BlobType): void {
  if (type === "data") counts.dataBlobs++;
  else counts.treeBlobs++;
}
