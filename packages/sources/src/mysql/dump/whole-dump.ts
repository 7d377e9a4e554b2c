/** Takes a dump of one thing only when it is whole. */
import { sourcesError } from "../../errors.ts";
import { END, isSandboxMark } from "./dump-scanner.ts";

const NEWLINE = 10;
/** A first line that is longer is none that we would take away. */
const MAX_FIRST_BYTES = 4096;
/** The end stands in so many of the last bytes. */
const KEPT_BYTES = 64;

/** The same bytes, without what older clients stumble over. @throws SOURCES_TOOL_FAILED at the end, when that is not the dump's own */
export async function* wholeDump(
  dump: AsyncIterable<Uint8Array>,
  { tool, source }: { readonly tool: string; readonly source: string },
): AsyncGenerator<Uint8Array> {
  let first: Buffer | undefined = Buffer.alloc(0);
  let last = Buffer.alloc(0);
  for await (const chunk of dump) {
    last = Buffer.concat([last, chunk.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES);
    if (first === undefined) {
      yield chunk;
      continue;
    }
    first = Buffer.concat([first, chunk]);
    const end = first.indexOf(NEWLINE);
    if (end === -1 && first.length < MAX_FIRST_BYTES) continue;
    yield isSandboxMark(first.toString("latin1", 0, 32)) ? first.subarray(end + 1) : first;
    first = undefined;
  }
  if (last.toString("latin1").includes(END)) return;
  throw sourcesError("SOURCES_TOOL_FAILED", { tool, source, reason: "the dump breaks off" });
}
