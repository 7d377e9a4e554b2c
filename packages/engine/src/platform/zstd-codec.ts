/** What both ways to zstd offer, and the settings in which they must agree. */

/** Compression and decompression in one call. */
export interface ZstdCodec {
  /**
   * Compresses into `out`, which holds at least `compressBound(plain.length)`, as one frame with the content size and
   * without a checksum (authentication codes and hashes protect all that is stored). Returns the bytes written.
   */
  compress(level: number, plain: Uint8Array, out: Uint8Array): number;
  /** Decompresses all frames into `out`. Returns the bytes written, or the reason why it does not fit or is damaged. */
  decompress(compressed: Uint8Array, out: Uint8Array): number | string;
}

/**
 * From this level on zstd's own choice of window would cost 80 MiB of memory a thread; below, it stays under 11 MiB.
 */
export const LARGE_WINDOW_LEVEL = 10;
/** Largest window of those levels, a power of two: 2 MiB, which bounds memory to 33 MiB a thread. */
export const WINDOW_LOG_MAX = 21;

/** Most bytes that compressing `plainBytes` can give (zstd.h, ZSTD_COMPRESSBOUND). */
export function compressBound(plainBytes: number): number {
  const small = 128 * 1024;
  return plainBytes + Math.floor(plainBytes / 256) + (plainBytes < small ? Math.floor((small - plainBytes) / 2048) : 0);
}
