/** Cuts the content of one file as it comes, and has the chunks stored; stretches of zeros and chunks that are known cost nothing. */
import type { Semaphore } from "@holdfast/base";
import { type Chunker, MIN_CHUNK_BYTES } from "../chunker/chunker.ts";
import type { Id } from "../format/id.ts";
import type { Coordinator } from "./coordinator.ts";
import { CutBuffer } from "./cut-buffer.ts";
import type { GivenPiece } from "./given-entries.ts";

const ZEROS = new Uint8Array(MIN_CHUNK_BYTES);

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
  readonly #buffer: CutBuffer;
  /** How many of the last bytes that no chunk has yet are known to be zeros. */
  #zeroTail = 0;

  constructor(parts: CutterParts) {
    this.#parts = parts;
    this.#buffer = new CutBuffer(parts.chunker);
  }

  async add(piece: GivenPiece): Promise<void> {
    if (!(piece instanceof Uint8Array)) return this.#addZeros(piece.zeros);
    for (const chunk of this.#buffer.add(piece)) await this.#store(chunk);
    this.#zeroTail = 0;
  }

  /** Chunks that are stored already; only where a chunk has ended. */
  keep(ids: readonly Id[]): void {
    if (this.#buffer.length > 0) throw new Error("a chunk is still open");
    for (const id of ids) this.#ids.push(id);
  }

  /** Stores the chunks that are complete. @returns how many bytes are left: less than a largest chunk */
  async settle(): Promise<number> {
    for (const chunk of this.#buffer.cut()) await this.#store(chunk);
    this.#zeroTail = Math.min(this.#zeroTail, this.#buffer.length);
    return this.#buffer.length;
  }

  /** Ends the chunk here, whatever the content says. */
  async endChunk(): Promise<void> {
    await this.settle();
    const rest = this.#buffer.takeRest();
    if (rest.length > 0) await this.#store(rest);
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
    let left = count;
    while (left > 0) {
      if (this.#zeroTail === this.#buffer.length) {
        const whole = Math.floor((this.#zeroTail + left) / MIN_CHUNK_BYTES);
        if (whole > 0) {
          left = this.#zeroTail + left - whole * MIN_CHUNK_BYTES;
          this.#buffer.takeRest();
          this.#zeroTail = 0;
          await this.#storeZeros(whole);
          continue;
        }
      }
      const some = ZEROS.subarray(0, left);
      for (const chunk of this.#buffer.add(some)) await this.#store(chunk);
      this.#zeroTail = Math.min(this.#zeroTail + some.length, this.#buffer.length);
      left -= some.length;
      // Only where more of them come is it of use to know where the chunk before them ends.
      if (left > 0) await this.settle();
    }
  }

  async #storeZeros(times: number): Promise<void> {
    const { coordinator } = this.#parts;
    this.#parts.zeroChunk ??= coordinator.blob(new ArrayBuffer(MIN_CHUNK_BYTES));
    const id = await coordinator.untilFailure(this.#parts.zeroChunk);
    for (let n = 0; n < times; n++) this.#ids.push(id);
  }

  async #store(view: Uint8Array): Promise<void> {
    const { budget, coordinator } = this.#parts;
    const chunk = view.slice();
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
