/**
 * Keeps copies of snapshots, index files and the packs that hold trees in a local folder, and loads from there.
 *
 * Every copy is checked against its name before use, and any trouble with the folder only means that the repository is asked.
 * What other programs removed from the repository stays loadable until `CacheFolder.prune`; callers find files by `list`, which
 * is never cached.
 */
import { isHoldfastError } from "@holdfast/base";
import type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  FileKey,
  MoveFiles,
  RemoveOptions,
  SaveOptions,
} from "../backend.ts";
import { loadBytes, oneChunk, readBody } from "../bytes-source.ts";
import { type CacheFolder, type CachedKey, MAX_CACHED_BYTES } from "../cache/cache-folder.ts";
import { assertKey, assertRange } from "../keys.ts";
import { ForwardingBackend } from "./forwarding.ts";

export interface CacheOptions {
  readonly folder: CacheFolder;
  /** Which packs are worth a copy: those that hold trees. Asked for packs that are loaded, and for those that are saved. */
  readonly cachePack: (name: string) => boolean;
  /** The folder cannot be written; the cache only reads from then on. Called at most once. */
  readonly onProblem: (error: unknown) => void;
}

export class CacheBackend extends ForwardingBackend {
  readonly #folder: CacheFolder;
  readonly #options: CacheOptions;
  /** Copies being made, so that many readers of one file cause one download. */
  readonly #running = new Map<string, Promise<boolean>>();
  /** Too large, or not what the name says: the inner backend has to answer each time. */
  readonly #uncacheable = new Set<string>();
  #canWrite = true;

  constructor(inner: Backend, options: CacheOptions) {
    super(inner);
    this.#folder = options.folder;
    this.#options = options;
  }

  override async save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    const cached = this.#cachedKey(key);
    if (cached !== undefined) await this.#forget(cached);
    await this.inner.save(key, body, options);
    if (cached === undefined || !this.#canWrite || body.sizeBytes > MAX_CACHED_BYTES) return;
    // The file is stored: whatever happens to its copy is no failure of the save.
    await this.#keep(cached, await readBody(body).catch(() => undefined));
  }

  override async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    options.signal.throwIfAborted();
    assertRange(range);
    const cached = this.#cachedKey(key);
    const bytes = cached === undefined ? undefined : await this.#read(cached, range, options);
    if (bytes === undefined) return this.inner.load(key, range, consume, options);
    return consume(oneChunk(bytes, options.signal));
  }

  override async remove(key: FileKey, options: RemoveOptions): Promise<void> {
    const cached = this.#cachedKey(key);
    try {
      await this.inner.remove(key, options);
    } finally {
      if (cached !== undefined) await this.#forget(cached);
    }
  }

  get move(): MoveFiles | undefined {
    const move = this.inner.move?.bind(this.inner);
    if (move === undefined) return undefined;
    return async (from, to, names, options) => {
      try {
        return await move(from, to, names, options);
      } finally {
        for (const name of names) {
          const cached = this.#cachedKey({ type: from, name });
          if (cached !== undefined) await this.#forget(cached);
        }
      }
    };
  }

  async #read(key: CachedKey, range: ByteRange | undefined, options: CallOptions): Promise<Uint8Array | undefined> {
    if (!(await this.#prepare(key, options))) return undefined;
    const size = this.#folder.verifiedSize(key);
    if (size === undefined) return undefined;
    const wanted = range ?? { offset: 0, length: size };
    // Past the end: the inner backend says so in its own words.
    return wanted.offset + wanted.length > size ? undefined : this.#folder.read(key, wanted);
  }

  /** Sees to it that there is a good copy; false when there cannot be one. An error of the inner backend is the caller's. */
  async #prepare(key: CachedKey, options: CallOptions): Promise<boolean> {
    for (;;) {
      if (this.#folder.verifiedSize(key) !== undefined) return true;
      if (this.#uncacheable.has(key.name)) return false;
      const running = this.#running.get(key.name);
      if (running === undefined) {
        const started = this.#copy(key, options).finally(() => this.#running.delete(key.name));
        this.#running.set(key.name, started);
        return started;
      }
      // Another call's failure or abort is not this one's: look again, and try in its place.
      await running.catch(() => false);
      options.signal.throwIfAborted();
    }
  }

  async #copy(key: CachedKey, { signal }: CallOptions): Promise<boolean> {
    if (await this.#folder.verify(key)) return true;
    if (!this.#canWrite) return false;
    try {
      return await this.#keep(key, await loadBytes(this.inner, key, undefined, { signal, maxBytes: MAX_CACHED_BYTES }));
    } catch (error) {
      if (!isHoldfastError(error, "STORAGE_TOO_LARGE")) throw error;
      this.#uncacheable.add(key.name);
      return false;
    }
  }

  async #keep(key: CachedKey, bytes: Uint8Array | undefined): Promise<boolean> {
    if (bytes === undefined) return false;
    try {
      const isKept = await this.#folder.write(key, bytes);
      if (!isKept) this.#uncacheable.add(key.name);
      return isKept;
    } catch (error) {
      if (this.#canWrite) this.#options.onProblem(error);
      this.#canWrite = false;
      return false;
    }
  }

  async #forget(key: CachedKey): Promise<void> {
    await this.#running.get(key.name)?.catch(() => false);
    this.#uncacheable.delete(key.name);
    await this.#folder.drop(key);
  }

  #cachedKey(key: FileKey): CachedKey | undefined {
    assertKey(key);
    const { type, name } = key;
    if (type === "pack") return this.#options.cachePack(name) ? { type, name } : undefined;
    return type === "snapshot" || type === "index" ? { type, name } : undefined;
  }
}
