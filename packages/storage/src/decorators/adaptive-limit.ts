/**
 * How many calls at once a store gets, found out by what it does.
 *
 * - While all turns are in use it tries more, half as many again, and stays there if more bytes and calls came through for it;
 *   else it goes back, and waits twice as long before it tries again.
 * - A store that is too busy (429, 503, no answer in time) gets half as many at once; from there it goes up one by one.
 *
 * Pure arithmetic on what it is told; time comes with each call.
 */

/** The bounds, and where to begin. */
export interface LimitRange {
  readonly start: number;
  readonly most: number;
}

/** A call that has ended. */
export interface EndedCall {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** How many bytes it moved. */
  readonly bytes: number;
  /** `busy`: the store could not or did not want to answer. Other failures say nothing of its load. */
  readonly outcome: "done" | "busy";
  /** Whether others had to wait for a turn meanwhile: only then does the limit matter. */
  readonly wereOthersWaiting: boolean;
}

const WINDOW_MS = 1000;
/** A call is work by itself: so many bytes could have been moved in its place. */
const BYTES_OF_A_CALL = 64 * 1024;
/** Less than this is chance, and no gain. */
const GAIN = 1.15;
const GROWTH = 1.5;
/** Windows between two trials, at first and at most. */
const FIRST_REST = 2;
const LONGEST_REST = 64;

export class AdaptiveLimit {
  readonly #most: number;
  #value: number;
  #window: Window | undefined;
  /** The limit before the trial that is under way, and what came through then. */
  #trial: { readonly value: number; readonly rate: number } | undefined;
  #lastRate = 0;
  #restLength = FIRST_REST;
  #rest = FIRST_REST;
  /** At this many the store was too busy; from below it is approached one by one. */
  #ceiling = Number.POSITIVE_INFINITY;
  #loweredAtMs = Number.NEGATIVE_INFINITY;

  /** @param range `most` below `start` counts as `start` */
  constructor({ start, most }: LimitRange) {
    this.#value = Math.max(1, start);
    this.#most = Math.max(this.#value, most);
  }

  /** A whole number from 1 to the most. */
  get value(): number {
    return this.#value;
  }

  /** Tells of a call; the value may be another one afterwards. */
  ended(call: EndedCall): void {
    if (call.outcome === "busy") return this.#lower(call);
    // The first calls after a change still belong to the limit before.
    if (this.#window !== undefined && call.startedAtMs < this.#window.sinceMs) return;
    this.#window ??= newWindow(call.startedAtMs);
    const window = this.#window;
    window.calls++;
    window.work += call.bytes + BYTES_OF_A_CALL;
    if (call.wereOthersWaiting) window.waited++;
    const lengthMs = call.endedAtMs - window.sinceMs;
    if (lengthMs < WINDOW_MS || window.calls < 2 * this.#value) return;
    this.#window = newWindow(call.endedAtMs);
    if (window.waited * 2 >= window.calls) this.#judge(window.work / lengthMs);
  }

  /** Once for all that were under way together: they met the same state of the store. */
  #lower({ startedAtMs, endedAtMs }: EndedCall): void {
    if (startedAtMs < this.#loweredAtMs) return;
    this.#loweredAtMs = endedAtMs;
    this.#ceiling = this.#value;
    this.#change(Math.floor(this.#value / 2), endedAtMs);
    this.#rest = FIRST_REST;
  }

  #judge(rate: number): void {
    const trial = this.#trial;
    this.#trial = undefined;
    if (trial !== undefined && rate < trial.rate * GAIN) {
      this.#restLength = Math.min(LONGEST_REST, this.#restLength * 2);
      this.#rest = this.#restLength;
      this.#change(trial.value);
      return;
    }
    if (trial !== undefined) {
      this.#restLength = FIRST_REST;
      this.#rest = 0;
    }
    this.#lastRate = rate;
    if (--this.#rest > 0) return;
    this.#raise();
  }

  #raise(): void {
    const value = this.#value;
    if (value < this.#ceiling - 1 && this.#ceiling !== Number.POSITIVE_INFINITY) {
      // It bore that many before: nothing has to be shown again.
      this.#change(value + 1);
      this.#rest = 1;
      return;
    }
    this.#ceiling = Number.POSITIVE_INFINITY;
    if (value >= this.#most) return;
    this.#trial = { value, rate: this.#lastRate };
    this.#change(Math.ceil(value * GROWTH));
  }

  #change(value: number, atMs?: number): void {
    this.#value = Math.min(this.#most, Math.max(1, value));
    if (atMs !== undefined) {
      this.#trial = undefined;
      this.#window = newWindow(atMs);
    }
  }
}

/** What came through in a while in which the limit was the same. */
interface Window {
  readonly sinceMs: number;
  calls: number;
  waited: number;
  work: number;
}

function newWindow(sinceMs: number): Window {
  return { sinceMs, calls: 0, waited: 0, work: 0 };
}
