/** Which blobs a content would be stored as. */
import { type Id, idOf } from "../format/id.ts";
import { StreamCutter } from "./cut-stream.ts";

/**
 * The ids of the blobs that a file with this content has in a repository with this polynomial, when a backup stores it; nothing is
 * stored. Another program may cut elsewhere: other ids do not mean another content. Throws what the content throws.
 */
export async function contentIds(polynomial: bigint, content: AsyncIterable<Uint8Array>): Promise<Id[]> {
  const ids: Id[] = [];
  for await (const chunk of new StreamCutter(polynomial).chunks(content)) ids.push(idOf(chunk));
  return ids;
}
