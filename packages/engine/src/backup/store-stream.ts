/** Stores the content of files that come as streams, or are read in ranges: cut here, stored by the workers. */
import { Semaphore } from "@holdfast/base";
import { Chunker, MIN_CHUNK_BYTES } from "../chunker/chunker.ts";
import type { Id } from "../format/id.ts";
import type { Counters } from "../workers/counters.ts";
import type { Coordinator } from "./coordinator.ts";
import { STREAM_BUFFER_BYTES } from "./cut-buffer.ts";
import { type CutterParts, FileCutter } from "./file-cutter.ts";
import type { ByteRange, GivenPiece } from "./given-entries.ts";
import type { BACKUP_COUNTERS } from "./messages.ts";
import type { FormerChunk, SpliceStep } from "./splice-plan.ts";

/** Chunks on their way through the workers. */
const IN_FLIGHT_BYTES = 48 * 1024 * 1024;

export interface StoredContent {
  /** Settles once all of it has reached a pack; rejects with the failure of the backup. */
  readonly content: Promise<Id[]>;
  readonly sizeBytes: number;
}

type Read = (range: ByteRange) => AsyncIterable<GivenPiece>;

export class StreamStore {
  readonly #coordinator: Coordinator;
  readonly #counters: Counters<typeof BACKUP_COUNTERS>;
  readonly #parts: CutterParts;

  constructor(coordinator: Coordinator, counters: Counters<typeof BACKUP_COUNTERS>, polynomial: bigint) {
    this.#coordinator = coordinator;
    this.#counters = counters;
    this.#parts = {
      coordinator,
      chunker: new Chunker(polynomial, STREAM_BUFFER_BYTES),
      budget: new Semaphore(IN_FLIGHT_BYTES),
      zeroChunk: undefined,
    };
  }

  /** Resolves when the stream has ended: the next may come then. Throws what the stream throws, and the failure of the backup. */
  async store(stream: AsyncIterable<GivenPiece>): Promise<StoredContent> {
    const cutter = new FileCutter(this.#parts);
    const sizeBytes = await this.#feed(cutter, stream);
    await cutter.endChunk();
    return { content: cutter.content(), sizeBytes };
  }

  /**
   * As `store`, of a file that is read in part. Where content is cut anew up to a chunk that is kept, and less than a smallest chunk
   * is left before that, the kept one is read too: no chunk but a file's last is smaller than others make it.
   * @throws RangeError when a range gave more or less than its bytes
   */
  async splice(steps: readonly SpliceStep[], read: Read): Promise<StoredContent> {
    const cutter = new FileCutter(this.#parts);
    let at = 0;
    const take = async (end: number): Promise<void> => {
      const range = { start: at, end };
      const count = await this.#feed(cutter, read(range));
      if (count !== end - at) throw new RangeError(`${count} bytes came for ${at} to ${end} of a file`);
      at = end;
    };
    for (const [n, step] of steps.entries()) {
      if (step.kind === "read") {
        await take(step.end);
        const isLast = n === steps.length - 1;
        if (isLast || (await cutter.settle()) >= MIN_CHUNK_BYTES) await cutter.endChunk();
        continue;
      }
      let kept = 0;
      for (; kept < step.chunks.length && (await cutter.settle()) > 0; kept++) {
        await take(at + (step.chunks[kept] as FormerChunk).sizeBytes);
        if ((await cutter.settle()) >= MIN_CHUNK_BYTES) await cutter.endChunk();
      }
      const rest = step.chunks.slice(kept);
      if (rest.length === 0) continue;
      cutter.keep(rest.map(({ id }) => id));
      const bytes = rest.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      this.#counters.add("bytesDone", bytes);
      at += bytes;
    }
    await cutter.endChunk();
    return { content: cutter.content(), sizeBytes: at };
  }

  /** @returns how many bytes came */
  async #feed(cutter: FileCutter, stream: AsyncIterable<GivenPiece>): Promise<number> {
    let total = 0;
    for await (const piece of untilFailure(stream, this.#coordinator)) {
      await cutter.add(piece);
      const count = piece instanceof Uint8Array ? piece.length : piece.zeros;
      total += count;
      this.#counters.add("bytesDone", count);
    }
    return total;
  }
}

/** Something may be silent for hours; a backup that has failed or was interrupted meanwhile does not wait for it. */
export async function* untilFailure<T>(input: AsyncIterable<T>, coordinator: Coordinator): AsyncGenerator<T> {
  const pieces = input[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const piece = await coordinator.untilFailure(pieces.next());
      ended = piece.done === true;
      if (piece.done === true) return;
      yield piece.value;
    }
  } finally {
    // Not awaited: a generator that waits for its own input would not answer.
    if (!ended) void pieces.return?.()?.catch(() => {});
  }
}
