/** Builds the JSON of a tree from encoded nodes, without ever holding it as one string. */

import { releaseBytes } from "../platform/release-bytes.ts";

const BEGIN = Buffer.from('{"nodes":[');
// Go's encoder ends every document with a newline, and restic keeps to it.
const END = Buffer.from("]}\n");
const COMMA = 0x2c;
const FIRST_CHUNK_BYTES = 8 * 1024;
const LARGEST_CHUNK_BYTES = 8 * 1024 * 1024;
/** Bytes that one unit of a string can need in UTF-8. */
const MAX_BYTES_PER_UNIT = 3;

/** Takes nodes in the order of their names' bytes; that order is the caller's duty. Use once. */
export class TreeEncoder {
  readonly #full: Uint8Array[] = [];
  #chunk = Buffer.allocUnsafeSlow(FIRST_CHUNK_BYTES);
  #used = BEGIN.copy(this.#chunk);
  #count = 0;

  /** Nodes appended so far. */
  get count(): number {
    return this.#count;
  }

  /** Appends a node as `encodeNode` returns it. */
  append(json: string): void {
    this.#reserve(json.length * MAX_BYTES_PER_UNIT + 1);
    if (this.#count++ > 0) this.#chunk[this.#used++] = COMMA;
    this.#used += this.#chunk.write(json, this.#used, "utf8");
  }

  /** The bytes of the tree. */
  finish(): Uint8Array {
    this.#reserve(END.length);
    this.#used += END.copy(this.#chunk, this.#used);
    const last = this.#chunk.subarray(0, this.#used);
    if (this.#full.length === 0) return last;
    const whole = Buffer.concat([...this.#full, last]);
    // A backup encodes a tree for every folder: parts left to the garbage collector would add up to tens of megabytes.
    for (const part of [...this.#full.splice(0), last]) releaseBytes(new Uint8Array(part.buffer));
    return whole;
  }

  #reserve(bytes: number): void {
    if (this.#chunk.length - this.#used >= bytes) return;
    this.#full.push(this.#chunk.subarray(0, this.#used));
    const size = Math.min(this.#chunk.length * 2, LARGEST_CHUNK_BYTES);
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(size, bytes));
    this.#used = 0;
  }
}
