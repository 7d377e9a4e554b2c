/** Compares the bytes of a live file with a snapshot's: by hashing its pieces, so that nothing is read from the repository. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { plainBytes } from "../browse/read-blobs.ts";
import { fsPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";

const BUFFER_BYTES = 1024 * 1024;

export class LiveContent {
  readonly #index: BlobIndex;
  readonly #signal: AbortSignal;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

  constructor(index: BlobIndex, signal: AbortSignal) {
    this.#index = index;
    this.#signal = signal;
  }

  /**
   * True when a file consists of these blobs and nothing else.
   * @throws ENGINE_BLOB_MISSING when the length of a piece is not known; what the system throws; on abort the signal's reason
   */
  async isSame(path: string, blobs: readonly Id[]): Promise<boolean> {
    // A pipe that took the file's place since it was looked at must not be waited for.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(fsPath(path), flags);
    try {
      for (const id of blobs) if (!(await this.#isNext(file, id))) return false;
      return (await file.read(this.#buffer, 0, 1)).bytesRead === 0;
    } finally {
      await file.close();
    }
  }

  async #isNext(file: FileHandle, id: Id): Promise<boolean> {
    const hash = createHash("sha256");
    for (let left = plainBytes(this.#index, id); left > 0;) {
      this.#signal.throwIfAborted();
      const { bytesRead } = await file.read(this.#buffer, 0, Math.min(left, BUFFER_BYTES));
      if (bytesRead === 0) return false;
      hash.update(this.#buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
    return hash.digest("hex") === id;
  }
}
