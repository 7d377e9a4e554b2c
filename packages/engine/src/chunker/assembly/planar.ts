/**
 * Sixteen digests at a time.
 *
 * A digest depends on the last 64 bytes only, so a block can be scanned in independent lanes: lane k covers the k-th
 * sixteenth of the block and warms up on the 64 bytes before it. The sixteen digests are kept as seven byte planes:
 * vector p_j holds byte j (bits 8j to 8j+7) of every lane's digest. Then
 *
 *     d' = d x^8 + b + o x^512   (mod P)
 *
 * becomes, with F and O the halves of the tables in planar-tables.ts:
 *
 *     p'_j = p_(j-1) + F1_j[n1] + F2_j[n2] + O1_j[o1] + O2_j[o2]        p_(-1) = the sixteen new bytes
 *
 * The shift by a byte is a mere renaming; reduction and outgoing byte are four swizzles a plane, 28 for 16 bytes. The
 * tables clear the bits above the 53rd, so digests are always fully reduced and the test of the low 20 bits reads
 * planes 0, 1 and 2 as they are. Input is transposed 16 x 16; a ring of 128 rows keeps the last 64 for the outgoing
 * bytes.
 */
import { lookUp } from "./planar-tables";
import { transpose } from "./transpose";
import { markSixteen } from "./marks";

/** Lanes of a vector of bytes. */
export const LANES: usize = 16;

const WINDOW: isize = 64;
/** Rows of one transposition. */
const ROWS: usize = 16;
const RING: usize = memory.data(2048, 64);
/** One row a step: lanes that are zero have a digest with its low 20 bits clear. */
const REMAINDERS: usize = memory.data(256, 64);
/** The same, transposed: one row a lane. */
const BY_LANE: usize = memory.data(256, 64);

/**
 * Masks of 16 bytes. Loaded, they stay in registers; literals are built anew at every use by V8 14, which costs a
 * tenth.
 */
const FIFTEENS: usize = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);
const SEVENS: usize = memory.data<u8>([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7], 16);
const EIGHTS: usize = memory.data<u8>([8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8], 16);

/**
 * Marks the candidates among the positions `block` + index + 1 for the indices below 16 `lane`. `lane` is a multiple
 * of 16. Returns their number.
 */
export function markPlanar(block: usize, lane: usize): u32 {
  const fifteen = v128.load(FIFTEENS), seven = v128.load(SEVENS), eight = v128.load(EIGHTS);
  let p0 = i8x16.splat(0);
  let p1 = p0, p2 = p0, p3 = p0, p4 = p0, p5 = p0, p6 = p0;
  let found: u32 = 0;
  // The warm-up starts from digest zero with nothing to remove.
  memory.fill(RING, 0, 2048);
  for (let at = -WINDOW; at < <isize>lane; at += ROWS) {
    const slot = (<usize>at & 112) * ROWS;
    const incoming = RING + slot;
    // 64 rows earlier
    const outgoing = RING + (slot ^ 1024);
    transpose(block + at, lane, incoming);
    let least = i8x16.splat(-1);
    for (let row: usize = 0; row < 256; row += 16) {
      // Bytes cannot be shifted; 16 bits can, when what comes from the neighbour is masked off.
      const n1 = v128.and(p6, fifteen);
      const n2 = v128.or(v128.and(i16x8.shr_u(p5, 5), seven), v128.and(i16x8.shr_u(p6, 1), eight));
      const leaving = v128.load(outgoing + row);
      const o1 = v128.and(leaving, fifteen);
      const o2 = v128.and(i16x8.shr_u(leaving, 4), fifteen);
      p6 = step(6, p5, n1, n2, o1, o2);
      p5 = step(5, p4, n1, n2, o1, o2);
      p4 = step(4, p3, n1, n2, o1, o2);
      p3 = step(3, p2, n1, n2, o1, o2);
      p2 = step(2, p1, n1, n2, o1, o2);
      p1 = step(1, p0, n1, n2, o1, o2);
      p0 = step(0, v128.load(incoming + row), n1, n2, o1, o2);
      const lowTwenty = v128.or(v128.or(p0, p1), v128.and(p2, fifteen));
      v128.store(REMAINDERS + row, lowTwenty);
      least = i8x16.min_u(least, lowTwenty);
    }
    if (at >= 0 && !i8x16.all_true(least)) found += markRows(<usize>at, lane);
  }
  return found;
}

/** The new plane `j`: `below` is the plane that moves up into it. */
// @ts-ignore: decorator
@inline
function step(j: usize, below: v128, n1: v128, n2: v128, o1: v128, o2: v128): v128 {
  const removed = v128.xor(lookUp(j, 2, o1), lookUp(j, 3, o2));
  const reduced = v128.xor(lookUp(j, 0, n1), lookUp(j, 1, n2));
  return v128.xor(v128.xor(below, removed), reduced);
}

/**
 * Marks the zero bytes of the sixteen rows of REMAINDERS, whose first row is index `at` of each lane. Transposed
 * again, they are sixteen consecutive positions a lane. Returns their number.
 */
function markRows(at: usize, lane: usize): u32 {
  transpose(REMAINDERS, LANES, BY_LANE);
  let found: u32 = 0;
  for (let k: usize = 0; k < LANES; k++) {
    const zeros = i8x16.bitmask(i8x16.eq(v128.load(BY_LANE + k * ROWS), i8x16.splat(0)));
    if (zeros == 0) continue;
    markSixteen(k * lane + at, zeros);
    found += popcnt(zeros);
  }
  return found;
}
