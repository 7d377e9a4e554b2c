/** Lets others run now and then during long work that has nothing to wait for, so that an interruption is noticed. */
import { setImmediate as nextTurn } from "node:timers/promises";

const STEPS_PER_LOOK = 64;
const LONGEST_MS = 50;

export class Pauses {
  readonly #signal: AbortSignal;
  #steps = 0;
  #restedAtMs = performance.now();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Call it for each small piece of work, and wait for what it returns, if anything. Rejects with the signal's reason. */
  step(): Promise<void> | undefined {
    if (++this.#steps < STEPS_PER_LOOK) return undefined;
    this.#steps = 0;
    return this.look();
  }

  /** The same for pieces that may take long. */
  look(): Promise<void> | undefined {
    return performance.now() - this.#restedAtMs < LONGEST_MS ? undefined : this.#rest();
  }

  async #rest(): Promise<void> {
    await nextTurn();
    this.#restedAtMs = performance.now();
    this.#signal.throwIfAborted();
  }
}
