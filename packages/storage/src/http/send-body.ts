/** Sends a body, piece by piece as the connection takes it. */
import type { ClientRequest } from "node:http";
import type { ByteSource, FileKey } from "../backend.ts";
import { storageError } from "../errors.ts";

/** The most that is given to the connection at once: progress on a slow link is seen by pieces. */
const PIECE_BYTES = 256 * 1024;
/** So much of the end is held back until the body has shown that nothing follows: too long a body is never sent whole. */
const TAIL_BYTES = 4096;

/** A body, and the file that it is for. */
export interface NamedBody {
  readonly key: FileKey;
  readonly source: ByteSource;
}

export interface SendOptions {
  /** Called for each piece that the connection took. */
  readonly onProgress: () => void;
  /** True once nobody wants the rest. */
  readonly isEnough: () => boolean;
}

/**
 * Sends a body to the end, and returns whether all of it was sent: not when the connection closed, or when it is enough.
 * @throws STORAGE_BODY_SIZE, and what the body throws; the request is left open then, for the caller to destroy
 */
export async function sendBody(
  request: ClientRequest,
  { key, source }: NamedBody,
  options: SendOptions,
): Promise<boolean> {
  const writer = new PieceWriter(request, options);
  const expected = source.sizeBytes;
  let tail: Uint8Array = new Uint8Array(0);
  let total = 0;
  for await (const chunk of source.open()) {
    if (writer.isOver) return false;
    total += chunk.length;
    if (total > expected) break;
    const kept = total === expected ? Math.min(chunk.length, TAIL_BYTES) : 0;
    if (kept > 0) tail = chunk.slice(chunk.length - kept);
    await writer.write(chunk.subarray(0, chunk.length - kept));
  }
  if (writer.isOver) return false;
  if (total !== expected) throw storageError("STORAGE_BODY_SIZE", { ...key, expected, actual: total });
  return writer.end(tail);
}

class PieceWriter {
  readonly #request: ClientRequest;
  readonly #options: SendOptions;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(request: ClientRequest, options: SendOptions) {
    this.#request = request;
    this.#options = options;
    // A request that is destroyed before it has a connection never calls back for what was written.
    request.once("close", () => {
      this.#isClosed = true;
      this.#wake?.();
    });
    // A server that has answered may take no more.
    request.once("response", () => this.#wake?.());
  }

  get isOver(): boolean {
    return this.#isClosed || this.#request.destroyed || this.#options.isEnough();
  }

  /** Resolves when the connection has taken all bytes, so that their memory may be used again. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length && !this.isOver; offset += PIECE_BYTES) {
      const piece = bytes.subarray(offset, offset + PIECE_BYTES);
      await this.#settled((done) => this.#request.write(piece, done));
      this.#options.onProgress();
    }
  }

  async end(bytes: Uint8Array): Promise<boolean> {
    await this.#settled((done) => this.#request.end(bytes, done));
    return !this.#isClosed;
  }

  #settled(start: (done: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      start(resolve);
    });
  }
}
