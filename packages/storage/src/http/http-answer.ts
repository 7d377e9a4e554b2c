/** An answer whose head is there: its body is read as it comes, once. */
import type { IncomingMessage } from "node:http";
import type { IdleTimer } from "./idle-timer.ts";
import { parseRetryAfter } from "./retry-after.ts";

export interface AnswerParts {
  readonly signal: AbortSignal;
  readonly idle: IdleTimer;
  /** How long the next piece of the body may take. */
  readonly progressMs: number;
  /** Stops to watch; gives up the connection when it cannot be used again. */
  readonly release: (isReusable: boolean) => void;
  readonly translate: (error: unknown) => Error;
}

export class HttpAnswer {
  readonly status: number;
  readonly #response: IncomingMessage;
  readonly #parts: AnswerParts;
  #isReleased = false;

  constructor(response: IncomingMessage, parts: AnswerParts) {
    this.#response = response;
    this.#parts = parts;
    this.status = response.statusCode ?? 0;
    response.on("error", () => {});
  }

  header(name: string): string | undefined {
    const value = this.#response.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  /** As the header says; `undefined` when it says nothing that is a number. */
  get contentLength(): number | undefined {
    const text = this.header("content-length");
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  /** For how long the server asks to be left alone, in milliseconds; `undefined` when it says nothing of it. */
  get retryAfterMs(): number | undefined {
    return parseRetryAfter(this.header("retry-after"), this.header("date"), Date.now());
  }

  /**
   * The bytes, in chunks of memory that nobody else uses. Rejects with STORAGE_UNAVAILABLE when they end too early, and with
   * the signal's reason when aborted.
   */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const { signal, idle, progressMs, translate } = this.#parts;
    try {
      for await (const chunk of this.#response as AsyncIterable<Uint8Array>) {
        signal.throwIfAborted();
        // The wait is for the server: however long the consumer takes does not count.
        idle.stop();
        yield chunk;
        signal.throwIfAborted();
        idle.allow(progressMs);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw translate(error);
    }
    if (!this.#response.complete) throw translate(Object.assign(new Error("cut"), { code: "ECONNRESET" }));
  }

  /** The beginning of a body that is text for people: one line, without control characters. Never throws. */
  async text(maxBytes = 1024): Promise<string> {
    const parts: Uint8Array[] = [];
    let total = 0;
    try {
      for await (const chunk of this.chunks()) {
        parts.push(chunk);
        total += chunk.length;
        if (total >= maxBytes) break;
      }
    } catch {
      // The status says enough.
    }
    const text = Buffer.concat(parts).subarray(0, maxBytes).toString("utf8");
    return text.replaceAll(/[\p{C}\s]+/gu, " ").trim();
  }

  /** Hands the answer to `use`, and releases it. */
  async handTo<T>(use: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    try {
      return await use(this);
    } finally {
      this.release();
    }
  }

  /** Nobody wants more of it. Harmless to repeat. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const { complete } = this.#response;
    // The connection is free for others once what has come was read.
    if (complete) this.#response.resume();
    this.#parts.release(complete);
  }
}
