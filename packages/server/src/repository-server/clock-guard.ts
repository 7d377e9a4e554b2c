/**
 * Notices when the clock of the machine was set: whoever can move it forward could make files look old enough to be removed.
 * While the server runs, the clock must keep pace with one that nobody can set; when it starts, it must not be behind the last time.
 */
import type { Clock } from "@holdfast/storage";
import type { Ledger } from "./ledger.ts";

const TOLERANCE_MS = 5 * 60_000;

export class ClockGuard {
  readonly #clock: Clock;
  readonly #ledger: Ledger;
  readonly #startMs: number;
  readonly #startElapsedMs: number;
  #doubt: string | undefined;

  constructor(ledger: Ledger, clock: Clock) {
    this.#clock = clock;
    this.#ledger = ledger;
    this.#startMs = clock.nowMs();
    this.#startElapsedMs = clock.elapsedMs();
    const lastMs = ledger.lastSeenMs();
    if (lastMs !== undefined && this.#startMs < lastMs - TOLERANCE_MS) {
      this.#doubt = `it is behind ${new Date(lastMs).toISOString()}, when this server ran last`;
    } else ledger.noteSeen(this.#startMs);
  }

  /** Why no age can be trusted; `undefined` while all is well. Once in doubt, it stays so until the server starts again. */
  doubt(): string | undefined {
    if (this.#doubt !== undefined) return this.#doubt;
    const nowMs = this.#clock.nowMs();
    const expectedMs = this.#startMs + this.#clock.elapsedMs() - this.#startElapsedMs;
    if (Math.abs(nowMs - expectedMs) > TOLERANCE_MS) {
      const minutes = Math.round((nowMs - expectedMs) / 60_000);
      this.#doubt = `it was set ${Math.abs(minutes)} minutes ${minutes > 0 ? "forward" : "back"}`;
    }
    return this.#doubt;
  }

  /** Writes down that the server runs at this time. */
  note(): void {
    if (this.doubt() === undefined) this.#ledger.noteSeen(this.#clock.nowMs());
  }
}
