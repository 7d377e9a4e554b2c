/**
 * Limits how many calls reach a backend at once; the others wait in order. Listings are not counted: they are one request at a
 * time, and their caller uses the backend between two entries, which would wait for itself.
 */
import { Semaphore } from "@holdfast/base";
import type {
  ByteRange,
  ByteSource,
  CallOptions,
  FileInfo,
  FileKey,
  MoveFiles,
  RetentionOutcome,
  RequestWarm,
  RetentionWish,
  SaveOptions,
} from "../backend.ts";
import type { Backend } from "../backend.ts";
import { ForwardingBackend } from "./forwarding.ts";

export class ConcurrencyBackend extends ForwardingBackend {
  readonly #semaphore: Semaphore;

  /** @param limit calls at once; default: what the backend says that makes sense */
  constructor(inner: Backend, limit: number = inner.capabilities.maxConcurrency) {
    super(inner);
    this.#semaphore = new Semaphore(limit);
  }

  override save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    return this.#limited(options, () => this.inner.save(key, body, options));
  }

  override load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    return this.#limited(options, () => this.inner.load(key, range, consume, options));
  }

  override stat(key: FileKey, options: CallOptions): Promise<FileInfo | undefined> {
    return this.#limited(options, () => this.inner.stat(key, options));
  }

  override remove(key: FileKey, options: CallOptions): Promise<void> {
    return this.#limited(options, () => this.inner.remove(key, options));
  }

  override extendRetention(key: FileKey, wish: RetentionWish, options: CallOptions): Promise<RetentionOutcome> {
    return this.#limited(options, () => super.extendRetention(key, wish, options));
  }

  override get requestWarm(): RequestWarm | undefined {
    const request = this.inner.requestWarm?.bind(this.inner);
    if (request === undefined) return undefined;
    return (key, options) => this.#limited(options, () => request(key, options));
  }

  /** One call, however many files; the backend sees to how many it moves at once. */
  get move(): MoveFiles | undefined {
    const move = this.inner.move?.bind(this.inner);
    if (move === undefined) return undefined;
    return (from, to, names, options) => this.#limited(options, () => move(from, to, names, options));
  }

  async #limited<T>({ signal }: CallOptions, run: () => Promise<T>): Promise<T> {
    const release = await this.#acquire(signal);
    try {
      return await run();
    } finally {
      release();
    }
  }

  /** Waits for a turn; an abort gives up waiting at once, and the turn back when it comes. */
  async #acquire(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const turn = this.#semaphore.acquire();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([turn, aborted]);
    } catch (error) {
      void turn.then((release) => release());
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
