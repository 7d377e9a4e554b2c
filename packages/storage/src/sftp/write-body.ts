/** Writes a body to an open remote file, with many requests under way. Memory: what is under way. */
import type { ByteSource, CallOptions, FileKey } from "../backend.ts";
import { chunksOf } from "../body-failure.ts";
import { storageError } from "../errors.ts";
import { abortable } from "./abortable.ts";
import type { Handle } from "./protocol/sftp-calls.ts";
import type { SftpSession } from "./sftp-session.ts";

/** How much may be sent without an answer: the window of the server (2 MiB with OpenSSH) and as much on its way. */
const AHEAD_BYTES = 4 * 1024 * 1024;

/** A body that was sent; `settled` fulfils when the server has answered all of it. */
export interface SentBody {
  readonly settled: Promise<void>;
}

/**
 * Sends all of `body`. Rejects with the signal's reason when aborted.
 * @throws BodyFailure, STORAGE_BODY_SIZE when the body is not as long as it said, and failures of calls as they are
 */
export async function writeBody(
  session: SftpSession,
  handle: Handle,
  key: FileKey,
  body: ByteSource,
  { signal }: CallOptions,
): Promise<SentBody> {
  const expected = body.sizeBytes;
  const writes = new WritesUnderWay(session, handle);
  let gathered: Uint8Array = new Uint8Array(0);
  let used = 0;
  let total = 0;
  for await (const chunk of chunksOf(body)) {
    signal.throwIfAborted();
    total += chunk.length;
    if (total > expected) break;
    for (let at = 0; at < chunk.length;) {
      const left = chunk.length - at;
      if (used === 0 && left >= session.writeBytes) {
        await abortable(writes.send(chunk.subarray(at, at + session.writeBytes)), signal);
        at += session.writeBytes;
        continue;
      }
      // Small pieces are gathered first.
      if (gathered.length === 0) gathered = Buffer.allocUnsafe(session.writeBytes);
      const part = chunk.subarray(at, at + gathered.length - used);
      gathered.set(part, used);
      used += part.length;
      at += part.length;
      if (used < gathered.length) continue;
      await abortable(writes.send(gathered), signal);
      used = 0;
    }
  }
  signal.throwIfAborted();
  if (total !== expected) throw storageError("STORAGE_BODY_SIZE", { ...key, expected, actual: total });
  if (used > 0) await abortable(writes.send(gathered.subarray(0, used)), signal);
  return { settled: writes.settled() };
}

/** Requests to write that were sent, in order, up to a limit of bytes. */
class WritesUnderWay {
  readonly #session: SftpSession;
  readonly #handle: Handle;
  #position = 0;
  #bytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(session: SftpSession, handle: Handle) {
    this.#session = session;
    this.#handle = handle;
  }

  /** Sends `bytes` as soon as there is room for them, and throws what an earlier one met. They are copied. */
  async send(bytes: Uint8Array): Promise<void> {
    const { length } = bytes;
    await this.#until(AHEAD_BYTES - length);
    this.#bytes += length;
    const position = this.#position;
    this.#position += length;
    this.#session.calls
      .write(this.#handle, position, bytes)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#bytes -= length;
        this.#wake?.();
      });
  }

  /** Waits until all are answered. */
  settled(): Promise<void> {
    return this.#until(0);
  }

  async #until(bytes: number): Promise<void> {
    while (this.#bytes > bytes && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
