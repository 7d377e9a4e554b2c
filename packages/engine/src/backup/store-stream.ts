/** Stores the content of one file that comes as a stream: cut here, stored by the workers. */
import { Semaphore } from "@holdfast/base";
import { Chunker, MAX_CHUNK_BYTES } from "../chunker/chunker.ts";
import type { Id } from "../format/id.ts";
import type { Counters } from "../workers/counters.ts";
import type { Coordinator } from "./coordinator.ts";
import type { BACKUP_COUNTERS } from "./messages.ts";

/** The largest chunk, and enough behind it that a search for cuts pays. */
const BUFFER_BYTES = MAX_CHUNK_BYTES + 1024 * 1024;
/** Chunks on their way through the workers. */
const IN_FLIGHT_BYTES = 48 * 1024 * 1024;

export interface StoredContent {
  /** Settles once all of it has reached a pack; rejects with the failure of the backup. */
  readonly content: Promise<Id[]>;
  readonly sizeBytes: number;
}

export class StreamStore {
  readonly #coordinator: Coordinator;
  readonly #counters: Counters<typeof BACKUP_COUNTERS>;
  readonly #chunker: Chunker;
  readonly #budget = new Semaphore(IN_FLIGHT_BYTES);

  constructor(coordinator: Coordinator, counters: Counters<typeof BACKUP_COUNTERS>, polynomial: bigint) {
    this.#coordinator = coordinator;
    this.#counters = counters;
    this.#chunker = new Chunker(polynomial, BUFFER_BYTES);
  }

  /** Resolves when the stream has ended: the next may come then. Throws what the stream throws, and the failure of the backup. */
  async store(stream: AsyncIterable<Uint8Array>): Promise<StoredContent> {
    const chunker = this.#chunker;
    const { buffer } = chunker;
    const ids: Promise<Id>[] = [];
    let end = 0;
    let sizeBytes = 0;
    const store = async (from: number, to: number): Promise<void> => {
      const chunk = buffer.slice(from, to);
      const release = await this.#budget.acquire(chunk.length);
      const id = this.#coordinator.blob(chunk.buffer).finally(release);
      // The failure is seen when all ids are awaited; until then it must not count as unhandled.
      id.catch(() => {});
      ids.push(id);
    };
    /** Stores the chunks that are complete, and moves the rest to the front. */
    const cut = async (): Promise<void> => {
      let start = 0;
      for (let at = chunker.nextCut(start, end); at > 0; at = chunker.nextCut(start, end)) {
        await store(start, at);
        start = at;
      }
      buffer.copyWithin(0, start, end);
      end -= start;
    };
    for await (const piece of untilFailure(stream, this.#coordinator)) {
      for (let taken = 0; taken < piece.length;) {
        const part = piece.subarray(taken, taken + buffer.length - end);
        buffer.set(part, end);
        taken += part.length;
        end += part.length;
        // Each search begins at the start of a chunk, so it waits until there is much to search.
        if (end === buffer.length) await cut();
      }
      sizeBytes += piece.length;
      this.#counters.add("bytesDone", piece.length);
    }
    await cut();
    if (end > 0) await store(0, end);
    const content = Promise.all(ids);
    content.catch(() => {});
    return { content, sizeBytes };
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
