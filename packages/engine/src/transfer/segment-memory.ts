/**
 * Shared memory for what is read from packs: so many bytes at once and no more, and used again and again. What is dropped stays
 * resident until every thread that saw it has collected its garbage, so that hardly anything is.
 */
import { Semaphore } from "@holdfast/base";

/** Sizes are powers of two from here on, so that a piece fits where another of about its size was. */
const LEAST_BYTES = 1024 * 1024;

export class SegmentMemory {
  readonly #budget: Semaphore;
  readonly #maxBytes: number;
  /** Smallest first. */
  readonly #free: SharedArrayBuffer[] = [];

  /** @param maxBytes lent at once; a single larger piece is lent when nothing else is */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#budget = new Semaphore(maxBytes);
  }

  /** Waits until there is room, and runs `use` with memory of this size, which is somebody else's afterwards. */
  async lend<T>(bytes: number, use: (memory: Uint8Array) => Promise<T>): Promise<T> {
    const release = await this.#budget.acquire(Math.max(1, bytes));
    const memory = this.#take(bytes);
    try {
      return await use(new Uint8Array(memory, 0, bytes));
    } finally {
      this.#giveBack(memory);
      release();
    }
  }

  #take(bytes: number): SharedArrayBuffer {
    const fitting = this.#free.findIndex(({ byteLength }) => byteLength >= bytes);
    const [held] = fitting < 0 ? [] : this.#free.splice(fitting, 1);
    if (held !== undefined) return held;
    // None is large enough: this one takes the place of the smallest. Pages that are never used take no memory.
    this.#free.shift();
    return new SharedArrayBuffer(Math.max(LEAST_BYTES, 2 ** Math.ceil(Math.log2(Math.max(1, bytes)))));
  }

  #giveBack(memory: SharedArrayBuffer): void {
    if (memory.byteLength > 2 * this.#maxBytes) return;
    const at = this.#free.findIndex(({ byteLength }) => byteLength >= memory.byteLength);
    this.#free.splice(at < 0 ? this.#free.length : at, 0, memory);
  }
}
