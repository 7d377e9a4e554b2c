/** Something that is done once for all who want it, however many ask at the same time. */
import type { CallOptions } from "../backend.ts";

export class Once<T> {
  readonly #run: (options: CallOptions) => Promise<T>;
  readonly #isFinal: (error: unknown) => boolean;
  #result: Promise<T> | undefined;

  /** @param isFinal which failures are an answer, too, and are not tried again; default: none */
  constructor(run: (options: CallOptions) => Promise<T>, isFinal: (error: unknown) => boolean = () => false) {
    this.#run = run;
    this.#isFinal = isFinal;
  }

  /** Does it with the signal of whoever comes first. What fails for them, the next one tries again. */
  async get({ signal }: CallOptions): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const isOurs = this.#result === undefined;
      const result = (this.#result ??= this.#run({ signal }));
      try {
        return await result;
      } catch (error) {
        const isFinal = this.#isFinal(error);
        if (!isFinal && this.#result === result) this.#result = undefined;
        signal.throwIfAborted();
        if (isOurs || isFinal) throw error;
      }
    }
  }
}
