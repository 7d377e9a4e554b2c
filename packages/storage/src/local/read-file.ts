/** Reads a file or a range of it: up to 32 MiB in one call into one buffer, more than that as a stream. */
import { constants } from "node:fs";
import { systemCode } from "@holdfast/base";
import type { ByteRange, FileKey, LoadOptions } from "../backend.ts";
import { oneChunk } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import type { FileCalls } from "./file-calls.ts";
import { fromSystemError } from "./system-errors.ts";

/** A pack is 16 MiB as a rule, and so comes in one piece that the consumer may keep. */
const WHOLE_BYTES = 32 * 1024 * 1024;
const STREAM_BYTES = 4 * 1024 * 1024;

/** What to read, and how to speak of it. */
export interface ReadRequest {
  readonly location: string;
  readonly path: string;
  readonly key: FileKey;
  readonly range: ByteRange | undefined;
}

/**
 * Hands the bytes to `consume`. A small read is done, and the file closed, before `consume` starts.
 * @throws STORAGE_NOT_FOUND, STORAGE_RANGE, STORAGE_PERMISSION, STORAGE_UNAVAILABLE, and what `consume` throws
 */
export async function readFile<T>(
  calls: FileCalls,
  request: ReadRequest,
  consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
  { signal, into }: LoadOptions,
): Promise<T> {
  const fd = await calls.open(request.path, constants.O_RDONLY).catch((error: unknown) => {
    throw readError(error, request);
  });
  let isOpen = true;
  const close = (): void => {
    if (isOpen) calls.closeReader(fd);
    isOpen = false;
  };
  try {
    const { offset, length } = rangeWithin(sizeOf(calls, fd, request), request);
    if (length > WHOLE_BYTES)
      return await consume(stream(calls, fd, { ...request, range: { offset, length } }, signal));
    const bytes = into?.length === length ? into : Buffer.allocUnsafeSlow(length);
    await fill(calls, fd, bytes, offset, request);
    close();
    return await consume(oneChunk(bytes, signal));
  } finally {
    close();
  }
}

function sizeOf(calls: FileCalls, fd: number, request: ReadRequest): number {
  try {
    return calls.fstat(fd).size;
  } catch (error) {
    throw readError(error, request);
  }
}

function rangeWithin(sizeBytes: number, request: ReadRequest): ByteRange {
  const range = request.range ?? { offset: 0, length: sizeBytes };
  if (range.offset + range.length > sizeBytes) throw rangeError(request, range.offset + range.length);
  return range;
}

async function* stream(
  calls: FileCalls,
  fd: number,
  request: ReadRequest & { range: ByteRange },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { range } = request;
  let reused: Uint8Array | undefined;
  for (let done = 0; done < range.length; done += STREAM_BYTES) {
    signal.throwIfAborted();
    // The first chunk belongs to the consumer (see `Backend.load`), the later ones share a buffer.
    const buffer: Uint8Array =
      done === 0 ? Buffer.allocUnsafeSlow(STREAM_BYTES) : (reused ??= Buffer.allocUnsafeSlow(STREAM_BYTES));
    const chunk = buffer.subarray(0, Math.min(STREAM_BYTES, range.length - done));
    await fill(calls, fd, chunk, range.offset + done, request);
    yield chunk;
  }
  signal.throwIfAborted();
}

/** Reads until `into` is full; a file that became shorter meanwhile is a range error. */
async function fill(
  calls: FileCalls,
  fd: number,
  into: Uint8Array,
  position: number,
  request: ReadRequest,
): Promise<void> {
  try {
    for (let done = 0; done < into.length;) {
      const count = await calls.read(fd, into, done, into.length - done, position + done);
      if (count === 0) throw rangeError(request, position + into.length);
      done += count;
    }
  } catch (error) {
    throw readError(error, request);
  }
}

function rangeError({ location, key }: ReadRequest, end: number): Error {
  return storageError("STORAGE_RANGE", { location, ...key, end });
}

function readError(error: unknown, { location, path, key }: ReadRequest): unknown {
  if (systemCode(error) === "ENOENT") return storageError("STORAGE_NOT_FOUND", { location, ...key }, error);
  return fromSystemError(error, { location, path }) ?? error;
}
