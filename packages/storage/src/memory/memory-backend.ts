/** A repository in memory: for tests and dry runs. Nothing survives the process, in all else it keeps the contract. */
import type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  Capabilities,
  FileInfo,
  FileKey,
  FileType,
  SaveOptions,
} from "../backend.ts";
import { storageError } from "../errors.ts";
import { assertKey, assertRange, pathOf } from "../keys.ts";

/** Small enough that tests with files of a few MiB see more than one chunk. */
const CHUNK_BYTES = 256 * 1024;

interface StoredFile {
  readonly type: FileType;
  readonly info: FileInfo;
  readonly bytes: Uint8Array;
}

export class MemoryBackend implements Backend {
  readonly location: string;
  readonly capabilities: Capabilities = {
    atomicReplace: true,
    conditionalPut: true,
    serverTime: false,
    maxConcurrency: 4,
    settleMs: 0,
  };
  readonly #files = new Map<string, StoredFile>();

  /** @param name tells several apart in messages */
  constructor(name = "") {
    this.location = `memory:${name}`;
  }

  /** How many bytes all files have together. */
  get totalBytes(): number {
    let total = 0;
    for (const file of this.#files.values()) total += file.bytes.length;
    return total;
  }

  async initialize({ signal }: CallOptions): Promise<void> {
    signal.throwIfAborted();
  }

  async save(key: FileKey, body: ByteSource, { signal, ifAbsent = false }: SaveOptions): Promise<void> {
    assertKey(key);
    signal.throwIfAborted();
    const bytes = new Uint8Array(body.sizeBytes);
    let total = 0;
    for await (const chunk of body.open()) {
      signal.throwIfAborted();
      if (total + chunk.length <= bytes.length) bytes.set(chunk, total);
      total += chunk.length;
    }
    signal.throwIfAborted();
    if (total !== body.sizeBytes) {
      throw storageError("STORAGE_BODY_SIZE", { ...key, expected: body.sizeBytes, actual: total });
    }
    const path = pathOf(key);
    if (ifAbsent && this.#files.has(path)) throw storageError("STORAGE_EXISTS", { location: this.location, ...key });
    this.#files.set(path, { type: key.type, bytes, info: { name: key.name, sizeBytes: bytes.length } });
  }

  async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    { signal }: CallOptions,
  ): Promise<T> {
    assertKey(key);
    assertRange(range);
    signal.throwIfAborted();
    const file = this.#files.get(pathOf(key));
    if (file === undefined) throw storageError("STORAGE_NOT_FOUND", { location: this.location, ...key });
    const { offset, length } = range ?? { offset: 0, length: file.bytes.length };
    const end = offset + length;
    if (end > file.bytes.length) throw storageError("STORAGE_RANGE", { location: this.location, ...key, end });
    return consume(copies(file.bytes.subarray(offset, end), signal));
  }

  async stat(key: FileKey, { signal }: CallOptions): Promise<FileInfo | undefined> {
    assertKey(key);
    signal.throwIfAborted();
    return this.#files.get(pathOf(key))?.info;
  }

  async *list(type: FileType, { signal }: CallOptions): AsyncIterable<FileInfo> {
    signal.throwIfAborted();
    for (const file of this.#files.values()) {
      if (file.type === type) yield file.info;
      signal.throwIfAborted();
    }
  }

  async remove(key: FileKey, { signal }: CallOptions): Promise<void> {
    assertKey(key);
    signal.throwIfAborted();
    if (!this.#files.delete(pathOf(key))) throw storageError("STORAGE_NOT_FOUND", { location: this.location, ...key });
  }

  async close(): Promise<void> {}
}

/** Hands out copies, as the consumer may change what it gets. */
async function* copies(bytes: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES) {
    signal.throwIfAborted();
    yield bytes.slice(offset, offset + CHUNK_BYTES);
  }
  signal.throwIfAborted();
}
