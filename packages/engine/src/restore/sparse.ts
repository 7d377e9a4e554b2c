/** Writing with holes: long runs of zero bytes take no space on disk. */
import { writeSync } from "node:fs";

/** Size and alignment of what may become a hole; file systems allocate at least this much. */
const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/**
 * Writes `bytes` at `offset` of a file whose content there is zeros already, leaving out whole blocks of zeros. The caller sets
 * the file's size, since a hole at its end writes nothing.
 */
export function writeSparse(file: number, bytes: Uint8Array, offset: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let from = 0;
  let at = 0;
  while (at < buffer.length) {
    const end = Math.min(buffer.length, at + BLOCK_BYTES - ((offset + at) % BLOCK_BYTES));
    const isHole = buffer.compare(ZEROS, 0, end - at, at, end) === 0;
    if (isHole) {
      writeAll(file, buffer, from, at, offset);
      from = end;
    }
    at = end;
  }
  writeAll(file, buffer, from, at, offset);
}

function writeAll(file: number, buffer: Buffer, from: number, to: number, offset: number): void {
  for (let at = from; at < to;) at += writeSync(file, buffer, at, to - at, offset + at);
}
