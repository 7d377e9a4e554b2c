/**
 * One large file, read by several workers at once. Each scans a segment for the places where it may be cut and keeps the
 * segment in memory; the cuts are chosen in file order; then the worker stores the chunks that end in its segment. A chunk
 * that begins before the segment has its head read again: on average less than a tenth of the file.
 */
import { CutChooser } from "../chunker/cut-chooser.ts";
import type { Id } from "../format/id.ts";
import { type AddedBytes, NOTHING_ADDED } from "./blob-store.ts";
import { SEGMENT_BYTES } from "./file-content.ts";
import type { Problem, TaskResult, ToWorker } from "./messages.ts";

export type FileTask = Extract<ToWorker, { kind: "scan" | "chunks" }>;

export interface LargeFileResult {
  readonly content: readonly Id[];
  readonly sizeBytes: number;
  readonly added: AddedBytes;
  readonly problem: Problem | undefined;
}

interface Segment {
  readonly from: number;
  readonly worker: number;
  /** Set once the segment is scanned. */
  scan: { readonly runs: readonly number[]; readonly to: number } | undefined;
  /** Set once the cuts up to its end are chosen. */
  chunks: { readonly from: number; readonly ends: readonly number[] } | undefined;
}

/** A state machine without I/O: it says which task a worker can do now, and takes the results. */
export class LargeFile {
  readonly #path: string;
  readonly #size: number;
  readonly #chooser = new CutChooser();
  /** Segments in file order, from the first whose cuts are not chosen. */
  readonly #unchosen: Segment[] = [];
  /** What each worker keeps in memory. */
  readonly #held = new Map<number, Segment>();
  readonly #batches: { readonly from: number; readonly ids: readonly Id[] }[] = [];
  #scanAt = 0;
  #chunkStart = 0;
  #stored = 0;
  #added: AddedBytes = NOTHING_ADDED;
  #running = 0;
  #ended = false;
  #failed: Problem | undefined;

  constructor(path: string, sizeBytes: number) {
    this.#path = path;
    this.#size = sizeBytes;
  }

  /** True while this worker keeps a segment: it must not be given other work, which would overwrite it. */
  holds(worker: number): boolean {
    return this.#held.has(worker);
  }

  /** What this worker can do now; `undefined` when there is nothing, or when another worker must finish first. */
  next(worker: number): ((task: number) => FileTask) | undefined {
    const path = this.#path;
    const held = this.#held.get(worker);
    if (held !== undefined) {
      const { chunks } = held;
      if (chunks === undefined || this.#failed !== undefined) return undefined;
      this.#running++;
      return (task) => ({ kind: "chunks", task, path, segment: held.from, ...chunks });
    }
    const from = this.#scanAt;
    if (from >= this.#size || this.#ended || this.#failed !== undefined) return undefined;
    const to = Math.min(this.#size, from + SEGMENT_BYTES);
    this.#scanAt = to;
    this.#running++;
    const segment: Segment = { from, worker, scan: undefined, chunks: undefined };
    this.#held.set(worker, segment);
    this.#unchosen.push(segment);
    return (task) => ({ kind: "scan", task, path, from, to });
  }

  /** Takes the result of a task that `next` gave to this worker. */
  accept(worker: number, result: TaskResult): void {
    this.#running--;
    if (result.kind === "failed") {
      this.#failed ??= result.problem;
      this.#held.clear();
    }
    const held = this.#held.get(worker);
    // After a failure nothing is kept, and what still comes in does not matter.
    if (held === undefined) return;
    if (result.kind === "scan") {
      held.scan = { runs: result.runs, to: result.scannedTo };
      this.#choose();
    } else if (result.kind === "chunks") {
      this.#batches.push({ from: held.chunks?.from ?? held.from, ids: result.ids });
      this.#stored += result.bytes;
      const { plain, stored } = result.added;
      this.#added = { plain: this.#added.plain + plain, stored: this.#added.stored + stored };
      this.#held.delete(worker);
    }
  }

  /** The whole result once everything is stored, or the failure once nothing runs any more. */
  result(): LargeFileResult | { failed: Problem } | undefined {
    if (this.#running > 0) return undefined;
    if (this.#failed !== undefined) return { failed: this.#failed };
    if (!this.#ended || this.#held.size > 0) return undefined;
    const reason = `it shrank from ${this.#size} to ${this.#stored} bytes while it was read`;
    return {
      content: this.#batches.sort((a, b) => a.from - b.from).flatMap(({ ids }) => ids),
      sizeBytes: this.#stored,
      added: this.#added,
      problem: this.#stored < this.#size ? { code: "changed", path: this.#path, reason } : undefined,
    };
  }

  /** Chooses the cuts of every segment whose predecessors are all scanned. */
  #choose(): void {
    for (let segment = this.#unchosen[0]; segment?.scan !== undefined; segment = this.#unchosen[0]) {
      this.#unchosen.shift();
      const { runs, to } = segment.scan;
      const ends = this.#ended ? [] : this.#chooser.pushRuns(runs, segment.from, to);
      // A segment that ends early is the end of a file that somebody cut meanwhile: what was scanned behind it is void.
      const isLast = to < Math.min(this.#size, segment.from + SEGMENT_BYTES) || to >= this.#size;
      if (isLast && !this.#ended) {
        ends.push(...this.#chooser.finish(to));
        this.#ended = true;
      }
      const last = ends.at(-1);
      if (last === undefined) {
        this.#held.delete(segment.worker);
        continue;
      }
      segment.chunks = { from: this.#chunkStart, ends };
      this.#chunkStart = last;
    }
  }
}
