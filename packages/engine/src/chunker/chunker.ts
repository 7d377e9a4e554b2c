/**
 * Content-defined chunking with restic's parameters: Rabin fingerprints of the last 64 bytes. The search itself is
 * WebAssembly (`assembly/`); this is its face.
 */
import { CHUNKER_WASM } from "./generated/chunker-wasm.ts";
import { MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, WINDOW_BYTES } from "./limits.ts";
import { firstPositionOf, type MarkedBlock, positionsOf, runsOf } from "./marked-positions.ts";

export { MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, WINDOW_BYTES } from "./limits.ts";

const PAGE_BYTES = 65_536;

/**
 * Positions a step of `nextCut`: 16 lanes of 65 times 64. What is scanned beyond a cut (half a step) weighs about as
 * much as the warm-up of the lanes.
 */
const SEARCH_BLOCK = 16 * 4160;

/** What `assembly/chunker.ts` exports. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  inputStart(): number;
  marksStart(): number;
  maxBlock(): number;
  configure(polynomial: bigint): void;
  scan(from: number, to: number): number;
}

let compiled: WebAssembly.Module | undefined;

/**
 * Finds where to cut. Belongs to one thread; owns WebAssembly memory of `capacityBytes` and less than 128 KiB besides.
 *
 * A position may end a chunk when the digest of the 64 bytes before it has its low 20 bits clear. The first such
 * position that is at least `MIN_CHUNK_BYTES` from the start of the chunk ends it, else `MAX_CHUNK_BYTES` do, else
 * the end of the file. So nothing but the 64 bytes before a cut and the start of the chunk decides.
 */
export class Chunker {
  /** The input area inside WebAssembly memory, `capacityBytes` long. Read the file's bytes straight into it. */
  readonly buffer: Uint8Array;
  readonly #scan: (from: number, to: number) => number;
  readonly #inputStart: number;
  /** Positions a step of `candidates`: the most that are possible, for none are scanned in vain. */
  readonly #sweepBlock: number;
  readonly #marks: Int32Array;

  /**
   * @param polynomial the repository's, from `parsePolynomial`: irreducible and of degree 53.
   * @param capacityBytes size of the input area.
   */
  constructor(polynomial: bigint, capacityBytes: number) {
    compiled ??= new WebAssembly.Module(Buffer.from(CHUNKER_WASM, "base64"));
    const wasm = new WebAssembly.Instance(compiled).exports as unknown as Exports;
    wasm.configure(polynomial);
    this.#scan = wasm.scan;
    this.#inputStart = wasm.inputStart();
    this.#sweepBlock = wasm.maxBlock();
    const missing = this.#inputStart + capacityBytes - wasm.memory.buffer.byteLength;
    if (missing > 0) wasm.memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.buffer = new Uint8Array(wasm.memory.buffer, this.#inputStart, capacityBytes);
    this.#marks = new Int32Array(wasm.memory.buffer, wasm.marksStart(), this.#sweepBlock / 32);
  }

  /**
   * End of the chunk that starts at `start`, within `buffer[start, end)`; 0 when there is none in it, so that it needs
   * more bytes or is the last chunk of its file.
   *
   * Every call searches from `start + MIN_CHUNK_BYTES` on, so hand over as many bytes as there are. A file that comes
   * in small pieces is better served by `candidates` and a `CutChooser`.
   */
  nextCut(start: number, end: number): number {
    this.#checkRange(start, end);
    const last = Math.min(end, start + MAX_CHUNK_BYTES);
    let from = start + MIN_CHUNK_BYTES - 1;
    // The very first position alone: in zeros (sparse files, disk images) it is a candidate already.
    for (let step = 1; from < last; step = SEARCH_BLOCK) {
      const to = Math.min(from + step, last);
      const block = this.#scanBlock(from, to);
      if (block !== undefined) return firstPositionOf(block);
      from = to;
    }
    return last === start + MAX_CHUNK_BYTES ? last : 0;
  }

  /**
   * Every position c with `from` < c <= `to` whose preceding 64 bytes have a digest that may be cut, ascending. The
   * bytes before `from` count too, but there are none before the buffer: the first position looked at is 64.
   *
   * For large files that are scanned in pieces, also by several threads: each piece needs the 64 bytes before it. About
   * one position in a million is a candidate, but in zeros each is: then four bytes of result come for one of input.
   */
  candidates(from: number, to: number): Uint32Array {
    return positionsOf(this.#sweep(from, to));
  }

  /** As `candidates`, as runs of consecutive positions (first, last, first, last, …): short also for zeros. */
  candidateRuns(from: number, to: number): number[] {
    return runsOf(this.#sweep(from, to));
  }

  #sweep(from: number, to: number): MarkedBlock[] {
    this.#checkRange(from, to);
    const blocks: MarkedBlock[] = [];
    for (let at = Math.max(from, WINDOW_BYTES - 1); at < to; at += this.#sweepBlock) {
      const block = this.#scanBlock(at, Math.min(at + this.#sweepBlock, to));
      if (block !== undefined) blocks.push(block);
    }
    return blocks;
  }

  #checkRange(from: number, to: number): void {
    if (!(from >= 0 && from <= to && to <= this.buffer.length)) {
      throw new RangeError(`${from} to ${to} is not within the ${this.buffer.length} bytes of the chunker's buffer`);
    }
  }

  /** The candidates c with `from` < c <= `to`, if there are any. */
  #scanBlock(from: number, to: number): MarkedBlock | undefined {
    const count = this.#scan(this.#inputStart + from, this.#inputStart + to);
    if (count === 0) return undefined;
    const marks = this.#marks.subarray(0, Math.ceil((to - from) / 32));
    const words = marks.slice();
    // The module expects a clear bitmap.
    marks.fill(0);
    return { first: from + 1, words, count };
  }
}
