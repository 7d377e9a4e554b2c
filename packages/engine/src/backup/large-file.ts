/**
 * One large file, read by several workers: they scan segments for places where it may be cut, the cuts are chosen in file
 * order, and the chunks between them are read again (from the page cache) and stored by whichever worker is free.
 */
import { CutChooser } from "../chunker/cut-chooser.ts";
import type { Id } from "../format/id.ts";
import { SEGMENT_BYTES } from "./file-content.ts";
import type { Problem, TaskResult, ToWorker } from "./messages.ts";

/** Segments scanned ahead of the chunks that are stored, so that their pages are still in memory. */
const AHEAD_BYTES = 128 * 1024 * 1024;
/** Chunks are handed out in batches of about this size. */
const BATCH_BYTES = 8 * 1024 * 1024;

export type FileTask = Extract<ToWorker, { kind: "scan" | "chunks" }>;

export interface LargeFileResult {
  readonly content: readonly Id[];
  readonly sizeBytes: number;
  readonly problem: Problem | undefined;
}

/** A state machine without I/O: it says which tasks can run now, and takes their results. */
export class LargeFile {
  readonly #path: string;
  readonly #size: number;
  readonly #chooser = new CutChooser();
  readonly #scanned = new Map<number, { candidates: Uint32Array; from: number; to: number }>();
  readonly #batches: { readonly from: number; readonly ids: readonly Id[] }[] = [];
  #scanAt = 0;
  #merged = 0;
  #chosen = 0;
  #stored = 0;
  #running = 0;
  #ends: number[] = [];
  #ended = false;
  #failed: Problem | undefined;

  constructor(path: string, sizeBytes: number) {
    this.#path = path;
    this.#size = sizeBytes;
  }

  /** The next task that may run now; `undefined` when one must finish first. */
  next(): ((task: number) => FileTask) | undefined {
    if (this.#failed !== undefined) return undefined;
    const batch = this.#takeBatch();
    if (batch !== undefined) {
      this.#running++;
      return (task) => ({ kind: "chunks", task, path: this.#path, ...batch });
    }
    const from = this.#scanAt;
    if (from >= this.#size || from - this.#stored >= AHEAD_BYTES) return undefined;
    const to = Math.min(this.#size, from + SEGMENT_BYTES);
    this.#scanAt = to;
    this.#running++;
    return (task) => ({ kind: "scan", task, path: this.#path, from, to });
  }

  /** Takes the result of a task that `next` gave. */
  accept(task: FileTask, result: TaskResult): void {
    this.#running--;
    if (result.kind === "failed") this.#failed ??= result.problem;
    else if (result.kind === "scan") this.#acceptScan(task.from, result.candidates, result.scannedTo);
    else if (result.kind === "chunks" && task.kind === "chunks") this.#acceptChunks(task, result);
  }

  /** The whole result once everything is stored, or the failure once nothing runs any more. */
  result(): LargeFileResult | { failed: Problem } | undefined {
    if (this.#running > 0) return undefined;
    if (this.#failed !== undefined) return { failed: this.#failed };
    if (!this.#ended || this.#ends.length > 0) return undefined;
    const reason = `it shrank from ${this.#size} to ${this.#stored} bytes while it was read`;
    return {
      content: this.#batches.sort((a, b) => a.from - b.from).flatMap(({ ids }) => ids),
      sizeBytes: this.#stored,
      problem: this.#stored < this.#size ? { code: "changed", path: this.#path, reason } : undefined,
    };
  }

  #acceptScan(from: number, candidates: Uint32Array, scannedTo: number): void {
    this.#scanned.set(from, { candidates, from, to: scannedTo });
    for (let ready = this.#scanned.get(this.#merged); ready !== undefined; ready = this.#scanned.get(this.#merged)) {
      this.#scanned.delete(ready.from);
      const { candidates: found, from: base } = ready;
      this.#ends.push(...this.#chooser.push(absolute(found, base), ready.to));
      const expected = Math.min(this.#size, ready.from + SEGMENT_BYTES);
      this.#merged = expected;
      // A segment that ends early is the end of a file that somebody cut meanwhile.
      if (ready.to < expected || expected >= this.#size) return this.#finishCuts(ready.to);
    }
  }

  #finishCuts(end: number): void {
    this.#scanAt = this.#size;
    this.#scanned.clear();
    this.#merged = -1;
    this.#ends.push(...this.#chooser.finish(end));
    this.#ended = true;
  }

  #acceptChunks(task: Extract<FileTask, { kind: "chunks" }>, result: Extract<TaskResult, { kind: "chunks" }>): void {
    this.#batches.push({ from: task.from, ids: result.ids });
    this.#stored += result.bytes;
  }

  #takeBatch(): { from: number; ends: number[] } | undefined {
    if (this.#ends.length === 0) return undefined;
    const from = this.#chosen;
    let count = 0;
    while (count < this.#ends.length && (this.#ends[count] as number) - from <= BATCH_BYTES) count++;
    // Wait for a full batch unless the file has ended: small batches cost messages.
    if (count === this.#ends.length && !this.#ended && (this.#ends.at(-1) as number) - from < BATCH_BYTES / 2) return undefined;
    const ends = this.#ends.splice(0, Math.max(count, 1));
    this.#chosen = ends.at(-1) as number;
    return { from, ends };
  }
}

function absolute(candidates: Uint32Array, base: number): number[] {
  return Array.from(candidates, (at) => base + at);
}
