/** Statistics of snapshots, with the meaning of restic's `stats`. */
import { hash } from "node:crypto";
import { engineError } from "../errors.ts";
import { idToBytes, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { SEAL_OVERHEAD } from "../crypto/sealing.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { plainBytes } from "./read-blobs.ts";
import { walkSnapshot } from "./walk.ts";

/**
 * - `restore-size`: what a restore of all these snapshots writes, hard links once for each snapshot
 * - `files-by-contents`: each different content once
 * - `blobs-per-file`: each different content once, and in it each blob once for each path
 * - `raw-data`: what the blobs that these snapshots use take in the repository
 */
export type StatisticsMode = "restore-size" | "files-by-contents" | "blobs-per-file" | "raw-data";

export interface Statistics {
  readonly mode: StatisticsMode;
  readonly snapshots: number;
  readonly totalBytes: number;
  /** Not in mode `raw-data`. As restic counts: entries of all types, and all that have no content as one content. */
  readonly files: number | undefined;
  /** In modes `blobs-per-file` and `raw-data`. */
  readonly blobs: number | undefined;
  /** In mode `raw-data`, for repositories of version 2. */
  readonly compression: CompressionStatistics | undefined;
}

export interface CompressionStatistics {
  /** What the blobs would take without compression. */
  readonly uncompressedBytes: number;
  /** Of the compressed blobs: size before over size after; 0 when none is compressed. */
  readonly ratio: number;
  /** Percent of the data that is stored compressed. */
  readonly progressPercent: number;
  /** Percent of the space that compression saves. */
  readonly savingPercent: number;
}

interface Counting {
  readonly signal: AbortSignal;
  /** Called for each snapshot. */
  readonly onSnapshot?: (done: number, total: number) => void;
}

/**
 * @throws damage of any tree that is read (ENGINE_BLOB_MISSING and others), and what the backend throws; on abort the signal's
 * reason
 */
export async function statistics(
  repository: Repository,
  index: BlobIndex,
  snapshots: readonly StoredSnapshot[],
  mode: StatisticsMode,
  { signal, onSnapshot }: Counting,
): Promise<Statistics> {
  const trees = new TreeReader(new BlobReader(repository, index));
  const counter = mode === "raw-data" ? new RawCounter(repository, index, trees) : new FileCounter(mode, index, trees);
  for (const [n, { snapshot }] of snapshots.entries()) {
    await counter.add(snapshot.tree, signal);
    onSnapshot?.(n + 1, snapshots.length);
  }
  return { mode, snapshots: snapshots.length, ...counter.result() };
}

type Totals = Omit<Statistics, "mode" | "snapshots">;

class FileCounter {
  readonly #mode: Exclude<StatisticsMode, "raw-data">;
  readonly #index: BlobIndex;
  readonly #trees: TreeReader;
  readonly #contents = new Set<string>();
  /** Index entries of the blobs counted for each path. */
  readonly #blobsOf = new Map<string, readonly number[]>();
  #bytes = 0;
  #files = 0;
  #blobs = 0;

  constructor(mode: Exclude<StatisticsMode, "raw-data">, index: BlobIndex, trees: TreeReader) {
    this.#mode = mode;
    this.#index = index;
    this.#trees = trees;
  }

  async add(root: Id, signal: AbortSignal): Promise<void> {
    const linked = new Set<string>();
    for await (const { path, node } of walkSnapshot(this.#trees, root, { signal })) {
      if (this.#mode === "restore-size") this.#addRestored(node, linked);
      else this.#addContent(path, node);
    }
  }

  result(): Totals {
    const blobs = this.#mode === "blobs-per-file" ? this.#blobs : undefined;
    return { totalBytes: this.#bytes, files: this.#files, blobs, compression: undefined };
  }

  #addRestored(node: TreeNode, linked: Set<string>): void {
    this.#files++;
    if (node.links !== 1 && node.type !== "dir" && node.inode !== 0n) {
      const inode = `${node.deviceId}:${node.inode}`;
      if (linked.has(inode)) return;
      linked.add(inode);
    }
    this.#bytes += node.size;
  }

  #addContent(path: string, node: TreeNode): void {
    const content = node.content ?? [];
    const key = content.length === 1 ? (content[0] as Id) : hash("sha256", content.join(""), "hex");
    if (this.#contents.has(key)) return;
    this.#contents.add(key);
    if (this.#mode === "files-by-contents") {
      this.#files++;
      this.#bytes += node.size;
    } else if (content.length > 0) this.#addBlobs(path, content);
  }

  #addBlobs(path: string, content: readonly Id[]): void {
    const known = this.#blobsOf.get(path);
    if (known === undefined) this.#files++;
    const counted = new Set(known);
    for (const id of content) {
      const bytes = plainBytes(this.#index, id);
      const entry = this.#index.entryOf("data", idToBytes(id), 0);
      if (counted.has(entry)) continue;
      counted.add(entry);
      this.#blobs++;
      this.#bytes += bytes;
    }
    this.#blobsOf.set(path, [...counted]);
  }
}

class RawCounter {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #trees: TreeReader;
  readonly #seen: Uint8Array;
  #blobs = 0;
  #bytes = 0;
  #uncompressedBytes = 0;
  #compressedBytes = 0;
  #compressedPlainBytes = 0;

  constructor(repository: Repository, index: BlobIndex, trees: TreeReader) {
    this.#repository = repository;
    this.#index = index;
    this.#trees = trees;
    this.#seen = new Uint8Array(index.count);
  }

  async add(root: Id, signal: AbortSignal): Promise<void> {
    const waiting = [root];
    for (let tree = waiting.pop(); tree !== undefined; tree = waiting.pop()) {
      signal.throwIfAborted();
      if (!this.#count("tree", tree)) continue;
      const folders: Id[] = [];
      for (const node of await this.#trees.load(tree, { signal })) {
        for (const id of node.type === "file" ? (node.content ?? []) : []) this.#count("data", id);
        if (node.type === "dir" && node.subtree !== undefined) folders.push(node.subtree);
      }
      // The first one next: trees that are read in the order in which they were stored lie side by side.
      for (const folder of folders.reverse()) waiting.push(folder);
    }
  }

  result(): Totals {
    const plain = this.#uncompressedBytes;
    const compression = {
      uncompressedBytes: plain,
      ratio: this.#compressedBytes > 0 ? this.#compressedPlainBytes / this.#compressedBytes : 0,
      progressPercent: plain > 0 ? (this.#compressedPlainBytes / plain) * 100 : 0,
      savingPercent: plain > 0 ? (1 - this.#bytes / plain) * 100 : 0,
    };
    return {
      totalBytes: this.#bytes,
      files: undefined,
      blobs: this.#blobs,
      compression: this.#repository.config.version >= 2 ? compression : undefined,
    };
  }

  /** Counts a blob; false when it was counted before. */
  #count(type: "tree" | "data", id: Id): boolean {
    const entry = this.#index.entryOf(type, idToBytes(id), 0);
    const place = entry < 0 ? undefined : this.#index.locationAt(entry);
    if (place === undefined) throw engineError("ENGINE_BLOB_MISSING", { type, id });
    if (this.#seen[entry] === 1) return false;
    this.#seen[entry] = 1;
    const { lengthBytes, uncompressedBytes } = place;
    const plain = uncompressedBytes > 0 ? uncompressedBytes + SEAL_OVERHEAD : lengthBytes;
    this.#blobs++;
    this.#bytes += lengthBytes;
    this.#uncompressedBytes += plain;
    if (uncompressedBytes > 0) {
      this.#compressedBytes += lengthBytes;
      this.#compressedPlainBytes += plain;
    }
    return true;
  }
}
