/** Shared memory for what is read from packs: so many bytes at once and no more, and used again and again. */
import { Semaphore } from "@holdfast/base";

export class SegmentMemory {
  readonly #budget: Semaphore;
  readonly #maxBytes: number;
  readonly #free: SharedArrayBuffer[] = [];
  #allocatedBytes = 0;

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
    this.#allocatedBytes += bytes;
    return new SharedArrayBuffer(bytes);
  }

  #giveBack(memory: SharedArrayBuffer): void {
    this.#free.push(memory);
    // The smallest go first: whoever needs little can have a large one.
    this.#free.sort((a, b) => a.byteLength - b.byteLength);
    while (this.#allocatedBytes > this.#maxBytes) {
      const dropped = this.#free.shift();
      if (dropped === undefined) return;
      this.#allocatedBytes -= dropped.byteLength;
    }
  }
}
