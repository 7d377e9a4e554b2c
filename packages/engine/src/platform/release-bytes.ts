/** Frees large byte arrays at once. Otherwise they wait for a garbage collection, which megabytes outside of the heap hardly hasten. */

/** Below this it does not matter, and small buffers may be parts of a pool that others use. */
const RELEASED_FROM_BYTES = 64 * 1024;

/** Gives back the memory of bytes that nobody uses any more; they are empty afterwards. Parts of a larger buffer are left alone. */
export function releaseBytes(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  if (!(buffer instanceof ArrayBuffer) || byteLength < RELEASED_FROM_BYTES || byteLength !== buffer.byteLength) return;
  // The new buffer takes over the memory, all but nothing of it.
  buffer.transfer(0);
}
