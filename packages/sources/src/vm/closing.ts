/** What has to be undone at an end, the last made first. */

export class Closing {
  readonly #steps: (() => unknown)[] = [];
  #closed: Promise<void> | undefined;

  add(...steps: readonly (() => unknown)[]): void {
    this.#steps.push(...steps);
  }

  /** Runs all; one that fails keeps no other from running. May be called twice. @throws what the first to fail has thrown */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  /** Begins to; whoever calls `close` hears of what fails. */
  closeBehind(): void {
    this.close().catch(() => {});
  }

  async #closeAll(): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
}
