/** Bytes in memory as bodies and chunks, and whole loads into memory. */
import type { Backend, ByteRange, ByteSource, CallOptions, FileKey } from "./backend.ts";
import { storageError } from "./errors.ts";

/** A body made of byte arrays in memory, which are not copied: they must not change until the save has settled. */
export function bytesSource(...parts: Uint8Array[]): ByteSource {
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.length;
  return { sizeBytes, open: () => parts };
}

/** All bytes of a body in one new array. Throws what the body throws. */
export async function readBody(body: ByteSource): Promise<Uint8Array> {
  const bytes = new Uint8Array(body.sizeBytes);
  let offset = 0;
  for await (const chunk of body.open()) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** One array as the chunks of a load; nothing at all when it is empty. Rejects with the signal's reason when aborted. */
export async function* oneChunk(bytes: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  if (bytes.length > 0) yield bytes;
  signal.throwIfAborted();
}

/**
 * Loads a range of no byte: all there is to find out is whether there is a file, and whether it reaches so far.
 * @throws STORAGE_NOT_FOUND, STORAGE_RANGE, what `stat` throws, and what `consume` throws
 */
export async function loadNothing<T>(
  backend: Pick<Backend, "location" | "stat">,
  key: FileKey,
  { offset }: ByteRange,
  consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
  { signal }: CallOptions,
): Promise<T> {
  const { location } = backend;
  const info = await backend.stat(key, { signal });
  if (info === undefined) throw storageError("STORAGE_NOT_FOUND", { location, ...key });
  if (offset > info.sizeBytes) throw storageError("STORAGE_RANGE", { location, ...key, end: offset });
  return consume(oneChunk(new Uint8Array(0), signal));
}

export interface LoadBytesOptions extends CallOptions {
  /** The most that may come; protects against a file that is larger than its kind can be. Default: no limit. */
  readonly maxBytes?: number;
}

/**
 * Loads a file or a range into one array that belongs to the caller. What the backend yields in one chunk is not copied.
 * @throws STORAGE_TOO_LARGE, STORAGE_RANGE, and what `Backend.load` throws
 */
export async function loadBytes(
  backend: Backend,
  key: FileKey,
  range: ByteRange | undefined,
  { signal, maxBytes = Number.POSITIVE_INFINITY }: LoadBytesOptions,
): Promise<Uint8Array> {
  const tooLarge = () => storageError("STORAGE_TOO_LARGE", { location: backend.location, ...key, maxBytes });
  if (range !== undefined && range.length > maxBytes) throw tooLarge();
  const collect = async (chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of chunks) {
      total += chunk.length;
      if (total > maxBytes) throw tooLarge();
      // Only the first chunk may be kept as it is (see `Backend.load`).
      parts.push(parts.length === 0 ? chunk : chunk.slice());
    }
    if (range !== undefined && total !== range.length) {
      throw storageError("STORAGE_RANGE", { location: backend.location, ...key, end: range.offset + range.length });
    }
    return joinParts(parts, total);
  };
  return backend.load(key, range, collect, { signal });
}

function joinParts(parts: readonly Uint8Array[], total: number): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const whole = new Uint8Array(total);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/**
 * Fills `target`, which may be shared memory, with the bytes of a file from `offset` on. Copies nothing where the backend can
 * read into place.
 * @throws what `Backend.load` throws; STORAGE_RANGE when the file ends before `target` is full
 */
export async function loadInto(
  backend: Backend,
  key: FileKey,
  offset: number,
  target: Uint8Array,
  { signal }: CallOptions,
): Promise<void> {
  const fill = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    let at = 0;
    for await (const chunk of chunks) {
      const isInPlace = chunk.buffer === target.buffer && chunk.byteOffset === target.byteOffset + at;
      if (!isInPlace) target.set(chunk, at);
      at += chunk.length;
    }
  };
  await backend.load(key, { offset, length: target.length }, fill, { signal, into: target });
}
