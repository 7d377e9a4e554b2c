/** A clock for tests: sleeping takes no time, but moves the clock. */
import type { Clock } from "../clock.ts";

export class FakeClock implements Clock {
  /** How long each sleep was, in order. */
  readonly sleeps: number[] = [];
  #elapsedMs = 0;

  nowMs(): number {
    return 1_700_000_000_000 + this.#elapsedMs;
  }

  elapsedMs(): number {
    return this.#elapsedMs;
  }

  async sleep(ms: number, { signal }: { signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    this.sleeps.push(ms);
    this.advance(ms);
    await Promise.resolve();
    signal.throwIfAborted();
  }

  /** Time passes without a sleep. */
  advance(ms: number): void {
    this.#elapsedMs += ms;
  }
}
