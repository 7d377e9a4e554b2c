/**
 * Ids: the SHA-256 of a stored file or of a blob's plain text, as 64 lower-case hex digits (restic: doc/design.rst,
 * "Repository Format"). Hot paths keep 32 raw bytes instead of the text.
 */
import { hash } from "node:crypto";

import { engineError } from "../errors.ts";

declare const brand: unique symbol;

/** 64 lower-case hex digits. Only `parseId`, `idOf` and `idFromBytes` make one. */
export type Id = string & { readonly [brand]: "Id" };

/** What a blob holds: a piece of a file, or the JSON of one folder. */
export type BlobType = "data" | "tree";

/** Bytes of a raw id. */
export const ID_BYTES = 32;

const NO_DIGIT = 0xff;
/** Values of the characters that are lower-case hex digits. */
const NIBBLES = new Uint8Array(128).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) NIBBLES[value.toString(16).charCodeAt(0)] = value;

/** True when `text` is 64 lower-case hex digits. */
export function isId(text: string): text is Id {
  if (text.length !== 2 * ID_BYTES) return false;
  // A third of the time that a regular expression takes; trees hold an id for every chunk of every file.
  for (let index = 0; index < 2 * ID_BYTES; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f || NIBBLES[code] === NO_DIGIT) return false;
  }
  return true;
}

/** Checks that `text` is an id. @throws ENGINE_INVALID_ID */
export function parseId(text: string): Id {
  if (!isId(text)) throw engineError("ENGINE_INVALID_ID", { text: text.slice(0, 100) });
  return text;
}

/** The SHA-256 of `bytes` as an id. */
export function idOf(bytes: Uint8Array): Id {
  return hash("sha256", bytes, "hex") as Id;
}

/** Writes the 32 raw bytes of the SHA-256 of `bytes` at `offset` of `out`; `out` may be shared memory. */
export function hashInto(bytes: Uint8Array, out: Uint8Array, offset: number): void {
  // A one-byte string is how the digest crosses from native code fastest; a Buffer takes twice as long.
  const written = Buffer.prototype.latin1Write.call(out, hash("sha256", bytes, "binary"), offset, ID_BYTES);
  if (written !== ID_BYTES) throw new RangeError("no room for an id at this offset");
}

/** The id whose 32 raw bytes stand at `offset`. */
export function idFromBytes(bytes: Uint8Array, offset = 0): Id {
  if (offset < 0 || offset + ID_BYTES > bytes.length) throw new RangeError("no whole id at this offset");
  return Buffer.prototype.hexSlice.call(bytes, offset, offset + ID_BYTES) as Id;
}

/** The 32 raw bytes of an id, in a new array. */
export function idToBytes(id: Id): Uint8Array {
  const bytes = new Uint8Array(ID_BYTES);
  writeId(id, bytes, 0);
  return bytes;
}

/**
 * Reads the 64 lower-case hex digits that stand at `at` of a text in bytes into the 32 bytes of `out`. @returns whether all of them
 * are such digits
 */
export function readHexId(text: Uint8Array, at: number, out: Uint8Array): boolean {
  for (let index = 0; index < ID_BYTES; index++) {
    const high = NIBBLES[text[at + 2 * index] as number] ?? NO_DIGIT;
    const low = NIBBLES[text[at + 2 * index + 1] as number] ?? NO_DIGIT;
    if ((high | low) > 0x0f) return false;
    out[index] = (high << 4) | low;
  }
  return true;
}

/** Writes the 32 raw bytes of `id` at `offset` of `out`. */
export function writeId(id: Id, out: Uint8Array, offset: number): void {
  for (let index = 0; index < ID_BYTES; index++) {
    const high = NIBBLES[id.charCodeAt(2 * index)] as number;
    const low = NIBBLES[id.charCodeAt(2 * index + 1)] as number;
    out[offset + index] = (high << 4) | low;
  }
}
