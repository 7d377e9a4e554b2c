/** Which chunks of a file's former content still hold, and what must be read again. */
import type { Id } from "../format/id.ts";
import type { ByteRange } from "./given-entries.ts";

export interface FormerChunk {
  readonly id: Id;
  readonly sizeBytes: number;
}

/** In the order of the file. No two steps of a kind follow each other. */
export type SpliceStep =
  | { readonly kind: "keep"; readonly chunks: FormerChunk[] }
  | { readonly kind: "read"; start: number; end: number };

/**
 * A chunk holds when no changed range touches it, and when what ended it still ends it: the file's last one does not when the file
 * has grown. All else is read, from the beginning of a former chunk to the end of one.
 * @param sizeBytes of the file now
 * @throws RangeError for a range that is none
 */
export function planSplice(
  former: readonly FormerChunk[],
  sizeBytes: number,
  changed: readonly ByteRange[],
): SpliceStep[] {
  const formerBytes = former.reduce((sum, chunk) => sum + chunk.sizeBytes, 0);
  const ranges = inOrder(changed);
  const steps: SpliceStep[] = [];
  const read = (start: number, end: number): void => {
    const last = steps.at(-1);
    if (last?.kind === "read") last.end = end;
    else steps.push({ kind: "read", start, end });
  };
  let at = 0;
  let next = 0;
  for (const chunk of former) {
    if (at >= sizeBytes) break;
    const end = at + chunk.sizeBytes;
    while (next < ranges.length && (ranges[next] as ByteRange).end <= at) next++;
    const isTouched = next < ranges.length && (ranges[next] as ByteRange).start < end;
    const isCut = end > sizeBytes || (end === formerBytes && sizeBytes > formerBytes);
    if (isTouched || isCut) read(at, Math.min(end, sizeBytes));
    else {
      const last = steps.at(-1);
      if (last?.kind === "keep") last.chunks.push(chunk);
      else steps.push({ kind: "keep", chunks: [chunk] });
    }
    at = end;
  }
  if (at < sizeBytes) read(at, sizeBytes);
  return steps;
}

/** By their beginnings, and none beginning before the end of the one before: so the search needs to look at one only. */
function inOrder(changed: readonly ByteRange[]): ByteRange[] {
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of changed.toSorted((a, b) => a.start - b.start)) {
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
      throw new RangeError(`${start} to ${end} is no range of a file`);
    }
    if (end === start) continue;
    const last = merged.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}
