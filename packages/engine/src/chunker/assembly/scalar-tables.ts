/**
 * Tables of the byte-at-a-time form, from which those of the planar form are taken.
 *
 * A byte string is read as a polynomial over GF(2), first byte highest; its digest is that polynomial modulo P, of
 * degree 53. With d the digest of the last 64 bytes, the next byte b, and o the byte that leaves the window:
 *
 *     d' = d x^8 + b + o x^512   (mod P)
 *
 * d x^8 has eight bits t too many (positions 53 to 60). FEEDBACK[t] cancels them and adds t x^53 mod P instead;
 * OUTGOING[o] is o x^512 mod P.
 */

/** The digest has 53 bits; the eight highest overflow when a byte is appended. */
export const OVERFLOW_SHIFT: u64 = 45;

const DEGREE: u64 = 53;
const WINDOW_BITS: i32 = 512;
const FEEDBACK: usize = memory.data(2048, 64);
const OUTGOING: usize = memory.data(2048, 64);

/** t x^53 + (t x^53 mod P), for the overflow t. */
// @ts-ignore: decorator
@inline
export function feedback(t: usize): u64 {
  return load<u64>(FEEDBACK + (t << 3));
}

/** o x^512 mod P, for the byte o that leaves the window. */
// @ts-ignore: decorator
@inline
export function outgoing(o: usize): u64 {
  return load<u64>(OUTGOING + (o << 3));
}

/** Fills both tables for the polynomial P. */
export function fillScalarTables(polynomial: u64): void {
  for (let value: u64 = 0; value < 256; value++) {
    const at = <usize>value << 3;
    store<u64>(FEEDBACK + at, (value << DEGREE) ^ timesPower(value, <i32>DEGREE, polynomial));
    store<u64>(OUTGOING + at, timesPower(value, WINDOW_BITS, polynomial));
  }
}

/** value x^power mod P, for a value of degree below 53. */
function timesPower(value: u64, power: i32, polynomial: u64): u64 {
  for (let i = 0; i < power; i++) {
    value <<= 1;
    if ((value >> DEGREE) & 1) value ^= polynomial;
  }
  return value;
}
