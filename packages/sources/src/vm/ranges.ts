/** Stretches of a disk. */
import type { ByteRange } from "@holdfast/engine";

/** So close together they count as one. */
const LEAST_GAP_BYTES = 64 * 1024;

/** What lies in any of these, in order. @param gapBytes stretches that are not further apart become one */
export function joinedRanges(ranges: readonly ByteRange[], gapBytes = 0): ByteRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && start - last.end <= gapBytes) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

/** At most so many stretches that have all of these in them, by closing the smaller gaps. */
export function fewRanges(ranges: readonly ByteRange[], most: number): ByteRange[] {
  let few = joinedRanges(ranges);
  for (let gapBytes = LEAST_GAP_BYTES; few.length > most; gapBytes *= 2) few = joinedRanges(few, gapBytes);
  return few;
}
