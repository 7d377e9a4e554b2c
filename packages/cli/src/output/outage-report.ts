/**
 * Tells of calls that fail for now and are repeated. Many of them may fail at once, each many times, for hours: what is told is
 * the outage, at intervals that grow, and its end.
 */
import { messageOf } from "@holdfast/base";
import type { RecoveryInfo, RetryInfo } from "@holdfast/storage";
import type { Output } from "./output.ts";
import { formatElapsed } from "./units.ts";

/** After so long without an answer it is told again; the last one goes on. */
const INTERVALS_MS = [10_000, 30_000, 60_000, 120_000, 300_000, 600_000] as const;
/** The end of what was shorter is not worth a line. */
const SHORT_MS = 5000;

export class OutageReport {
  readonly #output: Output;
  readonly #patienceMs: number;
  readonly #nowMs: () => number;
  #beganAtMs: number | undefined;
  #endedAtMs = Number.NEGATIVE_INFINITY;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #told = 0;

  /** @param patienceMs how long a call is repeated */
  constructor(output: Output, patienceMs: number, nowMs: () => number = () => performance.now()) {
    this.#output = output;
    this.#patienceMs = patienceMs;
    this.#nowMs = nowMs;
  }

  /** A call has failed, and will be repeated. */
  readonly onRetry = (info: RetryInfo): void => {
    const now = this.#nowMs();
    if (this.#beganAtMs === undefined) {
      this.#beganAtMs = Math.max(now - info.elapsedMs, this.#endedAtMs);
      // One that comes and goes is told no more often than one that lasts.
      if (now - this.#toldAtMs > INTERVALS_MS[0]) this.#told = 0;
    }
    if (now - this.#toldAtMs < this.#intervalMs()) return;
    this.#toldAtMs = now;
    this.#told++;
    this.#tell(info, now - this.#beganAtMs);
  };

  /** A call that had failed has got its answer. */
  readonly onRecovery = (_info: RecoveryInfo): void => {
    const beganAtMs = this.#beganAtMs;
    if (beganAtMs === undefined) return;
    const now = this.#nowMs();
    this.#beganAtMs = undefined;
    this.#endedAtMs = now;
    const lastedMs = now - beganAtMs;
    if (lastedMs < SHORT_MS) return;
    if (!this.#output.settings.json) {
      this.#output.message(`the repository answers again after ${formatElapsed(lastedMs)}`);
    } else if (!this.#output.settings.quiet) {
      this.#output.errorJson({ message_type: "retry", state: "recovered", seconds_elapsed: seconds(lastedMs) });
    }
  };

  #intervalMs(): number {
    if (this.#told === 0) return Number.NEGATIVE_INFINITY;
    return INTERVALS_MS[Math.min(this.#told - 1, INTERVALS_MS.length - 1)] ?? 0;
  }

  #tell({ operation, subject, failures, delayMs, elapsedMs, error }: RetryInfo, outMs: number): void {
    const leftMs = Math.max(0, this.#patienceMs - elapsedMs);
    const { json, quiet } = this.#output.settings;
    if (json && !quiet) {
      this.#output.errorJson({
        message_type: "retry",
        state: "waiting",
        error: { message: messageOf(error), code: error.code },
        operation,
        item: subject,
        failures,
        seconds_elapsed: seconds(outMs),
        seconds_until_retry: seconds(delayMs),
        seconds_until_giving_up: seconds(leftMs),
      });
    }
    const since = outMs < SHORT_MS ? "" : `, for ${formatElapsed(outMs)} now`;
    const goesOn = `trying again for up to ${formatElapsed(leftMs)}`;
    this.#output.message(`${messageOf(error)}${since}; ${goesOn}, next in ${Math.ceil(delayMs / 1000)} s`);
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
