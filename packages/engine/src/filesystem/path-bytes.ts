/**
 * File names as strings. A POSIX name is bytes; here it is a JavaScript string in which every byte that is not part of
 * valid UTF-8 is a lone surrogate, U+DC00 plus the byte (PEP 383, "surrogateescape"). Every byte string round-trips,
 * and nearly all names are plain strings that need no conversion at all.
 */
import { Buffer, isUtf8 } from "node:buffer";
import { engineError } from "../errors.ts";

const ESCAPE = 0xdc00;

/**
 * The string form of a name or path.
 *
 * Total and injective: `encodePath(decodePath(b))` is `b` for any bytes. A byte order mark is kept.
 */
export function decodePath(bytes: Uint8Array): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString("utf8") : decodeWithEscapes(buffer);
}

/**
 * The exact bytes of a name or path, without a terminating NUL.
 *
 * @throws ENGINE_INVALID_PATH when the string holds a lone surrogate that stands for no byte (not U+DC80 to U+DCFF).
 */
export function encodePath(path: string): Uint8Array {
  return path.isWellFormed() ? Buffer.from(path, "utf8") : encodeWithEscapes(path);
}

/**
 * What to hand to `node:fs`: the string itself when it is plain (free), else its bytes.
 *
 * @throws ENGINE_INVALID_PATH as `encodePath`.
 */
export function fsPath(path: string): string | Buffer {
  return path.isWellFormed() ? path : encodeWithEscapes(path);
}

/**
 * Orders names as their bytes are ordered, which is Go's string order and that of a tree's entries. Negative, zero or
 * positive. JavaScript's own `<` compares UTF-16 units and so misplaces everything past U+FFFF, and escaped bytes.
 *
 * @throws ENGINE_INVALID_PATH as `encodePath`.
 */
export function compareNames(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA === unitB) continue;
    // Units outside the surrogates are in the order of their bytes; a surrogate on either side needs the bytes
    // themselves.
    if (isSurrogate(unitA) || isSurrogate(unitB)) return Buffer.compare(encodePath(a), encodePath(b));
    return unitA - unitB;
  }
  return a.length - b.length;
}

/**
 * A form of the path for people: one line, with control characters, direction overrides and bytes that are not UTF-8
 * written as escapes (`\n`, `\x9b`, `\u{202e}`). It is for reading only: a backslash stays single, so it does not
 * convert back.
 */
export function displayPath(path: string): string {
  return UNPRINTABLE.test(path) ? path.replace(EACH_UNPRINTABLE, visible) : path;
}

// Control and direction characters, line and paragraph separators, byte order mark, lone surrogates. Joiners stay:
// emoji use them.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/u;
const EACH_UNPRINTABLE = new RegExp(UNPRINTABLE, "gu");

function visible(character: string): string {
  const code = character.codePointAt(0) as number;
  if (code === 0x0a) return "\\n";
  if (code === 0x0d) return "\\r";
  if (code === 0x09) return "\\t";
  if (isEscape(code)) return `\\x${(code - ESCAPE).toString(16)}`;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return `\\u{${code.toString(16)}}`;
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}

function isEscape(code: number): boolean {
  return code >= ESCAPE + 0x80 && code <= ESCAPE + 0xff;
}

function decodeWithEscapes(bytes: Buffer): string {
  let text = "";
  let validFrom = 0;
  let i = 0;
  while (i < bytes.length) {
    const length = sequenceLength(bytes, i);
    if (length > 0) {
      i += length;
      continue;
    }
    text += bytes.toString("utf8", validFrom, i) + String.fromCharCode(ESCAPE + (bytes[i] as number));
    i += 1;
    validFrom = i;
  }
  return text + bytes.toString("utf8", validFrom, i);
}

/** Length of the valid UTF-8 sequence that starts at `at`, or 0 if none does (Unicode, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const second = bytes[at + 1] ?? 0;
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  if (first < 0xe0) return 2;
  if (!isContinuation(bytes[at + 2])) return 0;
  if (first < 0xf0) return 3;
  return isContinuation(bytes[at + 3]) ? 4 : 0;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

function encodeWithEscapes(path: string): Buffer {
  // Three bytes a unit is the most that UTF-8 can need.
  const out = Buffer.allocUnsafe(path.length * 3);
  let length = 0;
  for (const character of path) {
    const code = character.codePointAt(0) as number;
    if (code < 0x80) out[length++] = code;
    else if (isEscape(code)) out[length++] = code - ESCAPE;
    else if (isSurrogate(code)) throw engineError("ENGINE_INVALID_PATH", { path: path.toWellFormed() });
    else length += out.write(character, length, "utf8");
  }
  return out.subarray(0, length);
}
