/**
 * Memory for bodies on their way, which is used again. Fresh memory for each piece would have to be zeroed by the system, and would
 * make the garbage collector run several times a second, which costs more than all copies and hashes together.
 */

/** How much is read from, or written to, a file at once. A call costs some 40 µs, in which half of this can be copied. */
export const BLOCK_BYTES = 512 * 1024;
/** What stays for the next request; anything beyond is left to the garbage collector. */
const KEPT_BLOCKS = 128;

const kept: Buffer[] = [];

/**
 * With whatever is in it. Only full blocks are used again, and lie in shared memory, where another thread can hash them: a small
 * body must not hold a large one.
 */
export function takeBlock(bytes = BLOCK_BYTES): Buffer {
  if (bytes !== BLOCK_BYTES) return Buffer.allocUnsafeSlow(bytes);
  return kept.pop() ?? Buffer.from(new SharedArrayBuffer(BLOCK_BYTES));
}

/** For the next one to take. Nobody may read or write it any more, other threads and the system included: who is not sure just drops it. */
export function giveBlock(block: Buffer): void {
  if (block.length === BLOCK_BYTES && kept.length < KEPT_BLOCKS) kept.push(block);
}
