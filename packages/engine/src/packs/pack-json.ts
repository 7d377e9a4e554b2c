/**
 * What an index file says of one pack, written byte by byte from the pack's entries: a pack of small files has tens of
 * thousands of blobs, and an object and some strings for each would take ten times the memory of the result.
 */
import type { BlobType, Id } from "../format/id.ts";

/** One entry of a pack: type, sealed length, plain length (0: not compressed), id. */
export const ENTRY_BYTES = 41;
/** Where the id stands in an entry. */
export const ENTRY_ID_AT = 9;

const HEX = Buffer.from("0123456789abcdef");
/** The longest that one blob can be: the fixed text, 64 digits, three numbers of up to 10 digits. */
const MAX_BLOB_BYTES = 180;

/** `{"id":…,"blobs":[…]}` as `encodeIndexFile` writes it. All blobs are of one type. */
export function encodePackJson(id: Id, type: BlobType, entries: Uint8Array): Uint8Array {
  const head = Buffer.from(`{"id":"${id}","blobs":[`, "latin1");
  const blobs = entries.length / ENTRY_BYTES;
  const writer = new Writer(head.length + blobs * MAX_BLOB_BYTES + 2);
  const texts = { type: Buffer.from(`","type":"${type}","offset":`, "latin1") };
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  writer.text(head);
  for (let at = 0, offset = 0; at < entries.length; at += ENTRY_BYTES) {
    const lengthBytes = view.getUint32(at + 1, true);
    const uncompressedBytes = view.getUint32(at + 5, true);
    writer.text(at === 0 ? FIRST : NEXT);
    writer.hex(entries, at + ENTRY_ID_AT);
    writer.text(texts.type);
    writer.number(offset);
    writer.text(LENGTH);
    writer.number(lengthBytes);
    if (uncompressedBytes > 0) {
      writer.text(UNCOMPRESSED);
      writer.number(uncompressedBytes);
    }
    writer.text(END);
    offset += lengthBytes;
  }
  writer.text(TAIL);
  return writer.written();
}

const FIRST = Buffer.from('{"id":"');
const NEXT = Buffer.from(',{"id":"');
const LENGTH = Buffer.from(',"length":');
const UNCOMPRESSED = Buffer.from(',"uncompressed_length":');
const END = Buffer.from("}");
const TAIL = Buffer.from("]}");

class Writer {
  readonly #out: Uint8Array<ArrayBuffer>;
  readonly #digits = new Uint8Array(10);
  #at = 0;

  constructor(bytes: number) {
    this.#out = new Uint8Array(bytes);
  }

  text(text: Uint8Array): void {
    for (let n = 0; n < text.length; n++) this.#out[this.#at++] = text[n] as number;
  }

  hex(bytes: Uint8Array, from: number): void {
    for (let n = from; n < from + 32; n++) {
      const byte = bytes[n] as number;
      this.#out[this.#at++] = HEX[byte >>> 4] as number;
      this.#out[this.#at++] = HEX[byte & 15] as number;
    }
  }

  /** An integer from 0 to 2^32 - 1. */
  number(value: number): void {
    let count = 0;
    for (let rest = value; rest > 0 || count === 0; rest = Math.floor(rest / 10))
      this.#digits[count++] = 48 + (rest % 10);
    while (count > 0) this.#out[this.#at++] = this.#digits[--count] as number;
  }

  /** Without the room that was not needed. The writer cannot be used any more. */
  written(): Uint8Array {
    return new Uint8Array(this.#out.buffer.transfer(this.#at));
  }
}
