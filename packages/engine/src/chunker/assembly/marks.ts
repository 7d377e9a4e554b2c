/** The bitmap in which a scan marks candidates. A bitmap keeps them in order, whichever lane finds them first. */

/**
 * Positions of the largest block that is scanned at once: 16 lanes of 261 times 64. An odd number of times: if lanes
 * were multiples of 4096 long, all sixteen would fall into the same few sets of the processor's cache.
 */
export const MAX_BLOCK: usize = 267264;

/** Address of the bitmap. */
export const MARKS: usize = memory.data(33408, 64);

/** Marks the position with this index in the block. */
// @ts-ignore: decorator
@inline
export function mark(index: usize): void {
  const at = MARKS + (index >> 3);
  store<u8>(at, load<u8>(at) | <u8>(<u32>1 << <u32>(index & 7)));
}

/** Marks sixteen positions at once, bit i that with the index `first` + i. `first` is a multiple of 16. */
// @ts-ignore: decorator
@inline
export function markSixteen(first: usize, bits: i32): void {
  store<u16>(MARKS + (first >> 3), <u16>bits);
}
