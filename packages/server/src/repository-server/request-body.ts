/** The body of a request, in blocks: while one is on its way to a backend, the next fills up. Never more than two are there. */
import type { IncomingMessage } from "node:http";
import { IdleTimer } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { BLOCK_BYTES, giveBlock, takeBlock } from "./blocks.ts";

export interface BodyRequest {
  readonly sizeBytes: number;
  /** How long the client may pause. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
  /** Called with the length of each piece as it comes. */
  readonly onBytes: (count: number) => void;
}

export class RequestBody {
  readonly #stream: IncomingMessage;
  readonly #request: BodyRequest;
  readonly #idle: IdleTimer;
  readonly #blockBytes: number;
  /** What is with the consumer. */
  #lent: Buffer | undefined;
  #filling: Buffer | undefined;
  #used = 0;
  /** Came when there was no room; its first `#restFrom` bytes are in a block by now. */
  #rest: Buffer | undefined;
  #restFrom = 0;
  #total = 0;
  #isEnded = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  readonly #onData = (piece: Buffer): void => this.#take(piece);
  readonly #onEnd = (): void => this.#end();
  readonly #onError = (error: unknown): void => this.#fail(serverError("SERVER_CUT", {}, error));
  readonly #onAbort = (): void => this.#fail(this.#request.signal.reason);

  constructor(stream: IncomingMessage, request: BodyRequest) {
    this.#stream = stream;
    this.#request = request;
    const { sizeBytes, idleMs, signal } = request;
    this.#blockBytes = Math.min(BLOCK_BYTES, sizeBytes);
    this.#idle = new IdleTimer(() => this.#fail(serverError("SERVER_STALLED", { seconds: idleMs / 1000 })));
    if (signal.aborted) this.#onAbort();
    signal.addEventListener("abort", this.#onAbort, { once: true });
    stream.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onError);
  }

  /**
   * The next block, valid until the next call; `undefined` behind the last one. All but the last are full.
   * @throws SERVER_BAD_LENGTH, SERVER_STALLED, SERVER_CUT, and the signal's reason
   */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#lent !== undefined) giveBlock(this.#lent);
    this.#lent = undefined;
    this.#makeRoom();
    while (!this.#isReady()) {
      this.#idle.allow(this.#request.idleMs);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#idle.stop();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#filling === undefined) return undefined;
    const block = this.#filling.subarray(0, this.#used);
    this.#lent = this.#filling;
    this.#filling = undefined;
    this.#used = 0;
    // What comes while the consumer is at work goes into the other block.
    this.#makeRoom();
    return block;
  }

  /**
   * Takes no more. The stream stays as it is, as an answer is still to go the other way.
   * @param isConsumed nobody has anything to do with the last block any more
   */
  stop(isConsumed: boolean): void {
    this.#idle.finish();
    this.#request.signal.removeEventListener("abort", this.#onAbort);
    this.#stream.off("data", this.#onData).off("end", this.#onEnd).off("error", this.#onError);
    if (!this.#isEnded) this.#stream.pause();
    if (isConsumed && this.#lent !== undefined) giveBlock(this.#lent);
    this.#lent = this.#filling = this.#rest = undefined;
  }

  /** The last block is ready only when the end was seen, so that no byte can come behind it. */
  #isReady(): boolean {
    return this.#failure !== undefined || this.#isEnded || this.#isFull();
  }

  #isFull(): boolean {
    if (this.#used < this.#blockBytes) return false;
    return this.#rest !== undefined || this.#total < this.#request.sizeBytes;
  }

  #take(piece: Buffer): void {
    this.#idle.touch();
    this.#total += piece.length;
    const { sizeBytes: length, onBytes } = this.#request;
    if (this.#total > length) return this.#fail(serverError("SERVER_BAD_LENGTH", { length, actual: this.#total }));
    onBytes(piece.length);
    this.#fill(piece, 0);
    if (this.#isFull()) this.#stream.pause();
    if (this.#isReady()) this.#wakeUp();
  }

  /** Copies what there is room for, and keeps the others. */
  #fill(piece: Buffer, from: number): void {
    this.#filling ??= takeBlock(this.#blockBytes);
    const to = Math.min(piece.length, from + this.#blockBytes - this.#used);
    // `set` would copy byte by byte into shared memory.
    piece.copy(this.#filling, this.#used, from, to);
    this.#used += to - from;
    this.#rest = to < piece.length ? piece : undefined;
    this.#restFrom = to;
    if (this.#rest === undefined) this.#release(piece);
  }

  #makeRoom(): void {
    if (this.#filling !== undefined || this.#failure !== undefined) return;
    if (this.#rest !== undefined) this.#fill(this.#rest, this.#restFrom);
    if (this.#rest === undefined && this.#stream.isPaused()) this.#stream.resume();
  }

  /**
   * Frees the memory of a piece at once. Left to the garbage collector, sixteen pieces a MiB make it run all the time. A piece
   * that is a part of something else belongs to that, and what HTTP/2 hands over may be.
   */
  #release(piece: Buffer): void {
    const { buffer } = piece;
    if (this.#stream.httpVersionMajor === 1 && buffer instanceof ArrayBuffer && buffer.byteLength === piece.length) {
      buffer.transfer(0);
    }
  }

  #end(): void {
    const { sizeBytes: length } = this.#request;
    if (this.#total !== length) this.#fail(serverError("SERVER_BAD_LENGTH", { length, actual: this.#total }));
    this.#isEnded = true;
    this.#wakeUp();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
