/**
 * The search for cut positions, in AssemblyScript: what the WebAssembly module exports. `../chunker.ts` is its only
 * caller.
 *
 * All offsets are addresses in the module's memory. The input area starts at `inputStart()` and reaches to the end of
 * the memory, which the caller has grown to the size it needs; everything below is static.
 */
import { markScalar } from "./scalar";
import { LANES, markPlanar } from "./planar";
import { fillPlanarTables } from "./planar-tables";
import { fillScalarTables } from "./scalar-tables";
import { MARKS, MAX_BLOCK } from "./marks";

/** Lanes shorter than this cost more to warm up than they save. */
const MIN_LANE: usize = 32;

/** Address of the first byte of the input area. */
export function inputStart(): usize {
  return (__heap_base + 63) & ~(<usize>63);
}

/** Address of the bitmap of candidates: one bit a position, lowest bit first. */
export function marksStart(): usize {
  return MARKS;
}

/** The largest number of positions that one `scan` may cover. */
export function maxBlock(): usize {
  return MAX_BLOCK;
}

/** Derives all tables from the polynomial (degree 53). Must come before the first `scan`. */
export function configure(polynomial: u64): void {
  fillScalarTables(polynomial);
  fillPlanarTables();
}

/**
 * Marks every position c with `from` < c <= `to` whose digest has its low 20 bits clear: bit c - from - 1 of the
 * bitmap, which must be clear before. Returns how many there are. The 64 bytes before `from` are read too.
 */
export function scan(from: usize, to: usize): u32 {
  const lane = ((to - from) / LANES) & ~(<usize>15);
  if (lane < MIN_LANE) return markScalar(from, 0, to - from);
  const planar = lane * LANES;
  return markPlanar(from, lane) + markScalar(from, planar, to - from - planar);
}
