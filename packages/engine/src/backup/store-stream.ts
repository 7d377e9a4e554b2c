/** Stores the content of one file that comes as a stream: cut here, stored by the workers. */
import { Semaphore } from "@holdfast/base";
import type { Id } from "../format/id.ts";
import type { Counters } from "../workers/counters.ts";
import type { Coordinator } from "./coordinator.ts";
import { StreamCutter } from "./cut-stream.ts";
import type { BACKUP_COUNTERS } from "./messages.ts";

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
  readonly #cutter: StreamCutter;
  readonly #budget = new Semaphore(IN_FLIGHT_BYTES);

  constructor(coordinator: Coordinator, counters: Counters<typeof BACKUP_COUNTERS>, polynomial: bigint) {
    this.#coordinator = coordinator;
    this.#counters = counters;
    this.#cutter = new StreamCutter(polynomial);
  }

  /** Resolves when the stream has ended: the next may come then. Throws what the stream throws, and the failure of the backup. */
  async store(stream: AsyncIterable<Uint8Array>): Promise<StoredContent> {
    const ids: Promise<Id>[] = [];
    let sizeBytes = 0;
    const counted = async function* (this: StreamStore): AsyncGenerator<Uint8Array> {
      for await (const piece of untilFailure(stream, this.#coordinator)) {
        yield piece;
        sizeBytes += piece.length;
        this.#counters.add("bytesDone", piece.length);
      }
    };
    for await (const part of this.#cutter.chunks(counted.call(this))) {
      const chunk = part.slice();
      const release = await this.#budget.acquire(chunk.length);
      const id = this.#coordinator.blob(chunk.buffer).finally(release);
      // The failure is seen when all ids are awaited; until then it must not count as unhandled.
      id.catch(() => {});
      ids.push(id);
    }
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
