/**
 * Shared memory for packs on their way to a worker: few pieces, used again and again. A fresh buffer for each pack costs more
 * than reading it, as the system hands it out page by page.
 */
export class PackMemory {
  readonly #free: SharedArrayBuffer[] = [];

  /** Runs `use` with memory of this size, which is somebody else's afterwards. */
  async lend<T>(bytes: number, use: (memory: Uint8Array) => Promise<T>): Promise<T> {
    const held = this.#free.pop();
    const memory = held !== undefined && held.byteLength >= bytes ? held : new SharedArrayBuffer(bytes);
    try {
      return await use(new Uint8Array(memory, 0, bytes));
    } finally {
      this.#free.push(memory);
    }
  }
}
