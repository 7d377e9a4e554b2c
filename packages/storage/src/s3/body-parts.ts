/** One pass over a body, handed out as several bodies that follow each other: nothing is kept but the chunk that is being read. */
import type { ByteSource } from "../backend.ts";

export class BodyParts {
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(body: ByteSource) {
    const chunks = body.open();
    this.#chunks = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  /** The next `length` bytes. To be opened once, and to its end before the next one is taken. */
  next(length: number): ByteSource {
    return { sizeBytes: length, open: () => this.#take(length) };
  }

  /** Nobody wants the rest. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async *#take(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0;) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) return;
        this.#rest = next.value;
      }
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }
}
