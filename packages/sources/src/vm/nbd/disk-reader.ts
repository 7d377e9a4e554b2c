/** Reads a disk over NBD: several requests at once, holes as what they are, and what has changed as a bitmap of QEMU knows it. */
import type { ByteRange, GivenPiece } from "@holdfast/engine";
import type { CallOptions } from "../../contract/source.ts";
import type { Extent, NbdConnection } from "./nbd-connection.ts";
import { ALLOCATION, STATE_DIRTY, STATE_ZERO, dirtyBitmap } from "./protocol.ts";

/** Bytes a request, and how many of them are under way. */
const READ_BYTES = 1024 * 1024;
const READS = 8;
/** What is asked about at once; a server may tell of less. */
const STATUS_BYTES = 1024 * 1024 * 1024;

export class DiskReader {
  readonly #connection: NbdConnection;
  readonly #signal: AbortSignal;
  #bytesRead = 0;

  constructor(connection: NbdConnection, { signal }: CallOptions) {
    this.#connection = connection;
    this.#signal = signal;
  }

  /** What has come over the connection; holes do not. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Stretches that the bitmap calls dirty. @throws as `NbdConnection.read`, and when the server does not tell of this bitmap */
  async changed(bitmap: string): Promise<ByteRange[]> {
    const changed: { start: number; end: number }[] = [];
    const whole = { start: 0, end: this.#connection.sizeBytes };
    for await (const { start, end, flags } of this.#stretches(dirtyBitmap(bitmap), whole)) {
      if ((flags & STATE_DIRTY) === 0) continue;
      const last = changed.at(-1);
      if (last?.end === start) last.end = end;
      else changed.push({ start, end });
    }
    return changed;
  }

  /** The bytes of a range, in order. @throws as `NbdConnection.read` */
  async *read(range: ByteRange): AsyncGenerator<GivenPiece> {
    const underWay: Promise<GivenPiece>[] = [];
    for await (const { start, end, flags } of this.#allocated(range)) {
      if ((flags & STATE_ZERO) !== 0) underWay.push(Promise.resolve({ zeros: end - start }));
      else {
        for (let at = start; at < end; at += READ_BYTES) {
          while (underWay.length >= READS) yield await this.#next(underWay);
          const reading = this.#connection.read(at, Math.min(READ_BYTES, end - at));
          reading.catch(() => {}); // seen when it is awaited, if that comes
          underWay.push(reading);
        }
      }
      while (underWay.length >= READS) yield await this.#next(underWay);
    }
    while (underWay.length > 0) yield await this.#next(underWay);
  }

  async #next(underWay: Promise<GivenPiece>[]): Promise<GivenPiece> {
    this.#signal.throwIfAborted();
    const piece = await this.#orReason(underWay.shift() as Promise<GivenPiece>);
    if (piece instanceof Uint8Array) this.#bytesRead += piece.length;
    return piece;
  }

  /** An abort closes the connection, and is what is to be heard of. */
  #orReason<T>(answer: Promise<T>): Promise<T> {
    return answer.catch((error: unknown) => {
      this.#signal.throwIfAborted();
      throw error;
    });
  }

  async *#allocated(range: ByteRange): AsyncGenerator<ByteRange & Pick<Extent, "flags">> {
    if (this.#connection.has(ALLOCATION)) yield* this.#stretches(ALLOCATION, range);
    else yield { ...range, flags: 0 };
  }

  async *#stretches(context: string, { start, end }: ByteRange): AsyncGenerator<ByteRange & Pick<Extent, "flags">> {
    for (let at = start; at < end;) {
      this.#signal.throwIfAborted();
      const told = this.#connection.blockStatus(context, at, Math.min(STATUS_BYTES, end - at));
      for (const { bytes, flags } of await this.#orReason(told)) {
        // The last one may reach beyond what was asked about.
        const to = Math.min(end, at + bytes);
        if (to > at) yield { start: at, end: to, flags };
        at = to;
      }
    }
  }
}
