/**
 * Limits how many calls reach a backend at once; the others wait in order. Listings are not counted: they are one request at a
 * time, and their caller uses the backend between two entries, which would wait for itself. Where the backend says that more than
 * usual may be tried, the limit follows what comes through (`adaptive-limit.ts`).
 *
 * Also holds calls back altogether while somebody has to find out whether they may go on (`pauseCalls`). As it is below the
 * decorator that repeats calls, a repeated one is held back as well.
 */
import { isHoldfastError } from "@holdfast/base";
import type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  Capabilities,
  FileInfo,
  FileKey,
  FileType,
  ListBatches,
  MoveFiles,
  PauseCalls,
  PeekFile,
  RemoveOptions,
  RequestWarm,
  RetentionOutcome,
  RetentionWish,
  SaveOptions,
} from "../backend.ts";
import { type Clock, systemClock } from "../clock.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import { ForwardingBackend } from "./forwarding.ts";
import { Pause } from "./pause.ts";
import { Turns } from "./turns.ts";

export class ConcurrencyBackend extends ForwardingBackend {
  readonly #turns: Turns;
  readonly #pause = new Pause();
  readonly #clock: Clock;
  readonly #adaptive: AdaptiveLimit | undefined;
  readonly #most: number;

  /** @param limit calls at once, never more and never fewer; default: what the backend says that makes sense */
  constructor(inner: Backend, limit?: number, clock: Clock = systemClock) {
    super(inner);
    const { maxConcurrency, mostConcurrency = maxConcurrency } = inner.capabilities;
    this.#clock = clock;
    this.#most = limit ?? mostConcurrency;
    if (limit === undefined && mostConcurrency > maxConcurrency) {
      const adaptive = new AdaptiveLimit({ start: maxConcurrency, most: mostConcurrency });
      this.#adaptive = adaptive;
      this.#turns = new Turns(() => adaptive.value);
    } else {
      this.#turns = new Turns(() => this.#most);
    }
  }

  /** Whoever brings work should bring enough for the most that may be tried. */
  override get capabilities(): Capabilities {
    return { ...this.inner.capabilities, maxConcurrency: this.#most };
  }

  override save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    return this.#limited(
      key.type,
      options,
      () => this.inner.save(key, body, options),
      () => body.sizeBytes,
    );
  }

  override load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    if (this.#adaptive === undefined || range !== undefined) {
      const run = (): Promise<T> => this.inner.load(key, range, consume, options);
      return this.#limited(key.type, options, run, () => range?.length ?? 0);
    }
    let bytes = 0;
    async function* counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        yield chunk;
      }
    }
    const run = (): Promise<T> => this.inner.load(key, range, (chunks) => consume(counted(chunks)), options);
    return this.#limited(key.type, options, run, () => bytes);
  }

  override stat(key: FileKey, options: CallOptions): Promise<FileInfo | undefined> {
    return this.#limited(key.type, options, () => this.inner.stat(key, options));
  }

  override async *list(type: FileType, options: CallOptions): AsyncIterable<FileInfo> {
    if (type !== "lock") await this.#pause.pass(options);
    yield* this.inner.list(type, options);
  }

  get listBatches(): ListBatches | undefined {
    const list = this.inner.listBatches?.bind(this.inner);
    if (list === undefined) return undefined;
    const pause = this.#pause;
    return async function* (type, options) {
      if (type !== "lock") await pause.pass(options);
      yield* list(type, options);
    };
  }

  get peek(): PeekFile | undefined {
    const peek = this.inner.peek?.bind(this.inner);
    if (peek === undefined) return undefined;
    return (key, options) => this.#limited(key.type, options, () => peek(key, options));
  }

  override remove(key: FileKey, options: RemoveOptions): Promise<void> {
    return this.#limited(key.type, options, () => this.inner.remove(key, options));
  }

  override extendRetention(key: FileKey, wish: RetentionWish, options: CallOptions): Promise<RetentionOutcome> {
    return this.#limited(key.type, options, () => super.extendRetention(key, wish, options));
  }

  override get requestWarm(): RequestWarm | undefined {
    const request = this.inner.requestWarm?.bind(this.inner);
    if (request === undefined) return undefined;
    return (key, options) => this.#limited(key.type, options, () => request(key, options));
  }

  /** One call, however many files; the backend sees to how many it moves at once. */
  get move(): MoveFiles | undefined {
    const move = this.inner.move?.bind(this.inner);
    if (move === undefined) return undefined;
    return (from, to, names, options) => this.#limited(from, options, () => move(from, to, names, options));
  }

  override get pauseCalls(): PauseCalls {
    return () => this.#pause.shut();
  }

  /** @param bytes how many were moved, once it has gone well */
  async #limited<T>(
    type: FileType,
    { signal }: CallOptions,
    run: () => Promise<T>,
    bytes: () => number = () => 0,
  ): Promise<T> {
    for (;;) {
      if (type !== "lock") await this.#pause.pass({ signal });
      const giveBack = await this.#turns.take({ signal });
      try {
        // Who got a turn after it was shut gives the turn back: calls about locks need one.
        if (type === "lock" || !this.#pause.isShut) return await this.#measured(run, bytes);
      } finally {
        giveBack();
      }
    }
  }

  async #measured<T>(run: () => Promise<T>, bytes: () => number): Promise<T> {
    const adaptive = this.#adaptive;
    if (adaptive === undefined) return run();
    const startedAtMs = this.#clock.elapsedMs();
    const ended = (outcome: "done" | "busy", moved: number): void => {
      const wereOthersWaiting = this.#turns.areWanted;
      adaptive.ended({ startedAtMs, endedAtMs: this.#clock.elapsedMs(), bytes: moved, outcome, wereOthersWaiting });
    };
    try {
      const result = await run();
      ended("done", bytes());
      return result;
    } catch (error) {
      if (isHoldfastError(error, "STORAGE_UNAVAILABLE") && error.details["isBusy"] === true) ended("busy", 0);
      throw error;
    }
  }
}
