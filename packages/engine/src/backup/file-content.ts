/** Reads regular files in one worker: chunks them and puts the chunks into the blob store. */
import { closeSync, constants, fstatSync, openSync, readSync, type BigIntStats } from "node:fs";
import { Chunker, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, WINDOW_BYTES } from "../chunker/chunker.ts";
import { fsPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import type { BlobStore } from "./blob-store.ts";

/** Bytes of a large file that one `scan` task looks at. */
export const SEGMENT_BYTES = 8 * 1024 * 1024;
/** Room before a segment for the head of a chunk that ends in it. */
const HEAD_BYTES = MAX_CHUNK_BYTES;
/**
 * A segment with that room. Smaller files use it as a sliding buffer, of which they touch only what they fill: the largest
 * chunk and what is read on behind it.
 */
const BUFFER_BYTES = HEAD_BYTES + SEGMENT_BYTES;
/** How far a smaller file is read on behind the chunk that is being looked for. */
const SLIDING_BYTES = MAX_CHUNK_BYTES + 1024 * 1024;
/** Steps in which a file is read that has grown. Not smaller, as each looks for a cut in all that is not cut yet. */
const GROWN_BYTES = 1024 * 1024;

export interface FileContent {
  readonly content: Id[];
  readonly bytes: number;
  /** Says what happened when the file was not the same before and after reading. */
  readonly changed: string | undefined;
}

/** What was known of the file before it was opened. */
export interface ExpectedFile {
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly inode: bigint;
}

export class FileContentReader {
  readonly #blobs: BlobStore;
  readonly #chunker: Chunker;
  readonly #onBytes: (bytes: number) => void;
  /** The segment of a large file that lies in the buffer, from `HEAD_BYTES` on. */
  #kept: { readonly path: string; readonly from: number; readonly to: number } | undefined;

  constructor(parts: { blobs: BlobStore; polynomial: bigint; onBytes: (bytes: number) => void }) {
    this.#blobs = parts.blobs;
    this.#chunker = new Chunker(parts.polynomial, BUFFER_BYTES);
    this.#onBytes = parts.onBytes;
  }

  /** Reads, chunks and stores a whole file. Throws what the system throws. */
  readAll(path: string, expected: ExpectedFile): FileContent {
    const file = openRegular(path);
    try {
      const content: Id[] = [];
      const bytes = this.#chunkFile(file, expected.size, content);
      const after = fstatSync(file, { bigint: true });
      if (!after.isFile()) throw new Error("it is no regular file any more");
      return { content, bytes, changed: whatChanged(expected, after, bytes) };
    } finally {
      closeSync(file);
    }
  }

  /**
   * Reads a segment of a large file, keeps it, and finds the positions in it after which the file may be cut, relative to
   * `from`. Less is scanned when the file ends before `to`.
   */
  scan(path: string, from: number, to: number): { runs: number[]; scannedTo: number } {
    const before = Math.min(from, WINDOW_BYTES);
    const file = openRegular(path);
    try {
      const start = HEAD_BYTES - before;
      const read = readFully(file, this.#chunker.buffer, start, to - from + before, from - before);
      const end = start + read;
      this.#kept = { path, from, to: Math.max(from, from - before + read) };
      const runs = end > HEAD_BYTES ? this.#chunker.candidateRuns(HEAD_BYTES, end) : [];
      return { runs: runs.map((at) => at - HEAD_BYTES), scannedTo: this.#kept.to };
    } finally {
      closeSync(file);
    }
  }

  /**
   * Stores consecutive chunks that end in the segment that was scanned last. The first may begin before it: its head is read
   * again, and fewer bytes than asked for mean that the file shrank.
   */
  storeChunks(path: string, segment: number, from: number, ends: readonly number[]): { ids: Id[]; bytes: number } {
    const kept = this.#kept;
    if (kept === undefined || kept.path !== path || kept.from !== segment)
      throw new Error(`segment ${segment} is not kept`);
    const { buffer } = this.#chunker;
    const head = Math.max(0, segment - from);
    if (head > 0) {
      const file = openRegular(path);
      try {
        const read = readFully(file, buffer, HEAD_BYTES - head, head, from);
        // Cut meanwhile: what was scanned is still in memory, but it no longer follows what is read now.
        if (read < head) return this.#storeShort(HEAD_BYTES - head, read);
      } finally {
        closeSync(file);
      }
    }
    const place = (offset: number): number => HEAD_BYTES + offset - segment;
    let at = from;
    const ids = ends.map((end) => {
      const id = this.#blobs.put("data", buffer.subarray(place(at), place(end)));
      this.#onBytes(end - at);
      at = end;
      return id;
    });
    this.#kept = undefined;
    return { ids, bytes: at - from };
  }

  #storeShort(start: number, bytes: number): { ids: Id[]; bytes: number } {
    this.#kept = undefined;
    this.#onBytes(bytes);
    const ids = bytes > 0 ? [this.#blobs.put("data", this.#chunker.buffer.subarray(start, start + bytes))] : [];
    return { ids, bytes };
  }

  #chunkFile(file: number, sizeBytes: number, content: Id[]): number {
    const { buffer } = this.#chunker;
    let total = 0;
    let start = 0;
    let end = 0;
    for (;;) {
      // One byte more than expected shows the end of a file of the expected size without a second read.
      const wanted = Math.min(SLIDING_BYTES - end, total > sizeBytes ? GROWN_BYTES : sizeBytes - total + 1);
      const read = readSync(file, buffer, end, wanted, null);
      end += read;
      total += read;
      this.#onBytes(read);
      for (let cut = this.#cut(start, end); cut > 0; cut = this.#cut(start, end)) {
        content.push(this.#blobs.put("data", buffer.subarray(start, cut)));
        start = cut;
      }
      // A short read of a regular file is its end.
      if (read < wanted) break;
      if (start > 0) {
        buffer.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
    }
    if (end > start) content.push(this.#blobs.put("data", buffer.subarray(start, end)));
    return total;
  }

  #cut(start: number, end: number): number {
    return end - start < MIN_CHUNK_BYTES ? 0 : this.#chunker.nextCut(start, end);
  }
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
// Reading must not change access times where the system lets us: Linux gives that to owners and root only.
const O_NOATIME = constants.O_NOATIME ?? 0;

/** Opens a file for reading; a link or a pipe that took its place since it was listed is neither followed nor waited for. */
function openRegular(path: string): number {
  const target = fsPath(path);
  let file: number;
  try {
    file = openSync(target, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    file = openSync(target, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  }
  return file;
}

function readFully(file: number, into: Uint8Array, offset: number, length: number, position: number): number {
  let done = 0;
  while (done < length) {
    const read = readSync(file, into, offset + done, length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

function whatChanged(before: ExpectedFile, after: BigIntStats, bytes: number): string | undefined {
  if (after.ino !== before.inode) return "another file took its place while it was read";
  if (bytes !== before.size)
    return `it ${bytes > before.size ? "grew" : "shrank"} from ${before.size} to ${bytes} bytes while it was read`;
  if (after.mtimeNs !== before.mtimeNs) return "it was written to while it was read";
  return undefined;
}
