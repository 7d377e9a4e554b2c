/** Writes a body to an open file: large chunks as they are, small ones gathered first. */
import type { ByteSource, CallOptions, FileKey } from "../backend.ts";
import { chunksOf } from "../body-failure.ts";
import { storageError } from "../errors.ts";
import type { FileCalls } from "./file-calls.ts";

/** Chunks of at least this size are written without a copy. A call costs some 40 µs, for which 256 KiB can be copied. */
const DIRECT_BYTES = 256 * 1024;
const GATHER_BYTES = 1024 * 1024;
/** One call writes at most this much, so that an abort is noticed in time. */
const CALL_BYTES = 32 * 1024 * 1024;

/**
 * Writes all of `body`. Rejects with the signal's reason when aborted.
 * @throws BodyFailure, STORAGE_BODY_SIZE when the body is not as long as it said, and system errors as they are
 */
export async function writeBody(
  calls: FileCalls,
  fd: number,
  key: FileKey,
  body: ByteSource,
  { signal }: CallOptions,
): Promise<void> {
  const expected = body.sizeBytes;
  let gathered: Uint8Array = new Uint8Array(0);
  let used = 0;
  let total = 0;
  const flush = async (): Promise<void> => {
    await writeAll(calls, fd, gathered.subarray(0, used), signal);
    used = 0;
  };
  for await (const chunk of chunksOf(body)) {
    signal.throwIfAborted();
    total += chunk.length;
    if (total > expected) break;
    if (chunk.length >= DIRECT_BYTES || total === expected) {
      await flush();
      await writeAll(calls, fd, chunk, signal);
      continue;
    }
    if (gathered.length === 0) gathered = Buffer.allocUnsafeSlow(Math.min(GATHER_BYTES, expected));
    if (used + chunk.length > gathered.length) await flush();
    gathered.set(chunk, used);
    used += chunk.length;
  }
  signal.throwIfAborted();
  if (total !== expected) throw storageError("STORAGE_BODY_SIZE", { ...key, expected, actual: total });
  await flush();
}

async function writeAll(calls: FileCalls, fd: number, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  for (let offset = 0; offset < bytes.length;) {
    signal.throwIfAborted();
    offset += await calls.write(fd, bytes, offset, Math.min(CALL_BYTES, bytes.length - offset));
  }
}
