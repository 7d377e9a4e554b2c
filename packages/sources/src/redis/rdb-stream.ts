/**
 * An RDB file as `redis-cli --rdb -` gives it: examined while it passes, and without what the tool leaves behind it.
 *
 * A server that sends its data without a file of its own ends it with a mark of 40 characters. redis-cli cuts the mark off a file again, which it
 * cannot do on a pipe.
 */
import { Crc64 } from "./crc64.ts";

const MARK_BYTES = 40;
const CHECKSUM_BYTES = 8;
/** The last opcode, and the checksum. */
const END_BYTES = 1 + CHECKSUM_BYTES;
const END_OPCODE = 0xff;
const AUX_OPCODE = 0xfa;
/** Facts of the server stand at the very beginning. */
const HEAD_BYTES = 4096;

/** What an RDB file says of itself. */
export interface RdbFacts {
  /** `REDIS0010`. */
  readonly magic: string;
  /** `redis-ver`, `ctime`, `repl-id`, `repl-offset` …, as far as the server has written them. */
  readonly aux: Readonly<Record<string, string>>;
  /** Whether its checksum was compared; servers may be told to write none. */
  readonly hasChecksum: boolean;
}

/**
 * The same bytes without the mark.
 * @param onEnd called once it is whole
 * @param broken makes the error for what is no whole file, by the reason
 * @throws what `broken` makes
 */
export async function* wholeRdb(
  content: AsyncIterable<Uint8Array>,
  { onEnd, broken }: { onEnd: (facts: RdbFacts) => void; broken: (reason: string) => Error },
): AsyncGenerator<Uint8Array> {
  const crc = new Crc64();
  let [head, tail] = [Buffer.alloc(0), Buffer.alloc(0)];
  for await (const chunk of content) {
    if (head.length < HEAD_BYTES) {
      head = Buffer.concat([head, chunk]).subarray(0, HEAD_BYTES);
      if (head.length >= 9) requireMagic(head, broken);
    }
    const all = Buffer.concat([tail, chunk]);
    const passed = all.subarray(0, Math.max(0, all.length - END_BYTES - MARK_BYTES));
    tail = all.subarray(passed.length);
    crc.update(passed);
    if (passed.length > 0) yield passed;
  }
  const magic = requireMagic(head, broken);
  const ending = endingOf(tail, crc);
  if (ending === undefined) throw broken("it ends in the middle, or its checksum is wrong");
  yield ending.rest;
  onEnd({ magic, aux: auxOf(head), hasChecksum: ending.hasChecksum });
}

function requireMagic(head: Buffer, broken: (reason: string) => Error): string {
  const magic = head.toString("latin1", 0, 9);
  if (/^(REDIS\d{4}|VALKEY\d{3})$/.test(magic)) return magic;
  throw broken("it is no RDB file");
}

function endingOf(tail: Buffer, crc: Crc64): { rest: Buffer; hasChecksum: boolean } | undefined {
  for (const cut of [0, MARK_BYTES]) {
    const rest = tail.subarray(0, Math.max(0, tail.length - cut));
    if (rest.length < END_BYTES || rest[rest.length - END_BYTES] !== END_OPCODE) continue;
    if (cut > 0 && !/^[0-9a-f]{40}$/.test(tail.toString("latin1", rest.length))) continue;
    const checksum = rest.readBigUInt64LE(rest.length - CHECKSUM_BYTES);
    if (checksum === 0n) return { rest, hasChecksum: false };
    if (crc.copy().update(rest.subarray(0, -CHECKSUM_BYTES)).value === checksum) return { rest, hasChecksum: true };
  }
  return undefined;
}

/** The facts at the beginning: pairs of strings, behind an opcode each. Ends at whatever else there is. */
function auxOf(head: Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  let at = 9;
  while (head[at] === AUX_OPCODE) {
    const name = stringAt(head, at + 1);
    const value = name === undefined ? undefined : stringAt(head, name.next);
    if (name === undefined || value === undefined) break;
    found[name.text] = value.text;
    at = value.next;
  }
  return found;
}

/** Strings are short here: their length is one byte, or two; numbers are written as such. */
function stringAt(bytes: Buffer, at: number): { text: string; next: number } | undefined {
  const first = bytes[at];
  if (first === undefined || at + 5 > bytes.length) return undefined;
  switch (first) {
    case 0xc0:
      return { text: String(bytes.readInt8(at + 1)), next: at + 2 };
    case 0xc1:
      return { text: String(bytes.readInt16LE(at + 1)), next: at + 3 };
    case 0xc2:
      return { text: String(bytes.readInt32LE(at + 1)), next: at + 5 };
  }
  if (first >= 0x80) return undefined;
  const [length, begin] = first < 0x40 ? [first, at + 1] : [((first & 0x3f) << 8) | (bytes[at + 1] as number), at + 2];
  if (begin + length > bytes.length) return undefined;
  return { text: bytes.toString("utf8", begin, begin + length), next: begin + length };
}
