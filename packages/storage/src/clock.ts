/** Time as a dependency, so that tests of back-off and rate limits need not wait. */
import { setTimeout as wait } from "node:timers/promises";

/** What time-dependent code asks. */
export interface Clock {
  /** Milliseconds since 1970; may jump when somebody sets the clock. */
  nowMs(): number;
  /** Milliseconds since any fixed moment; never goes back. */
  elapsedMs(): number;
  /** Resolves after `ms`. Rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, options: { signal: AbortSignal }): Promise<void>;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  async sleep(ms, { signal }) {
    try {
      await wait(ms, undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  },
};
