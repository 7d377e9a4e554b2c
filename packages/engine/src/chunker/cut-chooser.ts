/** Turns candidates into cuts: applies the smallest and the largest chunk size to what `Chunker.candidates` found. */
import { MAX_CHUNK_BYTES, MIN_CHUNK_BYTES } from "./limits.ts";

/** Chooses the cuts of one large file from candidates that arrive in file order, piece by piece. Keeps one number. */
export class CutChooser {
  #start: number;

  /** @param fileStart the absolute offset at which the file begins. */
  constructor(fileStart = 0) {
    this.#start = fileStart;
  }

  /**
   * Takes the candidates of the next piece of the file.
   *
   * @param candidates absolute offsets, ascending, all after those of the piece before and none after `upTo`.
   * @param upTo the file is scanned up to here.
   * @returns the ends (absolute offsets) of the chunks that are certain now and were not before, in order.
   */
  push(candidates: Iterable<number>, upTo: number): number[] {
    const cuts: number[] = [];
    for (const candidate of candidates) {
      this.#cutAtMaximum(candidate, cuts);
      // A candidate too close to this start is of no use later either: the next start lies behind it.
      if (candidate - this.#start >= MIN_CHUNK_BYTES) this.#cut(candidate, cuts);
    }
    this.#cutAtMaximum(upTo, cuts);
    return cuts;
  }

  /**
   * As `push`, with candidates as runs of consecutive offsets (first, last, first, last, …) relative to `base`: what
   * `Chunker.candidateRuns` gives. A run costs as many steps as it makes cuts.
   */
  pushRuns(runs: readonly number[], base: number, upTo: number): number[] {
    const cuts: number[] = [];
    for (let at = 0; at + 1 < runs.length; at += 2) {
      const first = base + (runs[at] as number);
      const last = base + (runs[at + 1] as number);
      this.#cutAtMaximum(first, cuts);
      for (let next = this.#nextIn(first); next <= last; next = this.#nextIn(first)) this.#cut(next, cuts);
    }
    this.#cutAtMaximum(upTo, cuts);
    return cuts;
  }

  /** The first offset, not before `first`, that is far enough from the start. */
  #nextIn(first: number): number {
    return Math.max(first, this.#start + MIN_CHUNK_BYTES);
  }

  /**
   * The file ends at the absolute offset `size`, up to which all candidates were given.
   *
   * @returns the ends of the remaining chunks: the last one, or none when the last cut fell on the end.
   */
  finish(size: number): number[] {
    const cuts = this.push([], size);
    if (size > this.#start) this.#cut(size, cuts);
    return cuts;
  }

  #cutAtMaximum(upTo: number, cuts: number[]): void {
    while (upTo - this.#start >= MAX_CHUNK_BYTES) this.#cut(this.#start + MAX_CHUNK_BYTES, cuts);
  }

  #cut(end: number, cuts: number[]): void {
    cuts.push(end);
    this.#start = end;
  }
}
