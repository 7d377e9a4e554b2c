/** How fast a copy of a repository is, and when it has become too slow to wait for. */
import type { Backend, ByteRange, CallOptions, FileInfo, FileKey, LoadOptions } from "@holdfast/storage";
import { ForwardingBackend } from "@holdfast/storage";

/** What was measured of a place. */
export interface Pace {
  /** Until the first answer. */
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
}

/** After so long without a byte, while something is waited for, a copy has come to a halt. */
const HALT_MS = 20_000;
/** So long a copy is watched before it is called slow. */
const SLOW_MS = 20_000;
/** It is slow when it takes so many times as long as was measured. */
const SLOW_TIMES = 16;
const TICK_MS = 1_000;
/** What a cache gave when it was measured is not expected of the disk behind it. */
const MOST_BYTES_PER_SECOND = 64 * 1024 * 1024;
const LEAST_LATENCY_MS = 20;

/** Why a copy is to be left. */
export type Stall =
  /** Nothing came for so long. */
  | { readonly kind: "halt"; readonly quietMs: number }
  /** It gives far less than was measured. */
  | { readonly kind: "slow"; readonly bytesPerSecond: number };

export interface StallWatchOptions {
  /** Without it only a halt is seen. */
  readonly pace?: Pace | undefined;
  /** Default: 20 s. */
  readonly haltMs?: number | undefined;
  onBytes(bytes: number): void;
  onStall(stall: Stall): void;
}

/**
 * Watches the reads from one copy. Time counts only while a read is under way, so that neither a slow disk that is restored to
 * nor a machine that slept is laid at its door.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  readonly #haltMs: number;
  #timer: NodeJS.Timeout | undefined;
  #lastTickMs = 0;
  #calls = 0;
  #hasMoved = false;
  #quietMs = 0;
  #busyMs = 0;
  /** How long what came should have taken. */
  #earnedMs = 0;
  #bytes = 0;

  constructor(options: StallWatchOptions) {
    this.#options = options;
    this.#haltMs = options.haltMs ?? HALT_MS;
  }

  start(): void {
    const tickMs = Math.min(TICK_MS, this.#haltMs / 4);
    this.#lastTickMs = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      // Longer than that nobody looked: the machine slept, or this thread was busy.
      this.tick(Math.min(now - this.#lastTickMs, 2 * tickMs));
      this.#lastTickMs = now;
    }, tickMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  began(): void {
    this.#calls++;
  }

  ended(): void {
    this.#calls--;
    this.#hasMoved = true;
    this.#earnedMs += Math.max(LEAST_LATENCY_MS, this.#options.pace?.latencyMs ?? 0);
  }

  got(bytes: number): void {
    this.#hasMoved = true;
    this.#bytes += bytes;
    const { pace } = this.#options;
    if (pace !== undefined) this.#earnedMs += (bytes * 1000) / Math.min(MOST_BYTES_PER_SECOND, pace.bytesPerSecond);
    this.#options.onBytes(bytes);
  }

  /** @param elapsedMs since the last time */
  tick(elapsedMs: number): void {
    const isQuiet = this.#calls > 0 && !this.#hasMoved;
    this.#quietMs = isQuiet ? this.#quietMs + elapsedMs : 0;
    if (this.#calls > 0) this.#busyMs += elapsedMs;
    this.#hasMoved = false;
    if (this.#quietMs >= this.#haltMs) {
      this.#options.onStall({ kind: "halt", quietMs: this.#quietMs });
      this.#quietMs = 0;
    }
    if (this.#busyMs < SLOW_MS) return;
    const isSlow = this.#options.pace !== undefined && this.#earnedMs * SLOW_TIMES < this.#busyMs;
    if (isSlow) this.#options.onStall({ kind: "slow", bytesPerSecond: (this.#bytes * 1000) / this.#busyMs });
    this.#busyMs = this.#earnedMs = this.#bytes = 0;
  }
}

/** Tells a watch of all that is read. */
export class WatchedBackend extends ForwardingBackend {
  readonly #watch: StallWatch;

  constructor(inner: Backend, watch: StallWatch) {
    super(inner);
    this.#watch = watch;
  }

  override async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T> {
    this.#watch.began();
    try {
      return await this.inner.load(key, range, (chunks) => consume(this.#counted(chunks)), options);
    } finally {
      this.#watch.ended();
    }
  }

  override async stat(key: FileKey, options: CallOptions): Promise<FileInfo | undefined> {
    this.#watch.began();
    try {
      return await this.inner.stat(key, options);
    } finally {
      this.#watch.ended();
    }
  }

  async *#counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#watch.got(chunk.length);
      yield chunk;
    }
  }
}
