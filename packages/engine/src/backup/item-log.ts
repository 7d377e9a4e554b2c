/** Tells what becomes of every entry, for a backup that is asked to name them. In batches: a message each would be slow. */
import type { TreeNode } from "../format/node.ts";
import { type AddedBytes, type BlobStore, NOTHING_ADDED } from "./blob-store.ts";
import type { BackupItem } from "./messages.ts";

const BATCH_ITEMS = 256;
/** A batch that is not full waits no longer than this for the next entry. */
const BATCH_MS = 100;

/** An entry whose node is complete. */
export interface FinishedEntry {
  /** In the snapshot. */
  readonly path: string;
  readonly node: Pick<TreeNode, "type" | "size">;
  /** The node as it is stored, and as the parent snapshot has it. */
  readonly json: string;
  readonly previous: string | undefined;
}

/** What an entry cost that is not finished at once. */
export interface EntryWork {
  /** When work on it began, as `performance.now()` tells. */
  readonly startedMs: number;
  readonly added: AddedBytes;
}

export class ItemLog {
  readonly #send: (items: readonly BackupItem[]) => void;
  readonly #blobs: Pick<BlobStore, "added" | "addedSince">;
  #batch: BackupItem[] = [];
  #batchMs = 0;
  #startedMs = 0;
  #before: AddedBytes = NOTHING_ADDED;

  constructor(parts: { blobs: Pick<BlobStore, "added" | "addedSince">; send: (items: readonly BackupItem[]) => void }) {
    this.#send = parts.send;
    this.#blobs = parts.blobs;
  }

  /** When work on the current entry began, as `performance.now()` tells. */
  get startedMs(): number {
    return this.#startedMs;
  }

  /** What follows, up to `finished`, is work on one entry. */
  begin(): void {
    this.#startedMs = performance.now();
    this.#before = this.#blobs.added;
  }

  /** @param work what it cost; without it, what was done since `begin` */
  finished(entry: FinishedEntry, work?: EntryWork): void {
    const { startedMs, added } = work ?? { startedMs: this.#startedMs, added: this.#blobs.addedSince(this.#before) };
    this.#add(describeItem(entry, { startedMs, added }));
  }

  excluded(path: string): void {
    this.#add({ action: "excluded", path });
  }

  /** Sends what is held back. */
  flush(): void {
    if (this.#batch.length === 0) return;
    this.#send(this.#batch);
    this.#batch = [];
  }

  #add(item: BackupItem): void {
    const nowMs = performance.now();
    if (this.#batch.length === 0) this.#batchMs = nowMs;
    this.#batch.push(item);
    if (this.#batch.length >= BATCH_ITEMS || nowMs - this.#batchMs >= BATCH_MS) this.flush();
  }
}

/** What is told of a finished entry. */
export function describeItem(
  { path, node, json, previous }: FinishedEntry,
  { startedMs, added }: EntryWork,
): BackupItem {
  return {
    action: previous === undefined ? "new" : previous === json ? "unchanged" : "modified",
    path,
    type: node.type,
    sizeBytes: node.type === "file" ? node.size : 0,
    addedBytes: added.plain,
    storedBytes: added.stored,
    elapsedMs: performance.now() - startedMs,
  };
}
