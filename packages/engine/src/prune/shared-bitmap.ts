/** A set of numbers in shared memory, one bit each, to which any number of threads add at once without a lock. */

export class SharedBitmap {
  /** Hand this to another thread, for `attach`. */
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;

  private constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.#words = new Int32Array(shared);
  }

  /** An empty set of numbers below `size`. */
  static create(size: number): SharedBitmap {
    return new SharedBitmap(new SharedArrayBuffer(4 * Math.ceil(size / 32)));
  }

  /** The same set in another thread. */
  static attach(shared: SharedArrayBuffer): SharedBitmap {
    return new SharedBitmap(shared);
  }

  /** Adds a number. @returns true for the one caller, of all threads, that added it */
  add(n: number): boolean {
    const bit = 1 << (n & 31);
    // Most numbers are added many times, and a read leaves the cache line shared.
    if ((Atomics.load(this.#words, n >>> 5) & bit) !== 0) return false;
    return (Atomics.or(this.#words, n >>> 5, bit) & bit) === 0;
  }

  has(n: number): boolean {
    return (Atomics.load(this.#words, n >>> 5) & (1 << (n & 31))) !== 0;
  }
}
