/** What a program printed last, of an output that may be long. */
import { StringDecoder } from "node:string_decoder";

/** So much of a line is kept. */
const MAX_CHARS = 500;

/** The last line that is not empty, without control characters, once the output has ended; empty when there was none. */
export async function lastLineOf(output: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new StringDecoder("utf8");
  let last = "";
  let line = "";
  const take = (text: string): void => {
    const [first = "", ...more] = text.split("\n");
    line = (line + first).slice(0, MAX_CHARS);
    for (const next of more) {
      if (line.trim() !== "") last = line;
      line = next.slice(0, MAX_CHARS);
    }
  };
  for await (const chunk of output) take(decoder.write(chunk));
  take(`${decoder.end()}\n`);
  return last.trim().replaceAll(/\p{C}/gu, " ");
}
