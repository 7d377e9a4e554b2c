/**
 * The body of an upload on its way to a backend. Its last block is held back until the hash of all is known to be right: a backend
 * was told the size, so without it no file can become visible.
 */
import type { IncomingMessage } from "node:http";
import type { ByteSource, FileKey } from "@holdfast/storage";
import { bytesSource } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { BLOCK_BYTES } from "./blocks.ts";
import type { HashThread } from "./hash-thread.ts";
import { RequestBody } from "./request-body.ts";
import { sha256 } from "./sha256.ts";

export interface UploadRequest {
  readonly key: FileKey;
  readonly sizeBytes: number;
  readonly idleMs: number;
  readonly signal: AbortSignal;
  /** Where bodies of more than a block are hashed. */
  readonly hashing: HashThread;
  /** Called with the length of each chunk that comes. */
  readonly onBytes: (count: number) => void;
}

export class Upload implements ByteSource {
  readonly sizeBytes: number;
  readonly #stream: IncomingMessage;
  readonly #request: UploadRequest;
  #state: "new" | "open" | "verified" = "new";

  constructor(stream: IncomingMessage, request: UploadRequest) {
    this.sizeBytes = request.sizeBytes;
    this.#stream = stream;
    this.#request = request;
  }

  /**
   * What to give to a backend. A small body has been read and verified when this resolves, so that it can be sent again, and no
   * call to a backend waits for a client; a large one is verified as it goes by.
   * @throws SERVER_NAME_MISMATCH, SERVER_BAD_LENGTH, SERVER_STALLED, SERVER_CUT
   */
  async source(): Promise<ByteSource> {
    if (this.sizeBytes >= BLOCK_BYTES) return this;
    this.#open();
    const body = this.#body();
    try {
      // It is all in one block, which is not used again.
      const whole = (await body.next()) ?? new Uint8Array(0);
      this.#requireName(sha256(whole));
      return bytesSource(whole);
    } finally {
      body.stop(false);
    }
  }

  /** Only once: what came over a connection cannot come again. */
  open(): AsyncIterable<Uint8Array> {
    this.#open();
    return this.#blocks();
  }

  /** Reads what nobody wanted, if nobody has, and says whether it was right. @throws as `source` */
  async drain(): Promise<void> {
    if (this.#state === "verified") return;
    for await (const _ of this.open());
  }

  #open(): void {
    if (this.#state !== "new") throw serverError("SERVER_REPLAY");
    this.#state = "open";
  }

  #body(): RequestBody {
    const { sizeBytes, idleMs, signal, onBytes } = this.#request;
    return new RequestBody(this.#stream, { sizeBytes, idleMs, signal, onBytes });
  }

  /** A block is hashed on another thread while the backend writes it, and while the next one fills. */
  async *#blocks(): AsyncGenerator<Uint8Array> {
    const digest = this.#request.hashing.begin();
    const body = this.#body();
    let left = this.sizeBytes;
    let isConsumed = false;
    let hashed: Promise<void> | undefined;
    try {
      while (left > 0) {
        const block = await body.next();
        if (block === undefined) return;
        left -= block.length;
        if (left === 0) this.#requireName(await digest.finish(block));
        else hashed = digest.update(block);
        // It may fail while nobody waits for it; the next round sees that.
        hashed?.catch(() => {});
        yield block;
        // The backend is done with the block, and it is about to be used again.
        await hashed;
      }
      isConsumed = true;
    } finally {
      if (!isConsumed) digest.drop();
      body.stop(isConsumed);
    }
  }

  #requireName(hash: string): void {
    const { type, name } = this.#request.key;
    if (type !== "config" && hash !== name) throw serverError("SERVER_NAME_MISMATCH", { type });
    this.#state = "verified";
  }
}
