/** A lock in shared memory, for critical sections of a few microseconds. Not re-entrant. */

const UNLOCKED = 0;
const LOCKED = 1;
const CONTENDED = 2;

export class Mutex {
  readonly #words: Int32Array;
  readonly #at: number;

  /** @param words a view of shared memory; the word at `at` is the lock and starts as 0 */
  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  /** Runs `section` alone among all threads that use this word. */
  run<T>(section: () => T): T {
    this.#lock();
    try {
      return section();
    } finally {
      this.#unlock();
    }
  }

  // The three-state futex lock of Drepper, "Futexes are tricky" (2011), mutex 2.
  #lock(): void {
    let state = Atomics.compareExchange(this.#words, this.#at, UNLOCKED, LOCKED);
    if (state === UNLOCKED) return;
    if (state !== CONTENDED) state = Atomics.exchange(this.#words, this.#at, CONTENDED);
    while (state !== UNLOCKED) {
      Atomics.wait(this.#words, this.#at, CONTENDED);
      state = Atomics.exchange(this.#words, this.#at, CONTENDED);
    }
  }

  #unlock(): void {
    if (Atomics.exchange(this.#words, this.#at, UNLOCKED) === CONTENDED) Atomics.notify(this.#words, this.#at, 1);
  }
}
