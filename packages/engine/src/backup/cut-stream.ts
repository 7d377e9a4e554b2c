/** Cuts a content that comes as a stream into chunks. */
import { Chunker, MAX_CHUNK_BYTES } from "../chunker/chunker.ts";

/** The largest chunk, and enough behind it that a search for cuts pays. */
const BUFFER_BYTES = MAX_CHUNK_BYTES + 1024 * 1024;

/** For one stream after the other. */
export class StreamCutter {
  readonly #chunker: Chunker;

  constructor(polynomial: bigint) {
    this.#chunker = new Chunker(polynomial, BUFFER_BYTES);
  }

  /** Each chunk, in order; it is valid until the next one is asked for. Throws what the stream throws. */
  async *chunks(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { buffer } = this.#chunker;
    let end = 0;
    for await (const piece of stream) {
      for (let taken = 0; taken < piece.length;) {
        const part = piece.subarray(taken, taken + buffer.length - end);
        buffer.set(part, end);
        taken += part.length;
        end += part.length;
        // Each search begins at the start of a chunk, so it waits until there is much to search.
        if (end === buffer.length) end = yield* this.#cut(end);
      }
    }
    end = yield* this.#cut(end);
    if (end > 0) yield buffer.subarray(0, end);
  }

  /** The chunks that are complete; moves the rest to the front. @returns the length of the rest */
  *#cut(end: number): Generator<Uint8Array, number> {
    const { buffer } = this.#chunker;
    let start = 0;
    for (let at = this.#chunker.nextCut(start, end); at > 0; at = this.#chunker.nextCut(start, end)) {
      yield buffer.subarray(start, at);
      start = at;
    }
    buffer.copyWithin(0, start, end);
    return end - start;
  }
}
