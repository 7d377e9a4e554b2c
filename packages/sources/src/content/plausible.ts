/** Refuses output that is too small to be what it should be. */
import { sourcesError } from "../errors.ts";

/**
 * The same bytes; throws at their end when they were fewer than `leastBytes`, so that no snapshot is made of them.
 * @param source for messages
 * @throws SOURCES_EMPTY
 */
export async function* atLeast(
  content: AsyncIterable<Uint8Array>,
  leastBytes: number,
  source: string,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of content) {
    total += chunk.length;
    yield chunk;
  }
  if (total >= leastBytes) return;
  const bytes = (count: number): string => `${count} byte${count === 1 ? "" : "s"}`;
  throw sourcesError("SOURCES_EMPTY", { source, actual: bytes(total), expected: bytes(leastBytes) });
}
