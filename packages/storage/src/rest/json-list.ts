/**
 * A long JSON array of small objects, read as it comes: a listing of a million files is never held as a whole. Text is cut
 * between two objects and parsed in lots.
 */
import { storageError } from "../errors.ts";

/** No file's entry is as long: without a bound, a server could fill the memory with one. */
const MAX_PENDING_CHARS = 16 * 1024 * 1024;
const BETWEEN = /\}\s*,\s*\{/g;

/**
 * Yields the elements of the array in lots. `null` is taken for an empty array, as Go writes it so.
 * @throws STORAGE_FAILED when it is no array of objects, or ends too early
 */
export async function* readJsonList(chunks: AsyncIterable<Uint8Array>, location: string): AsyncGenerator<unknown[]> {
  const decoder = new TextDecoder();
  let pending = "";
  let isStarted = false;
  const parse = (text: string): unknown[] | undefined => parseArray(isStarted ? `[${text}` : text);
  for await (const chunk of chunks) {
    pending += decoder.decode(chunk, { stream: true });
    const cut = lastCut(pending);
    const elements = cut === undefined ? undefined : parse(`${pending.slice(0, cut.end)}]`);
    // Where it does not parse, the cut was within a name; a later one will do.
    if (cut !== undefined && elements !== undefined) {
      isStarted = true;
      pending = pending.slice(cut.next);
      yield elements;
    }
    if (pending.length > MAX_PENDING_CHARS) throw noList(location);
  }
  const elements = parse(pending + decoder.decode());
  if (elements === undefined) throw noList(location);
  yield elements;
}

/** Where the last whole object ends, and where the next begins. */
function lastCut(text: string): { end: number; next: number } | undefined {
  // Only the end is searched: entries are short, and what is before the cut need not be looked at.
  const from = Math.max(0, text.length - 4096);
  let last: RegExpExecArray | undefined;
  BETWEEN.lastIndex = from;
  for (let match = BETWEEN.exec(text); match !== null; match = BETWEEN.exec(text)) last = match;
  if (last === undefined) return undefined;
  return { end: last.index + 1, next: last.index + last[0].length - 1 };
}

function parseArray(text: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (value === null) return [];
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function noList(location: string): Error {
  return storageError("STORAGE_FAILED", {
    location,
    reason: "the server's listing is not what restic's protocol says",
  });
}
