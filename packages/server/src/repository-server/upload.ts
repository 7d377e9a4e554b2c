/**
 * The body of an upload on its way to a backend. Its last chunk is held back until the hash of all is known to be right: a backend
 * was told the size, so without it no file can become visible.
 */
import { type Hash, createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { isHoldfastError } from "@holdfast/base";
import type { ByteSource, FileKey } from "@holdfast/storage";
import { bytesSource } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { withinTime } from "./idle-time.ts";

/** Bodies up to this size are taken into memory first: they can be sent again, and no call to a backend waits for a client. */
const BUFFERED_BYTES = 1024 * 1024;

export interface UploadRequest {
  readonly key: FileKey;
  readonly sizeBytes: number;
  readonly idleMs: number;
  readonly signal: AbortSignal;
  /** Called with the length of each chunk that comes. */
  readonly onBytes: (count: number) => void;
}

export class Upload implements ByteSource {
  readonly sizeBytes: number;
  readonly #stream: Readable;
  readonly #request: UploadRequest;
  #state: "new" | "open" | "verified" = "new";

  constructor(stream: Readable, request: UploadRequest) {
    this.sizeBytes = request.sizeBytes;
    this.#stream = stream;
    this.#request = request;
  }

  /**
   * What to give to a backend. A small body has been read and verified when this resolves; a large one is verified as it goes by.
   * @throws SERVER_NAME_MISMATCH, SERVER_BAD_LENGTH, SERVER_STALLED, SERVER_CUT
   */
  async source(): Promise<ByteSource> {
    if (this.sizeBytes > BUFFERED_BYTES) return this;
    const whole = new Uint8Array(this.sizeBytes);
    let used = 0;
    for await (const chunk of this.open()) {
      whole.set(chunk, used);
      used += chunk.length;
    }
    return bytesSource(whole);
  }

  /** True when all bytes have come and are what the name says. */
  get isVerified(): boolean {
    return this.#state === "verified";
  }

  /** Only once: what came over a connection cannot come again. */
  open(): AsyncIterable<Uint8Array> {
    if (this.#state !== "new") throw serverError("SERVER_REPLAY");
    this.#state = "open";
    return this.#chunks();
  }

  /** Reads what nobody wanted, and says whether it was right. @throws as `source` */
  async drain(): Promise<void> {
    if (this.#state === "verified") return;
    for await (const _ of this.open());
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    const { key, idleMs, signal, onBytes } = this.#request;
    const digest = key.type === "config" ? undefined : createHash("sha256");
    // Breaking off must not destroy the stream: an answer is still to go the other way.
    const chunks = this.#stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
    let held: Uint8Array | undefined;
    let actual = 0;
    try {
      for (;;) {
        const next = await withinTime(chunks.next(), idleMs, signal).catch((error: unknown) => {
          throw isHoldfastError(error) ? error : serverError("SERVER_CUT", {}, error);
        });
        if (next.done === true) break;
        actual += next.value.length;
        onBytes(next.value.length);
        if (actual > this.sizeBytes) throw serverError("SERVER_BAD_LENGTH", { length: this.sizeBytes, actual });
        digest?.update(next.value);
        if (held !== undefined) yield held;
        held = next.value;
      }
    } finally {
      // Not waited for: it would wait for a chunk that may never come.
      void chunks.return?.().catch(() => {});
    }
    if (actual !== this.sizeBytes) throw serverError("SERVER_BAD_LENGTH", { length: this.sizeBytes, actual });
    this.#requireName(digest);
    this.#state = "verified";
    if (held !== undefined) yield held;
  }

  #requireName(digest: Hash | undefined): void {
    const { type, name } = this.#request.key;
    if (digest !== undefined && digest.digest("hex") !== name) throw serverError("SERVER_NAME_MISMATCH", { type });
  }
}
