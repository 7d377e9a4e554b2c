/**
 * Sees to it that an archive of mongodump is whole, as far as its ends tell: it begins with the number of its format, and ends with a
 * terminator (mongo-tools: common/archive/README).
 */

const MAGIC = Buffer.from([0x6d, 0xe2, 0x99, 0x81]);
const TERMINATOR = Buffer.from([0xff, 0xff, 0xff, 0xff]);

/** The same bytes. @param broken the error for what is none, from what is wrong */
export async function* wholeArchive(
  content: AsyncIterable<Uint8Array>,
  broken: (reason: string) => Error,
): AsyncGenerator<Uint8Array> {
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  for await (const piece of content) {
    if (head.length < MAGIC.length) {
      head = Buffer.concat([head, piece.subarray(0, MAGIC.length - head.length)]);
      if (!MAGIC.subarray(0, head.length).equals(head)) throw broken("what it printed is no archive of mongodump");
    }
    tail = Buffer.concat([tail, piece.subarray(-TERMINATOR.length)]).subarray(-TERMINATOR.length);
    yield piece;
  }
  if (head.length < MAGIC.length || !tail.equals(TERMINATOR)) throw broken("its archive is cut off");
}
