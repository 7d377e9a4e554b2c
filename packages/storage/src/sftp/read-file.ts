/** Reads a remote file or a range of it, with many requests under way, so that the way there and back costs once and not each time. */
import type { ByteRange, FileKey, LoadOptions } from "../backend.ts";
import { oneChunk } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import { abortable, openedHandle } from "./abortable.ts";
import type { Handle } from "./protocol/sftp-calls.ts";
import { OPEN } from "./protocol/numbers.ts";
import type { SftpSession } from "./sftp-session.ts";
import { fromSftpError, isMissing } from "./sftp-errors.ts";

/** A pack is 16 MiB as a rule, and so comes in one piece that the consumer may keep. */
const WHOLE_BYTES = 32 * 1024 * 1024;
const STREAM_BYTES = 4 * 1024 * 1024;
/** How much is asked for ahead: the windows of both sides (2 MiB) and as much waiting at the server. */
const AHEAD_BYTES = 4 * 1024 * 1024;

/** What to read, and how to speak of it. */
export interface ReadRequest {
  readonly location: string;
  readonly path: string;
  readonly key: FileKey;
  readonly range: ByteRange | undefined;
}

/**
 * Hands the bytes to `consume`. A read of up to 32 MiB is done before `consume` starts; the caller's `release` is called then.
 * @throws STORAGE_NOT_FOUND, STORAGE_RANGE, STORAGE_PERMISSION, STORAGE_UNAVAILABLE, and what `consume` throws
 */
export async function readFile<T>(
  session: SftpSession,
  request: ReadRequest,
  consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
  { signal, into }: LoadOptions,
): Promise<T> {
  const { handle, range, head } = await opened(session, request, signal);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) session.calls.closeHandle(handle).catch(() => {}); // nothing is lost with it
    isOpen = false;
  };
  try {
    if (range.length > WHOLE_BYTES) {
      return await consume(stream(session, handle, { ...request, range }, signal));
    }
    const bytes = into?.length === range.length ? into : Buffer.allocUnsafeSlow(range.length);
    bytes.set(head);
    const rest = bytes.subarray(head.length);
    await fill(session, handle, range.offset + head.length, rest, request, signal);
    close();
    return await consume(oneChunk(bytes, signal));
  } finally {
    close();
  }
}

/** An open file, the range that is wanted of it, and what was read of that already. */
interface Opened {
  readonly handle: Handle;
  readonly range: ByteRange;
  readonly head: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** Opens the file. Where its size is to be known, its first bytes are asked for at the same time: most files are small. */
async function opened(session: SftpSession, request: ReadRequest, signal: AbortSignal): Promise<Opened> {
  const { calls } = session;
  const { range } = request;
  try {
    const handle = await openedHandle(calls, calls.open(request.path, OPEN.READ), signal);
    if (range !== undefined && range.length > 0) return { handle, range, head: NOTHING };
    try {
      const first = range === undefined ? calls.read(handle, 0, session.readBytes) : NOTHING;
      const [{ sizeBytes = 0 }, head] = await abortable(Promise.all([calls.statHandle(handle), first]), signal);
      // An empty range asks for no byte that could be missing.
      const whole = range ?? { offset: 0, length: sizeBytes };
      if (whole.offset + whole.length > sizeBytes) throw rangeError(request, whole.offset + whole.length);
      return { handle, range: whole, head: whole.length > WHOLE_BYTES ? NOTHING : head.subarray(0, whole.length) };
    } catch (error) {
      calls.closeHandle(handle).catch(() => {});
      throw error;
    }
  } catch (error) {
    throw readError(error, request);
  }
}

async function* stream(
  session: SftpSession,
  handle: Handle,
  request: ReadRequest & { readonly range: ByteRange },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { offset, length } = request.range;
  const load = async (done: number): Promise<Uint8Array> => {
    const chunk = Buffer.allocUnsafeSlow(Math.min(STREAM_BYTES, length - done));
    await fill(session, handle, offset + done, chunk, request, signal);
    return chunk;
  };
  let next = load(0);
  for (let done = 0; done < length; done += STREAM_BYTES) {
    const chunk = await next;
    signal.throwIfAborted();
    if (done + STREAM_BYTES < length) {
      next = load(done + STREAM_BYTES);
      next.catch(() => {}); // the consumer may stop before it is due
    }
    yield chunk;
  }
  signal.throwIfAborted();
}

/** Fills `target`, which nothing is written to any more once this has settled; a file that ends before is a range error. */
async function fill(
  { calls, readBytes }: SftpSession,
  handle: Handle,
  position: number,
  target: Uint8Array,
  request: ReadRequest,
  signal: AbortSignal,
): Promise<void> {
  const state = { next: 0, isOver: false };
  const lane = async (): Promise<void> => {
    while (!state.isOver && state.next < target.length) {
      const start = state.next;
      const end = Math.min(start + readBytes, target.length);
      state.next = end;
      for (let at = start; at < end && !state.isOver;) {
        const bytes = await calls.read(handle, position + at, end - at);
        if (state.isOver) return;
        if (bytes.length === 0) {
          throw rangeError(request, position + target.length);
        }
        target.set(bytes, at);
        at += bytes.length;
      }
    }
  };
  const lanes = Math.max(1, Math.min(Math.ceil(AHEAD_BYTES / readBytes), Math.ceil(target.length / readBytes)));
  try {
    await abortable(Promise.all(Array.from({ length: lanes }, lane)), signal);
  } catch (error) {
    throw readError(error, request);
  } finally {
    state.isOver = true;
  }
}

function rangeError({ location, key }: ReadRequest, end: number): Error {
  return storageError("STORAGE_RANGE", { location, ...key, end });
}

function readError(error: unknown, { location, path, key }: ReadRequest): unknown {
  if (isMissing(error)) return storageError("STORAGE_NOT_FOUND", { location, ...key }, error);
  return fromSftpError(error, { location, path }, "read");
}
