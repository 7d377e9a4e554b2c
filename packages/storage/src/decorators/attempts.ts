/**
 * When to repeat a failed call, and after how long: exponential back-off with jitter, only after transient errors, and not
 * before the time for which the store itself asks (`details.retryAfterMs` of the error).
 */
import { type HoldfastError, isHoldfastError } from "@holdfast/base";
import type { CallOptions } from "../backend.ts";
import { type Clock, systemClock } from "../clock.ts";

/** What happened, and what happens next; for whoever watches the run. */
export interface RetryInfo {
  /** `save`, `load`, `list` … */
  readonly operation: string;
  /** The file or the type that it is about. */
  readonly subject: string;
  /** How many times in a row it has failed, from 1. */
  readonly failures: number;
  readonly delayMs: number;
  /** Since the first failure in a row. */
  readonly elapsedMs: number;
  readonly error: HoldfastError;
}

/** A call that had failed got an answer that is no reason to repeat it. */
export interface RecoveryInfo {
  readonly operation: string;
  readonly subject: string;
  /** How many times in a row it had failed. */
  readonly failures: number;
  /** Since the first failure in a row. */
  readonly elapsedMs: number;
}

export interface RetryOptions {
  /** The first wait, before jitter; each further one is twice as long. Default: 500. */
  readonly initialDelayMs?: number;
  /** The longest wait. Default: one minute. */
  readonly maxDelayMs?: number;
  /** Gives up when the next wait would end later than this after the first failure in a row. Default: 15 minutes. */
  readonly maxElapsedMs?: number;
  readonly onRetry?: (info: RetryInfo) => void;
  readonly onRecovery?: (info: RecoveryInfo) => void;
  readonly clock?: Clock;
  /** A number from 0 to 1; spreads the waits of several clients by half around their length. Default: `Math.random`. */
  readonly random?: () => number;
}

/** The failures in a row of one call. */
export class Attempts {
  readonly #operation: string;
  readonly #subject: string;
  readonly #options: RetryOptions;
  readonly #clock: Clock;
  #failures = 0;
  #firstFailureMs = 0;

  constructor(operation: string, subject: string, options: RetryOptions) {
    this.#operation = operation;
    this.#subject = subject;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** True once a try has failed: its effect may be there all the same. */
  get isRepeated(): boolean {
    return this.#failures > 0;
  }

  /** Something went well: the next failure is the first in a row again. */
  progress(): void {
    if (this.#failures === 0) return;
    const elapsedMs = this.#clock.elapsedMs() - this.#firstFailureMs;
    const failures = this.#failures;
    this.#failures = 0;
    this.#options.onRecovery?.({ operation: this.#operation, subject: this.#subject, failures, elapsedMs });
  }

  /**
   * Waits until the call may be tried again. Throws `error` itself when it is not transient or when time is up, and the
   * signal's reason when aborted.
   */
  async afterFailure(error: unknown, { signal }: CallOptions): Promise<void> {
    if (!isHoldfastError(error) || !error.transient) {
      // The store has answered, though not with what was hoped for.
      if (isHoldfastError(error) && !signal.aborted) this.progress();
      throw error;
    }
    signal.throwIfAborted();
    const {
      initialDelayMs = 500,
      maxDelayMs = 60_000,
      maxElapsedMs = 15 * 60_000,
      random = Math.random,
    } = this.#options;
    const now = this.#clock.elapsedMs();
    if (this.#failures === 0) this.#firstFailureMs = now;
    const spread = random();
    const ownDelayMs = Math.min(maxDelayMs, initialDelayMs * 2 ** this.#failures) * (0.5 + spread);
    const delayMs = Math.max(ownDelayMs, askedDelayMs(error, spread));
    this.#failures++;
    const elapsedMs = now - this.#firstFailureMs;
    if (elapsedMs + delayMs > maxElapsedMs) throw error;
    const failures = this.#failures;
    const what = { operation: this.#operation, subject: this.#subject, failures, delayMs, elapsedMs, error };
    this.#options.onRetry?.(what);
    await this.#clock.sleep(delayMs, { signal });
  }
}

/** What the store asks for, and up to a tenth more: of many clients that were sent away, not all come back at one moment. */
function askedDelayMs({ details }: HoldfastError, spread: number): number {
  const asked = details["retryAfterMs"];
  return typeof asked === "number" && asked > 0 ? asked * (1 + spread / 10) : 0;
}
