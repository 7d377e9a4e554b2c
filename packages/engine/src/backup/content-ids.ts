/** Which blobs a content would be stored as. */
import { Chunker } from "../chunker/chunker.ts";
import { type Id, idOf } from "../format/id.ts";
import { CutBuffer, STREAM_BUFFER_BYTES } from "./cut-buffer.ts";

/**
 * The ids of the blobs that a file with this content has in a repository with this polynomial, when a backup stores it; nothing is
 * stored. Another program may cut elsewhere: other ids do not mean another content. Throws what the content throws.
 */
export async function contentIds(polynomial: bigint, content: AsyncIterable<Uint8Array>): Promise<Id[]> {
  const cutter = new CutBuffer(new Chunker(polynomial, STREAM_BUFFER_BYTES));
  const ids: Id[] = [];
  for await (const piece of content) for (const chunk of cutter.add(piece)) ids.push(idOf(chunk));
  for (const chunk of cutter.cut()) ids.push(idOf(chunk));
  const rest = cutter.takeRest();
  if (rest.length > 0) ids.push(idOf(rest));
  return ids;
}
