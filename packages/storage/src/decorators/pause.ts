/** A gate that calls pass, and at which they wait while anybody keeps it shut. */
import { orAborted } from "@holdfast/base";

export class Pause {
  #keepers = 0;
  #opened = Promise.withResolvers<void>();

  get isShut(): boolean {
    return this.#keepers > 0;
  }

  /** Shuts it; it opens once everybody who did so has called the function that is returned. */
  shut(): () => void {
    this.#keepers++;
    let isDone = false;
    return () => {
      if (isDone) return;
      isDone = true;
      if (--this.#keepers > 0) return;
      this.#opened.resolve();
      this.#opened = Promise.withResolvers<void>();
    };
  }

  /** Resolves when it is open. Rejects with the signal's reason as soon as it is aborted. */
  async pass({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    while (this.isShut) await orAborted(this.#opened.promise, signal);
  }
}
