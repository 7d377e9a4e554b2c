/**
 * Repeats calls that failed with a transient error.
 *
 * A failed call may have done its work before the answer got lost, so a repeated one reads its own traces rightly:
 * - `save` simply saves again: the same bytes under the same name.
 * - `save` with `ifAbsent` may now meet its own file. Only a comparison of all bytes tells it from another writer's: the size
 *   does not, as two `config` files mostly have the same. Equal bytes are a success, whoever wrote them.
 * - `remove` may now find nothing, which is a success.
 */
import { isHoldfastError } from "@holdfast/base";
import type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  FileInfo,
  FileKey,
  FileType,
  ListBatches,
  MoveFiles,
  PeekFile,
  RemoveOptions,
  RequestWarm,
  RetentionOutcome,
  RetentionWish,
  SaveOptions,
} from "../backend.ts";
import type { RemovalPlans } from "../plans/removal-plan.ts";
import { hasSameContent } from "../same-content.ts";
import { Attempts, type RetryOptions } from "./attempts.ts";
import { ForwardingBackend } from "./forwarding.ts";

export class RetryBackend extends ForwardingBackend {
  readonly #options: RetryOptions;

  constructor(inner: Backend, options: RetryOptions = {}) {
    super(inner);
    this.#options = options;
  }

  override initialize(options: CallOptions): Promise<void> {
    return this.#repeat("initialize", this.location, options, () => this.inner.initialize(options));
  }

  override save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    return this.#repeat("save", textOf(key), options, async (isRepeated) => {
      try {
        await this.inner.save(key, body, options);
      } catch (error) {
        if (!isRepeated || !isHoldfastError(error, "STORAGE_EXISTS")) throw error;
        if (!(await hasSameContent(this.inner, key, body, options))) throw error;
      }
    });
  }

  /** Only failures of the store are repeated: what `consume` itself throws ends the call. */
  override async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    try {
      return await this.#repeat("load", textOf(key), options, () =>
        this.inner.load(key, range, (chunks) => consumeMarked(chunks, consume), options),
      );
    } catch (error) {
      throw error instanceof ConsumerFailure ? error.cause : error;
    }
  }

  override stat(key: FileKey, options: CallOptions): Promise<FileInfo | undefined> {
    return this.#repeat("stat", textOf(key), options, () => this.inner.stat(key, options));
  }

  override async *list(type: FileType, options: CallOptions): AsyncGenerator<FileInfo> {
    const one = async function* (entries: AsyncIterable<FileInfo>): AsyncGenerator<readonly FileInfo[]> {
      for await (const entry of entries) yield [entry];
    };
    for await (const entries of this.#listed(type, options, () => one(this.inner.list(type, options)))) yield* entries;
  }

  get listBatches(): ListBatches | undefined {
    const list = this.inner.listBatches?.bind(this.inner);
    if (list === undefined) return undefined;
    return (type, options) => this.#listed(type, options, () => list(type, options));
  }

  /** Remembers the names that it has yielded, to yield none twice after a failure: some 100 bytes a file. */
  async *#listed(
    type: FileType,
    options: CallOptions,
    list: () => AsyncIterable<readonly FileInfo[]>,
  ): AsyncGenerator<readonly FileInfo[]> {
    const attempts = new Attempts("list", type, this.#options);
    const yielded = new Set<string>();
    for (;;) {
      const batches = list()[Symbol.asyncIterator]();
      try {
        for (;;) {
          const batch = await batches.next().catch(async (error: unknown) => {
            await attempts.afterFailure(error, options);
          });
          if (batch === undefined) break;
          if (batch.done === true) {
            attempts.progress();
            return;
          }
          const fresh = batch.value.filter(({ name }) => !yielded.has(name));
          if (fresh.length === 0) continue;
          attempts.progress();
          for (const { name } of fresh) yielded.add(name);
          yield fresh;
        }
      } finally {
        await batches.return?.();
      }
    }
  }

  get peek(): PeekFile | undefined {
    const peek = this.inner.peek?.bind(this.inner);
    if (peek === undefined) return undefined;
    return (key, options) => this.#repeat("load", textOf(key), options, () => peek(key, options));
  }

  override remove(key: FileKey, options: RemoveOptions): Promise<void> {
    return this.#repeat("remove", textOf(key), options, async (isRepeated) => {
      try {
        await this.inner.remove(key, options);
      } catch (error) {
        if (!isRepeated || !isHoldfastError(error, "STORAGE_NOT_FOUND")) throw error;
      }
    });
  }

  override extendRetention(key: FileKey, wish: RetentionWish, options: CallOptions): Promise<RetentionOutcome> {
    return this.#repeat("extendRetention", textOf(key), options, () => super.extendRetention(key, wish, options));
  }

  override get requestWarm(): RequestWarm | undefined {
    const request = this.inner.requestWarm?.bind(this.inner);
    if (request === undefined) return undefined;
    return (key, options) => this.#repeat("requestWarm", textOf(key), options, () => request(key, options));
  }

  /** What was moved by a call that failed is passed over by the next, and told only once. */
  get move(): MoveFiles | undefined {
    const move = this.inner.move?.bind(this.inner);
    if (move === undefined) return undefined;
    return (from, to, names, options) => {
      const told = new Set<string>();
      const onMoved = (name: string): void => {
        if (told.has(name)) return;
        told.add(name);
        options.onMoved?.(name);
      };
      return this.#repeat("move", from, options, () => move(from, to, names, { ...options, onMoved }));
    };
  }

  /** A proposal that came twice is one plan. A decision is not repeated: the second would be refused, and hide that the first counts. */
  override get removalPlans(): RemovalPlans | undefined {
    const plans = this.inner.removalPlans;
    if (plans === undefined) return undefined;
    const repeat = <T>(operation: string, options: CallOptions, run: () => Promise<T>): Promise<T> =>
      this.#repeat(operation, "plans", options, run);
    return {
      list: (options) => repeat("list", options, () => plans.list(options)),
      document: (hash, options) => repeat("load", options, () => plans.document(hash, options)),
      propose: (proposal, options) => repeat("propose", options, () => plans.propose(proposal, options)),
      approve: (hash, signature, options) => plans.approve(hash, signature, options),
      cancel: (hash, signature, options) => plans.cancel(hash, signature, options),
    };
  }

  async #repeat<T>(
    operation: string,
    subject: string,
    options: CallOptions,
    run: (isRepeated: boolean) => Promise<T>,
  ): Promise<T> {
    const attempts = new Attempts(operation, subject, this.#options);
    for (;;) {
      try {
        const result = await run(attempts.isRepeated);
        attempts.progress();
        return result;
      } catch (error) {
        await attempts.afterFailure(error, options);
      }
    }
  }
}

/** Carries an error of the consumer past the decision whether to repeat. */
class ConsumerFailure extends Error {
  constructor(cause: unknown) {
    super("the consumer failed", { cause });
  }
}

async function consumeMarked<T>(
  chunks: AsyncIterable<Uint8Array>,
  consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  let hasStreamFailed = false;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch (error) {
      hasStreamFailed = true;
      throw error;
    }
  }
  try {
    return await consume(watched());
  } catch (error) {
    throw hasStreamFailed ? error : new ConsumerFailure(error);
  }
}

function textOf(key: FileKey): string {
  return key.type === "config" ? "config" : `${key.type} ${key.name}`;
}
