/** Is a stored file what somebody wanted to store? Needed where an answer got lost, and where nothing may be replaced. */
import type { Backend, ByteSource, CallOptions, FileKey } from "./backend.ts";

/**
 * Compares a stored file with a body, byte by byte: equal sizes prove nothing for `config`, whose content is not its name and
 * has the same length in many repositories. A missing file is not the same. Costs one download when the sizes agree.
 * @throws what `Backend.stat` and `Backend.load` throw
 */
export async function hasSameContent(
  backend: Backend,
  key: FileKey,
  body: ByteSource,
  { signal }: CallOptions,
): Promise<boolean> {
  const stored = await backend.stat(key, { signal });
  if (stored === undefined || stored.sizeBytes !== body.sizeBytes) return false;
  return backend.load(key, undefined, (chunks) => equalsBody(chunks, body), { signal });
}

async function equalsBody(chunks: AsyncIterable<Uint8Array>, body: ByteSource): Promise<boolean> {
  const parts = eachPart(body);
  let part: Uint8Array = new Uint8Array(0);
  let used = 0;
  let compared = 0;
  try {
    for await (const chunk of chunks) {
      for (let offset = 0; offset < chunk.length;) {
        while (used === part.length) {
          const next = await parts.next();
          if (next.done === true) return false;
          part = next.value;
          used = 0;
        }
        const length = Math.min(chunk.length - offset, part.length - used);
        if (Buffer.compare(chunk.subarray(offset, offset + length), part.subarray(used, used + length)) !== 0)
          return false;
        offset += length;
        used += length;
        compared += length;
      }
    }
    return compared === body.sizeBytes;
  } finally {
    await parts.return(undefined);
  }
}

async function* eachPart(body: ByteSource): AsyncGenerator<Uint8Array, undefined> {
  yield* body.open();
}
