/**
 * Text as patterns see it: one character a byte, each U+0000 to U+00FF. Go's matcher works on bytes, and some of its
 * results (what `*` may skip, how invalid UTF-8 counts) can only be had in the same way. Plain ASCII is its own byte
 * text.
 */
import { encodePath } from "../filesystem/path-bytes.ts";

const NOT_ASCII = /[^\x00-\x7f]/;
const REPLACEMENT = 0xfffd;

/** The bytes of a surrogate-escaped path, one character each. @throws ENGINE_INVALID_PATH */
export function toByteText(path: string): string {
  if (!NOT_ASCII.test(path)) return path;
  const bytes = encodePath(path);
  return Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length);
}

/**
 * Lower case as Go's `strings.ToLower` has it: character by character, with one character for each. As there, a byte
 * that is not part of valid UTF-8 becomes U+FFFD.
 */
export function toLowerCase(path: string): string {
  if (!NOT_ASCII.test(path)) return path.toLowerCase();
  let lower = "";
  for (const character of path) {
    // The only character whose lower case is longer by Unicode's full mapping than by its simple one.
    if (character === "\u0130") lower += "i";
    else lower += character.isWellFormed() ? character.toLowerCase() : "\ufffd";
  }
  return lower;
}

/**
 * The character that starts at `at` of a byte text, and how many bytes it takes: `code * 8 + bytes`. A byte that starts
 * no valid UTF-8 sequence is U+FFFD of one byte. At the end it is U+FFFD of no byte.
 */
export function characterAt(text: string, at: number): number {
  if (at >= text.length) return REPLACEMENT * 8;
  const first = text.charCodeAt(at);
  if (first < 0x80) return first * 8 + 1;
  const bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + bytes > text.length) return REPLACEMENT * 8 + 1;
  let code = first & (0x7f >> bytes);
  for (let n = 1; n < bytes; n++) {
    const next = text.charCodeAt(at + n);
    if ((next & 0xc0) !== 0x80) return REPLACEMENT * 8 + 1;
    code = (code << 6) | (next & 0x3f);
  }
  const isOverlong = (bytes === 3 && code < 0x800) || (bytes === 4 && code < 0x10000);
  const isInvalid = isOverlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff);
  return isInvalid ? REPLACEMENT * 8 + 1 : code * 8 + bytes;
}
