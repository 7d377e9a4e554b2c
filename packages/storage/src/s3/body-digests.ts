/**
 * The first pass over a body that is to be stored: its hashes, which are signed and sent along, so that the server refuses what
 * was changed on the way, whether or not the connection is encrypted. Finds out that a body is not as long as it says before
 * anything is sent.
 */
import { type Hash, createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { ByteSource, CallOptions, FileKey } from "../backend.ts";
import { storageError } from "../errors.ts";

/** A part of a body that is sent by one request. */
export interface PartDigest {
  readonly offset: number;
  readonly length: number;
  readonly sha256Hex: string;
  /** In base64; only where it was asked for. */
  readonly md5: string | undefined;
}

export interface DigestOptions extends CallOptions {
  /** The length of each part but the last. Default: all in one. */
  readonly partBytes?: number;
  readonly withMd5?: boolean;
}

/** After so many bytes other work gets its turn. */
const TURN_BYTES = 4 * 1024 * 1024;

/** One part at least, also of an empty body. @throws STORAGE_BODY_SIZE, and what the body throws */
export async function digestBody(key: FileKey, body: ByteSource, options: DigestOptions): Promise<PartDigest[]> {
  const { signal, partBytes = Number.POSITIVE_INFINITY, withMd5 = false } = options;
  const expected = body.sizeBytes;
  const parts: PartDigest[] = [];
  let part = new OpenPart(0, withMd5);
  let total = 0;
  let sinceTurn = 0;
  for await (const chunk of body.open()) {
    signal.throwIfAborted();
    if (total + chunk.length > expected) throw wrongSize(key, expected, total + chunk.length);
    for (let at = 0; at < chunk.length;) {
      const length = Math.min(chunk.length - at, partBytes - part.length, TURN_BYTES);
      part.add(chunk.subarray(at, at + length));
      at += length;
      total += length;
      sinceTurn += length;
      if (part.length === partBytes && total < expected) {
        parts.push(part.close());
        part = new OpenPart(total, withMd5);
      }
      if (sinceTurn >= TURN_BYTES) {
        sinceTurn = 0;
        await setImmediate();
        signal.throwIfAborted();
      }
    }
  }
  signal.throwIfAborted();
  if (total !== expected) throw wrongSize(key, expected, total);
  return [...parts, part.close()];
}

class OpenPart {
  length = 0;
  readonly #offset: number;
  readonly #sha256: Hash = createHash("sha256");
  readonly #md5: Hash | undefined;

  constructor(offset: number, withMd5: boolean) {
    this.#offset = offset;
    this.#md5 = withMd5 ? createHash("md5") : undefined;
  }

  add(bytes: Uint8Array): void {
    this.length += bytes.length;
    this.#sha256.update(bytes);
    this.#md5?.update(bytes);
  }

  close(): PartDigest {
    const sha256Hex = this.#sha256.digest("hex");
    return { offset: this.#offset, length: this.length, sha256Hex, md5: this.#md5?.digest("base64") };
  }
}

function wrongSize(key: FileKey, expected: number, actual: number): Error {
  return storageError("STORAGE_BODY_SIZE", { ...key, expected, actual });
}
