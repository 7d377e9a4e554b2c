/** How fast something goes on, smoothed over the last seconds, and how long the rest will take. */

/** After this time half of a reading's weight is gone. */
const HALF_LIFE_MS = 5000;

export class Rate {
  #lastMs: number | undefined;
  #lastAmount = 0;
  #perSecond = 0;
  #weight = 0;

  /** Takes note that `amount` is done in total by now. */
  add(amount: number, nowMs: number): void {
    if (this.#lastMs !== undefined && nowMs > this.#lastMs) {
      const keep = 0.5 ** ((nowMs - this.#lastMs) / HALF_LIFE_MS);
      const current = ((amount - this.#lastAmount) * 1000) / (nowMs - this.#lastMs);
      this.#perSecond = this.#perSecond * keep + current * (1 - keep);
      this.#weight = this.#weight * keep + (1 - keep);
    }
    this.#lastMs = nowMs;
    this.#lastAmount = amount;
  }

  /** Amount per second; 0 before two readings. */
  perSecond(): number {
    // Dividing by the weight makes the first readings count in full.
    return this.#weight === 0 ? 0 : this.#perSecond / this.#weight;
  }

  /** Milliseconds until `rest` is done; `undefined` when nothing goes on. */
  remainingMs(rest: number): number | undefined {
    const speed = this.perSecond();
    return speed > 0 ? (rest * 1000) / speed : undefined;
  }
}
