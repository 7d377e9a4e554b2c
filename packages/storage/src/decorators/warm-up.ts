/**
 * Waits for files in a cold class: a read that the place refuses for that is asked for, and repeated once it can be read. It lies
 * outside of the limit on calls at once, so that hours of waiting hold up nothing else, a lock that has to be kept alive least
 * of all.
 */
import { isHoldfastError } from "@holdfast/base";
import type {
  Backend,
  ByteRange,
  FileKey,
  ListBatches,
  LoadOptions,
  MoveFiles,
  PeekFile,
  RequestWarm,
} from "../backend.ts";
import { type Clock, systemClock } from "../clock.ts";
import { storageError } from "../errors.ts";
import { ForwardingBackend } from "./forwarding.ts";

/** Something is waited for, or not any more. */
export interface WarmUpInfo {
  /** How many files were asked for, of which a read did not have to wait for all. */
  readonly asked: number;
  /** How many of them are waited for at present. */
  readonly waiting: number;
  /** How long there has been something to wait for, in milliseconds. */
  readonly waitedMs: number;
}

export interface WarmUpOptions {
  /** Called each time that the place was asked how far it is. */
  readonly onWaiting?: (info: WarmUpInfo) => void;
  readonly clock?: Clock;
}

/** The first look comes after a second, for stores that are fast; then they become rarer, as each costs a request. */
const FIRST_LOOK_MS = 1000;
const LONGEST_MS = 60_000;
const HOUR_MS = 3_600_000;

export class WarmUpBackend extends ForwardingBackend {
  readonly #options: WarmUpOptions;
  readonly #clock: Clock;
  /** By name: many ranges of one file are waited for once. */
  readonly #waiting = new Map<string, Promise<void>>();
  /** Names of files that could not be read when they were asked for. */
  readonly #asked = new Set<string>();
  #sinceMs = 0;

  constructor(inner: Backend, options: WarmUpOptions = {}) {
    super(inner);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** @throws STORAGE_COLD where nothing may be asked for, STORAGE_COLD_TIMEOUT */
  override async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T> {
    const asked = this.inner.capabilities.warmUp;
    for (;;) {
      try {
        return await this.inner.load(key, range, consume, options);
      } catch (error) {
        if (asked === undefined || !isHoldfastError(error, "STORAGE_COLD")) throw error;
        await this.#wait(key, asked.timeoutMs, options);
      }
    }
  }

  override get requestWarm(): RequestWarm | undefined {
    const request = this.inner.requestWarm?.bind(this.inner);
    if (request === undefined) return undefined;
    return async (key, options) => {
      const warmth = await request(key, options);
      if (warmth === "warming") this.#asked.add(key.name);
      return warmth;
    };
  }

  get listBatches(): ListBatches | undefined {
    return this.inner.listBatches?.bind(this.inner);
  }

  /** Not where a file may lie in a cold class. */
  get peek(): PeekFile | undefined {
    return this.inner.capabilities.warmUp === undefined ? this.inner.peek?.bind(this.inner) : undefined;
  }

  get move(): MoveFiles | undefined {
    return this.inner.move?.bind(this.inner);
  }

  async #wait(key: FileKey, timeoutMs: number, { signal }: LoadOptions): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const running = this.#waiting.get(key.name);
      if (running === undefined) break;
      // Whoever waits may be aborted, or fail: then this one waits in its place.
      if (
        await running.then(
          () => true,
          () => false,
        )
      )
        return;
    }
    if (this.#waiting.size === 0) this.#sinceMs = this.#clock.elapsedMs();
    const own = this.#untilWarm(key, timeoutMs, { signal }).finally(() => this.#waiting.delete(key.name));
    this.#waiting.set(key.name, own);
    await own;
  }

  async #untilWarm(key: FileKey, timeoutMs: number, { signal }: LoadOptions): Promise<void> {
    const startedMs = this.#clock.elapsedMs();
    for (let delayMs = FIRST_LOOK_MS; ; delayMs = Math.min(LONGEST_MS, delayMs * 2)) {
      const warmth = await this.requestWarm?.(key, { signal });
      if (warmth !== "warming") return;
      const nowMs = this.#clock.elapsedMs();
      this.#options.onWaiting?.({
        asked: this.#asked.size,
        waiting: this.#waiting.size,
        waitedMs: nowMs - this.#sinceMs,
      });
      if (nowMs - startedMs >= timeoutMs) {
        const hours = Math.round((timeoutMs / HOUR_MS) * 10) / 10;
        throw storageError("STORAGE_COLD_TIMEOUT", { location: this.location, ...key, hours });
      }
      await this.#clock.sleep(delayMs, { signal });
    }
  }
}
