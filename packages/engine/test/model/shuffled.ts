/** Lets the calls of several runs to one store overlap in an order that a seed decides. */
import { setImmediate } from "node:timers/promises";
import {
  type Backend,
  type ByteRange,
  type ByteSource,
  type CallOptions,
  type FileInfo,
  type FileKey,
  type FileType,
  ForwardingBackend,
  type SaveOptions,
} from "@holdfast/storage";
import type { Random } from "./random.ts";

const MOST_TURNS = 4;

export class ShuffledBackend extends ForwardingBackend {
  readonly #random: Random;

  constructor(inner: Backend, random: Random) {
    super(inner);
    this.#random = random;
  }

  override async save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    await this.#wait();
    await super.save(key, body, options);
    await this.#wait();
  }

  override async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    await this.#wait();
    return super.load(key, range, consume, options);
  }

  override async stat(key: FileKey, options: CallOptions): Promise<FileInfo | undefined> {
    await this.#wait();
    return super.stat(key, options);
  }

  override async *list(type: FileType, options: CallOptions): AsyncGenerator<FileInfo> {
    await this.#wait();
    for await (const info of super.list(type, options)) {
      yield info;
      if (this.#random.chance(0.3)) await this.#wait();
    }
  }

  override async remove(key: FileKey, options: CallOptions): Promise<void> {
    await this.#wait();
    await super.remove(key, options);
    await this.#wait();
  }

  async #wait(): Promise<void> {
    for (let turns = this.#random.below(MOST_TURNS); turns > 0; turns--) await setImmediate();
  }
}
