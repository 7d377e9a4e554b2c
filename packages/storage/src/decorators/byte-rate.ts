/** A token bucket over bytes: on average `bytesPerSecond`, after a pause at most one burst faster. */
import type { CallOptions } from "../backend.ts";
import { type Clock, systemClock } from "../clock.ts";

/** A pause earns at most this much. */
const BURST_MS = 250;

/** Shared by all streams in one direction; they get their bytes in the order in which they ask. */
export class ByteRate {
  readonly #msPerByte: number;
  readonly #clock: Clock;
  /** When all that was granted so far is used up. */
  #paidUntilMs = Number.NEGATIVE_INFINITY;

  /** @param bytesPerSecond more than 0 */
  constructor(bytesPerSecond: number, clock: Clock = systemClock) {
    this.#msPerByte = 1000 / bytesPerSecond;
    this.#clock = clock;
  }

  /** Waits until `bytes` may pass. Rejects with the signal's reason when aborted; the bytes then count as used. */
  async take(bytes: number, { signal }: CallOptions): Promise<void> {
    signal.throwIfAborted();
    const now = this.#clock.elapsedMs();
    this.#paidUntilMs = Math.max(this.#paidUntilMs, now - BURST_MS) + bytes * this.#msPerByte;
    if (this.#paidUntilMs > now) await this.#clock.sleep(this.#paidUntilMs - now, { signal });
  }
}
