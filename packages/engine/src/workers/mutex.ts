/** A lock in shared memory, for critical sections of a few microseconds. Not re-entrant. */
import { engineError } from "../errors.ts";

const UNLOCKED = 0;
const LOCKED = 1;
const CONTENDED = 2;
/** Nobody holds the lock so long; a thread that died inside a section holds it for ever. */
const GIVE_UP_MS = 60_000;

export class Mutex {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #giveUpMs: number;

  /** @param words a view of shared memory; the word at `at` is the lock and starts as 0 */
  constructor(words: Int32Array, at: number, { giveUpMs = GIVE_UP_MS } = {}) {
    this.#words = words;
    this.#at = at;
    this.#giveUpMs = giveUpMs;
  }

  /**
   * Runs `section` alone among all threads that use this word.
   * @throws ENGINE_WORKER_FAILED when the lock is never released, and what `section` throws
   */
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
      if (Atomics.wait(this.#words, this.#at, CONTENDED, this.#giveUpMs) === "timed-out") {
        throw engineError("ENGINE_WORKER_FAILED", { reason: "a lock in shared memory was never released" });
      }
      state = Atomics.exchange(this.#words, this.#at, CONTENDED);
    }
  }

  #unlock(): void {
    if (Atomics.exchange(this.#words, this.#at, UNLOCKED) === CONTENDED) Atomics.notify(this.#words, this.#at, 1);
  }
}
