/**
 * Nibble tables of the planar form (see planar.ts).
 *
 * FEEDBACK and OUTGOING are linear: the entry of a byte is the sum of the entries of its two halves. A half has 16
 * values, so byte j of all entries fits one vector, and one swizzle looks up 16 lanes at once. Each of the 7 byte
 * planes has four such vectors: two halves of the overflow, two of the outgoing byte.
 *
 * The overflow t are bits 45 to 52 of the digest: bits 5 to 7 of plane 5 and bits 0 to 4 of plane 6. Any split into
 * four and four bits will do, so the one that is cheapest to cut out is taken: bits 0 to 3 of plane 6 (bits 3 to 6 of
 * t), and the three of plane 5 with bit 4 of plane 6 (bits 0 to 2 and 7 of t).
 */
import { feedback, outgoing } from "./scalar-tables";

/** Byte planes of a digest: 53 bits. */
export const PLANES: usize = 7;

const TABLES: usize = memory.data(448, 64);

/**
 * What the half `nibble` adds to `plane`, in all lanes. Both must be below 16, where relaxed and plain swizzle agree.
 */
// @ts-ignore: decorator
@inline
export function lookUp(plane: usize, half: usize, nibble: v128): v128 {
  return i8x16.relaxed_swizzle(v128.load(TABLES + plane * 64 + half * 16), nibble);
}

/** Takes the planar tables from those of the byte-at-a-time form. */
export function fillPlanarTables(): void {
  for (let nibble: usize = 0; nibble < 16; nibble++) {
    storeHalf(0, nibble, feedback(nibble << 3));
    storeHalf(1, nibble, feedback((nibble & 7) | ((nibble & 8) << 4)));
    storeHalf(2, nibble, outgoing(nibble));
    storeHalf(3, nibble, outgoing(nibble << 4));
  }
}

function storeHalf(half: usize, nibble: usize, entry: u64): void {
  for (let plane: usize = 0; plane < PLANES; plane++) {
    store<u8>(TABLES + plane * 64 + half * 16 + nibble, <u8>(entry >> (<u64>plane * 8)));
  }
}
