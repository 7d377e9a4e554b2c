/** Limits the bytes per second to and from a backend, over all calls together. */
import type { Backend, ByteRange, ByteSource, CallOptions, FileKey, MoveFiles, SaveOptions } from "../backend.ts";
import type { Clock } from "../clock.ts";
import { ByteRate } from "./byte-rate.ts";
import { ForwardingBackend } from "./forwarding.ts";

/** Bytes go up in pieces of this size, so that a slow line sees a steady flow rather than whole packs. */
const PIECE_BYTES = 64 * 1024;

/** Limits in bytes per second, more than 0; left out: no limit. */
export interface RateLimits {
  readonly uploadBytesPerSecond?: number | undefined;
  readonly downloadBytesPerSecond?: number | undefined;
  readonly clock?: Clock;
}

export class RateLimitBackend extends ForwardingBackend {
  readonly #upload: ByteRate | undefined;
  readonly #download: ByteRate | undefined;

  constructor(inner: Backend, { uploadBytesPerSecond, downloadBytesPerSecond, clock }: RateLimits) {
    super(inner);
    this.#upload = uploadBytesPerSecond === undefined ? undefined : new ByteRate(uploadBytesPerSecond, clock);
    this.#download = downloadBytesPerSecond === undefined ? undefined : new ByteRate(downloadBytesPerSecond, clock);
  }

  override save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    const rate = this.#upload;
    if (rate === undefined) return this.inner.save(key, body, options);
    const open = () => piecesAtRate(body, rate, options);
    return this.inner.save(key, { sizeBytes: body.sizeBytes, open }, options);
  }

  override load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    const rate = this.#download;
    if (rate === undefined) return this.inner.load(key, range, consume, options);
    return this.inner.load(key, range, (chunks) => consume(chunksAtRate(chunks, rate, options)), options);
  }

  /** Moves no bytes over the line. */
  get move(): MoveFiles | undefined {
    return this.inner.move?.bind(this.inner);
  }
}

async function* piecesAtRate(body: ByteSource, rate: ByteRate, options: CallOptions): AsyncGenerator<Uint8Array> {
  for await (const chunk of body.open()) {
    for (let offset = 0; offset < chunk.length; offset += PIECE_BYTES) {
      const piece = chunk.subarray(offset, offset + PIECE_BYTES);
      await rate.take(piece.length, options);
      yield piece;
    }
  }
}

/** Chunks stay whole, so that a load in one chunk remains one; taking the next one late holds the store back. */
async function* chunksAtRate(
  chunks: AsyncIterable<Uint8Array>,
  rate: ByteRate,
  options: CallOptions,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    await rate.take(chunk.length, options);
    yield chunk;
  }
}
