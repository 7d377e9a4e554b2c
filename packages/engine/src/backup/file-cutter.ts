/** Cuts the content of one file as it comes, and has the chunks stored; stretches of zeros and chunks that are known cost nothing. */
import type { Semaphore } from "@holdfast/base";
import { type Chunker, MIN_CHUNK_BYTES } from "../chunker/chunker.ts";
import type { Id } from "../format/id.ts";
import type { Coordinator } from "./coordinator.ts";
import type { GivenPiece } from "./given-entries.ts";

export interface CutterParts {
  readonly coordinator: Coordinator;
  /** Its buffer is this cutter's until the file has ended. */
  readonly chunker: Chunker;
  /** Bytes on their way through the workers. */
  readonly budget: Semaphore;
  /** The chunk of `MIN_CHUNK_BYTES` zeros, once some file had one. */
  zeroChunk: Promise<Id> | undefined;
}

export class FileCutter {
  readonly #parts: CutterParts;
  readonly #ids: Id[] = [];
  readonly #storing: Promise<void>[] = [];
  /** Bytes in the buffer that no chunk has yet. */
  #end = 0;
  /** How many of the last of them are known to be zeros. */
  #zeroTail = 0;

  constructor(parts: CutterParts) {
    this.#parts = parts;
  }

  async add(piece: GivenPiece): Promise<void> {
    if (!(piece instanceof Uint8Array)) return this.#addZeros(piece.zeros);
    const { buffer } = this.#parts.chunker;
    for (let taken = 0; taken < piece.length;) {
      const part = piece.subarray(taken, taken + buffer.length - this.#end);
      buffer.set(part, this.#end);
      taken += part.length;
      this.#end += part.length;
      this.#zeroTail = 0;
      // Each search begins at the start of a chunk, so it waits until there is much to search.
      if (this.#end === buffer.length) await this.#cut();
    }
  }

  /** Chunks that are stored already; only where a chunk has ended. */
  keep(ids: readonly Id[]): void {
    if (this.#end > 0) throw new Error("a chunk is still open");
    for (const id of ids) this.#ids.push(id);
  }

  /** Stores the chunks that are complete. @returns how many bytes are left: less than a largest chunk */
  async settle(): Promise<number> {
    await this.#cut();
    return this.#end;
  }

  /** Ends the chunk here, whatever the content says. */
  async endChunk(): Promise<void> {
    await this.#cut();
    if (this.#end > 0) await this.#store(0, this.#end);
    this.#end = 0;
    this.#zeroTail = 0;
  }

  /** Settles once all chunks have reached a pack; rejects with the failure of the backup. */
  content(): Promise<Id[]> {
    const content = Promise.all(this.#storing).then(() => this.#ids);
    content.catch(() => {});
    return content;
  }

  /** Within zeros every position may be cut, so that chunks there are the smallest possible, all the same one. */
  async #addZeros(count: number): Promise<void> {
    const { buffer } = this.#parts.chunker;
    let left = count;
    while (left > 0) {
      if (this.#zeroTail === this.#end) {
        const whole = Math.floor((this.#end + left) / MIN_CHUNK_BYTES);
        if (whole > 0) {
          left = this.#end + left - whole * MIN_CHUNK_BYTES;
          this.#end = 0;
          this.#zeroTail = 0;
          await this.#storeZeros(whole);
          continue;
        }
      }
      const some = Math.min(left, MIN_CHUNK_BYTES, buffer.length - this.#end);
      buffer.fill(0, this.#end, this.#end + some);
      this.#end += some;
      this.#zeroTail += some;
      left -= some;
      // Only where more of them come is it of use to know where the chunk before them ends.
      if (left > 0 || this.#end === buffer.length) await this.#cut();
    }
  }

  async #storeZeros(times: number): Promise<void> {
    const { coordinator } = this.#parts;
    this.#parts.zeroChunk ??= coordinator.blob(new ArrayBuffer(MIN_CHUNK_BYTES));
    const id = await coordinator.untilFailure(this.#parts.zeroChunk);
    for (let n = 0; n < times; n++) this.#ids.push(id);
  }

  /** Stores the chunks that are complete, and moves the rest to the front. */
  async #cut(): Promise<void> {
    const { chunker } = this.#parts;
    let start = 0;
    for (let at = chunker.nextCut(start, this.#end); at > 0; at = chunker.nextCut(start, this.#end)) {
      await this.#store(start, at);
      start = at;
    }
    chunker.buffer.copyWithin(0, start, this.#end);
    this.#end -= start;
    this.#zeroTail = Math.min(this.#zeroTail, this.#end);
  }

  async #store(from: number, to: number): Promise<void> {
    const { chunker, budget, coordinator } = this.#parts;
    const chunk = chunker.buffer.slice(from, to);
    const release = await budget.acquire(chunk.length);
    const place = this.#ids.push("" as Id) - 1;
    const storing = coordinator
      .blob(chunk.buffer)
      .then((id) => {
        this.#ids[place] = id;
      })
      .finally(release);
    // The failure is seen when all are awaited; until then it must not count as unhandled.
    storing.catch(() => {});
    this.#storing.push(storing);
  }
}
