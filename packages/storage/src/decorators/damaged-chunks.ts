/** Streams with planned damage. */
import type { Fault } from "./faults.ts";

/**
 * The chunks of a stream of `sizeBytes`, cut, with a flipped bit, or failing after half of them, as `fault` says. Never changes
 * the chunks themselves. The error of a planned failure is made by `failure`.
 */
export async function* damaged(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  sizeBytes: number,
  fault: Fault | undefined,
  failure: () => Error,
): AsyncGenerator<Uint8Array> {
  const isCut = fault?.kind === "truncate" || (fault?.kind === "fail" && fault.when === "middle");
  const keep = fault?.kind === "truncate" ? fault.keepBytes : isCut ? Math.floor(sizeBytes / 2) : sizeBytes;
  let offset = 0;
  for await (const chunk of chunks) {
    const kept = isCut ? chunk.subarray(0, Math.max(0, keep - offset)) : chunk;
    if (kept.length > 0)
      yield fault?.kind === "flip" ? withFlippedBit(kept, offset, fault.bit % (sizeBytes * 8)) : kept;
    offset += chunk.length;
    if (isCut && offset >= keep) break;
  }
  if (fault?.kind === "fail" && fault.when === "middle") throw failure();
}

/** A copy of `chunk`, which starts at `offset` of its stream, with bit `bit` of the stream flipped if it lies within. */
function withFlippedBit(chunk: Uint8Array, offset: number, bit: number): Uint8Array {
  const at = Math.floor(bit / 8) - offset;
  const old = chunk[at];
  if (old === undefined) return chunk;
  const copy = chunk.slice();
  copy[at] = old ^ (1 << (bit % 8));
  return copy;
}
