/** Compares the bytes of a live file with a snapshot's: by hashing its pieces, so that nothing is read from the repository. */
import { createHash } from "node:crypto";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { plainBytes } from "../browse/read-blobs.ts";
import { fsPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { Pauses } from "./pauses.ts";

const BUFFER_BYTES = 1024 * 1024;
// A pipe that took the file's place since it was looked at must not be waited for.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class LiveContent {
  readonly #index: BlobIndex;
  readonly #pauses: Pauses;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

  constructor(index: BlobIndex, pauses: Pauses) {
    this.#index = index;
    this.#pauses = pauses;
  }

  /**
   * True when a file consists of these blobs and nothing else.
   * @throws ENGINE_BLOB_MISSING when the length of a piece is not known; what the system throws; on abort the signal's reason
   */
  async isSame(path: string, blobs: readonly Id[]): Promise<boolean> {
    // Calls that do not wait for another thread: most files are small, and there are many.
    const file = openSync(fsPath(path), FLAGS);
    try {
      for (const id of blobs) if (!(await this.#isNext(file, id))) return false;
      return readSync(file, this.#buffer, 0, 1, null) === 0;
    } finally {
      closeSync(file);
    }
  }

  async #isNext(file: number, id: Id): Promise<boolean> {
    const hash = createHash("sha256");
    for (let left = plainBytes(this.#index, id); left > 0;) {
      const pause = this.#pauses.look();
      if (pause !== undefined) await pause;
      const bytesRead = readSync(file, this.#buffer, 0, Math.min(left, BUFFER_BYTES), null);
      if (bytesRead === 0) return false;
      hash.update(this.#buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
    return hash.digest("hex") === id;
  }
}
