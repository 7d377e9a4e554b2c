/** Cuts a content into chunks as it comes. */
import { type Chunker, MAX_CHUNK_BYTES } from "../chunker/chunker.ts";

/** What the buffer of a chunker should have: the largest chunk, and enough behind it that a search for cuts pays. */
export const STREAM_BUFFER_BYTES = MAX_CHUNK_BYTES + 1024 * 1024;

/** For one content; every chunk that it yields is valid until the next is asked for. */
export class CutBuffer {
  /** Its buffer is ours until the content has ended. */
  readonly #chunker: Chunker;
  /** Bytes in the buffer that no chunk has yet. */
  #end = 0;

  constructor(chunker: Chunker) {
    this.#chunker = chunker;
  }

  /** How many bytes have come that no chunk has yet. */
  get length(): number {
    return this.#end;
  }

  /** Takes a piece. @returns the chunks that were cut, as far as it was worthwhile to look for them */
  *add(piece: Uint8Array): Generator<Uint8Array> {
    const { buffer } = this.#chunker;
    for (let taken = 0; taken < piece.length;) {
      const part = piece.subarray(taken, taken + buffer.length - this.#end);
      buffer.set(part, this.#end);
      taken += part.length;
      this.#end += part.length;
      // Each search begins at the start of a chunk, so it waits until there is much to search.
      if (this.#end === buffer.length) yield* this.cut();
    }
  }

  /** @returns the chunks that are complete; less than a largest chunk is left then */
  *cut(): Generator<Uint8Array> {
    const { buffer } = this.#chunker;
    let start = 0;
    for (let at = this.#chunker.nextCut(start, this.#end); at > 0; at = this.#chunker.nextCut(start, this.#end)) {
      yield buffer.subarray(start, at);
      start = at;
    }
    buffer.copyWithin(0, start, this.#end);
    this.#end -= start;
  }

  /** Ends the chunk here, whatever the content says. @returns what is left, and is so no longer */
  takeRest(): Uint8Array {
    const rest = this.#chunker.buffer.subarray(0, this.#end);
    this.#end = 0;
    return rest;
  }
}
