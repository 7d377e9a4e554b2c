/** What is on its way through one direction of a link: pieces in their order, each with the time at which it arrives. */

export interface LinkPiece {
  /** Absent for the end of the stream. */
  readonly bytes?: Uint8Array;
}

export class DelayLine {
  readonly #delayMs: number;
  readonly #capacityBytes: number;
  readonly #pieces: { readonly dueMs: number; readonly piece: LinkPiece }[] = [];
  #bytes = 0;

  /**
   * @param delayMs from one end to the other
   * @param capacityBytes what may be on its way at once, as a window of TCP; one piece may go beyond it
   */
  constructor({ delayMs, capacityBytes }: { delayMs: number; capacityBytes: number }) {
    this.#delayMs = delayMs;
    this.#capacityBytes = capacityBytes;
  }

  /** True when the sender has to wait until something has arrived. */
  get isFull(): boolean {
    return this.#bytes >= this.#capacityBytes;
  }

  /** When the next piece arrives; `undefined` when nothing is on its way. */
  get nextMs(): number | undefined {
    return this.#pieces[0]?.dueMs;
  }

  /** Sends a piece. Any number of them is on the way at once: each takes the delay, and none waits for the one before. */
  send(piece: LinkPiece, nowMs: number): void {
    this.#pieces.push({ dueMs: nowMs + this.#delayMs, piece });
    this.#bytes += piece.bytes?.length ?? 0;
  }

  /** Takes the next piece, if it has arrived by now. */
  take(nowMs: number): LinkPiece | undefined {
    const [first] = this.#pieces;
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.#pieces.shift();
    this.#bytes -= first.piece.bytes?.length ?? 0;
    return first.piece;
  }
}
