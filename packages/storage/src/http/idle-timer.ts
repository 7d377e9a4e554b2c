/** Ends what makes no progress. There is no limit on the whole: a slow link may take as long as it moves. */

export class IdleTimer {
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isFinished = false;

  /** @param onIdle called once, when a wait was longer than it was allowed to be */
  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  /** From now on, `ms` milliseconds may pass until the next call of this. */
  allow(ms: number): void {
    this.stop();
    if (!this.#isFinished) this.#timer = setTimeout(this.#onIdle, ms);
  }

  /** Something has moved: the wait begins anew. Nothing when it is stopped. */
  touch(): void {
    this.#timer?.refresh();
  }

  /** Nothing will be waited for any more: a late call of `allow` must not keep the process alive. */
  finish(): void {
    this.stop();
    this.#isFinished = true;
  }

  /** Nothing is waited for. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
