/** A connection that carries one JSON document a line in each direction, as QEMU's monitor and the guest agent do. */
import { type Socket, connect } from "node:net";
import { orAborted } from "@holdfast/base";
import type { CallOptions } from "../contract/source.ts";

/** Far more than any answer has: a list of thousands of devices. */
const MAX_LINE_CHARS = 64 * 1024 * 1024;
const CONNECT_MS = 10_000;

export type JsonObject = Readonly<Record<string, unknown>>;

export class JsonLines {
  readonly #socket: Socket;
  readonly #onMessage: (message: JsonObject) => void;
  readonly #waiting = new Set<(error: unknown) => void>();
  #rest = "";
  #failure: { readonly error: unknown } | undefined;

  private constructor(socket: Socket, onMessage: (message: JsonObject) => void) {
    this.#socket = socket;
    this.#onMessage = onMessage;
    socket.setEncoding("utf8").on("data", (text: string) => this.#take(text));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the other side has closed the connection")));
  }

  /** @throws what connecting throws, and Error after 10 seconds */
  static async open(
    path: string,
    onMessage: (message: JsonObject) => void,
    { signal }: CallOptions,
  ): Promise<JsonLines> {
    signal.throwIfAborted();
    const socket = connect({ path });
    const lines = new JsonLines(socket, onMessage);
    const connected = new Promise<void>((resolve) => void socket.once("connect", resolve));
    try {
      await lines.within(connected, CONNECT_MS, { signal });
      return lines;
    } catch (error) {
      lines.close();
      throw error;
    }
  }

  /** Writes a line. @param prefix bytes before it */
  send(message: JsonObject, prefix: Uint8Array = new Uint8Array(0)): void {
    this.#socket.write(Buffer.concat([prefix, Buffer.from(`${JSON.stringify(message)}\n`)]));
  }

  /** Waits for something that a message brings. @throws Error when it takes longer, or the connection ends before */
  async within<T>(promise: Promise<T>, limitMs: number, { signal }: CallOptions): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const { promise: failed, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`there was no answer within ${limitMs / 1000} s`)), limitMs);
    this.#waiting.add(reject);
    try {
      return await orAborted(Promise.race([promise, failed]), signal);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(reject);
    }
  }

  close(): void {
    this.#fail(new Error("the connection was closed"));
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() as string;
    if (this.#rest.length > MAX_LINE_CHARS) return this.#fail(new Error("the other side sends a line without an end"));
    for (const line of lines) {
      // The agent marks the beginning of an answer with a byte that is no text.
      const json = line.slice(line.lastIndexOf("\uFFFD") + 1).trim();
      if (json === "") continue;
      try {
        this.#onMessage(JSON.parse(json) as JsonObject);
      } catch (error) {
        return this.#fail(error);
      }
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#socket.destroy();
    for (const reject of this.#waiting) reject(this.#failure.error);
  }
}
