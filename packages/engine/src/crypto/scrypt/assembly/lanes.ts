/**
 * ROMix of scrypt (RFC 7914, section 5) on two lanes, in AssemblyScript: what the WebAssembly module exports. `../lanes.ts`
 * is its only caller.
 *
 * Memory from `laneStart()` on, with S = 128 r bytes: the two lanes, S each; six areas of S; the two tables, N S each.
 * Nothing here is called for long: an engine that first compiles quickly and then well only changes over between calls.
 */
import { mixTwo } from "./salsa";

/** Areas of S bytes before the tables: two lanes, zeros, and for each lane two that take turns; one to spare. */
const AREAS: usize = 8;

/** Address of the first lane; the second lies right behind it. */
export function laneStart(): usize {
  return (__heap_base + 63) & ~(<usize>63);
}

/** How far the memory must reach beyond `laneStart()`. */
export function memoryBytes(r: usize, n: usize): usize {
  return (r << 7) * (AREAS + 2 * n);
}

/** Replaces both lanes by what ROMix makes of them. `n` is a power of two above 1. */
export function romix(r: usize, n: u32): void {
  const size = r << 7;
  const lane = laneStart();
  const zeros = lane + 2 * size;
  const a = zeros + size, b = a + 2 * size;
  const tableA = lane + AREAS * size, tableB = tableA + <usize>n * size;
  memory.fill(zeros, 0, size);
  toDiagonals(lane, tableA, 2 * r);
  toDiagonals(lane + size, tableB, 2 * r);
  for (let i: u32 = 1; i < n; i++) {
    const before = <usize>(i - 1) * size, at = <usize>i * size;
    mixTwo(r, tableA + before, zeros, tableA + at, tableB + before, zeros, tableB + at);
  }
  const end = <usize>(n - 1) * size;
  mixTwo(r, tableA + end, zeros, a, tableB + end, zeros, b);
  const mask = n - 1;
  for (let i: u32 = 0; i < n; i += 2) {
    mixTwo(r, a, pick(tableA, a, r, mask), a + size, b, pick(tableB, b, r, mask), b + size);
    mixTwo(r, a + size, pick(tableA, a + size, r, mask), a, b + size, pick(tableB, b + size, r, mask), b);
  }
  fromDiagonals(a, lane, 2 * r);
  fromDiagonals(b, lane + size, 2 * r);
}

/** Overwrites everything that came from the password. */
export function wipe(r: usize, n: usize): void {
  memory.fill(laneStart(), 0, memoryBytes(r, n));
}

/** Integerify: the first word of the last block says which entry of the table comes next. */
// @ts-ignore: decorator
@inline
function pick(table: usize, from: usize, r: usize, mask: u32): usize {
  return table + <usize>(load<u32>(from + ((2 * r - 1) << 6)) & mask) * (r << 7);
}

function toDiagonals(from: usize, to: usize, blocks: usize): void {
  for (let at: usize = 0; at < blocks << 6; at += 64) {
    for (let i: usize = 0; i < 16; i++) store<u32>(to + at + (i << 2), load<u32>(from + at + (((5 * i) & 15) << 2)));
  }
}

function fromDiagonals(from: usize, to: usize, blocks: usize): void {
  for (let at: usize = 0; at < blocks << 6; at += 64) {
    for (let i: usize = 0; i < 16; i++) store<u32>(to + at + (((5 * i) & 15) << 2), load<u32>(from + at + (i << 2)));
  }
}
