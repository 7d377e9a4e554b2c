/** Turns for calls, of which so many may be had at once as a limit says that may change meanwhile. */
import { orAborted } from "@holdfast/base";

export class Turns {
  readonly #limit: () => number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  /** @param limit asked whenever a turn is wanted or given back; at least 1 */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Whether somebody waits. */
  get areWanted(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Waits for a turn, in the order of arrival; an abort gives up waiting at once, and the turn back when it comes.
   * @returns gives the turn back (once)
   */
  async take({ signal }: { readonly signal: AbortSignal }): Promise<() => void> {
    signal.throwIfAborted();
    // Most turns are free, and to watch for an abort costs more than to take one.
    if (this.#isFree()) this.#taken++;
    else await this.#wait({ signal });
    let isGiven = false;
    return () => {
      if (!isGiven) this.#giveBack();
      isGiven = true;
    };
  }

  #isFree(): boolean {
    return this.#waiting.length === 0 && this.#taken < this.#limit();
  }

  async #wait({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const turn = new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await orAborted(turn, signal);
    } catch (error) {
      void turn.then(() => this.#giveBack());
      throw error;
    }
  }

  #giveBack(): void {
    this.#taken--;
    while (this.#taken < this.#limit()) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#taken++;
      next();
    }
  }
}
