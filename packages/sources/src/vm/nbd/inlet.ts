/** Takes exactly as many bytes from a socket as are wanted; what nobody takes yet holds the sender back. */
import type { Socket } from "node:net";

/** So many bytes may wait before the sender is held back. */
const WAITING_BYTES = 8 * 1024 * 1024;

export class Inlet {
  readonly #socket: Socket;
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;
  #wanted: { readonly count: number; resolve(): void; reject(error: unknown): void } | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (part: Uint8Array) => {
      this.#parts.push(part);
      this.#bytes += part.length;
      if (this.#wanted !== undefined && this.#bytes >= this.#wanted.count) this.#wanted.resolve();
      else if (this.#wanted === undefined && this.#bytes > WAITING_BYTES) socket.pause();
    });
    socket.once("error", (error) => this.fail(error));
    socket.once("close", () => this.fail(new Error("the other side has closed the connection")));
  }

  /** Whoever waits, or will, gets this error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    if (this.#wanted !== undefined && this.#bytes < this.#wanted.count) this.#wanted.reject(this.#failure.error);
  }

  /** The next bytes, a copy. One caller at a time. @throws what ended the connection before they were there */
  async take(count: number): Promise<Uint8Array> {
    const taken = new Uint8Array(count);
    await this.takeInto(taken);
    return taken;
  }

  /** Fills `target` with the next bytes. */
  async takeInto(target: Uint8Array): Promise<void> {
    for (let filled = 0; filled < target.length;) {
      if (this.#bytes === 0) await this.#wait(1);
      const part = this.#parts[0] as Uint8Array;
      const some = part.subarray(0, target.length - filled);
      target.set(some, filled);
      filled += some.length;
      this.#bytes -= some.length;
      if (some.length === part.length) this.#parts.shift();
      else this.#parts[0] = part.subarray(some.length);
    }
  }

  async #wait(count: number): Promise<void> {
    if (this.#bytes >= count) return;
    if (this.#failure !== undefined) throw this.#failure.error;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wanted = { count, resolve, reject };
    this.#socket.resume();
    try {
      await promise;
    } finally {
      this.#wanted = undefined;
    }
  }
}
