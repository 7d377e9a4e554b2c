/** One byte at a time: for what the planar form leaves over. */
import { feedback, outgoing, OVERFLOW_SHIFT } from "./scalar-tables";
import { mark } from "./marks";

const WINDOW: usize = 64;
const SPLIT_MASK: u64 = 0xfffff;

/**
 * Marks the candidates among the positions `block` + index + 1, for `count` indices from `first` on. Returns their
 * number.
 */
export function markScalar(block: usize, first: usize, count: usize): u32 {
  if (count == 0) return 0;
  const start = block + first;
  let digest: u64 = 0;
  for (let at = start - WINDOW; at < start; at++) digest = append(digest, load<u8>(at));
  let found: u32 = 0;
  for (let i: usize = 0; i < count; i++) {
    digest = append(digest, load<u8>(start + i)) ^ outgoing(load<u8>(start + i - WINDOW));
    if ((digest & SPLIT_MASK) == 0) {
      mark(first + i);
      found++;
    }
  }
  return found;
}

/** digest x^8 + byte (mod P) */
// @ts-ignore: decorator
@inline
function append(digest: u64, byte: u64): u64 {
  return ((digest << 8) | byte) ^ feedback(<usize>(digest >> OVERFLOW_SHIFT));
}
