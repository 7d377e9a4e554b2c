/**
 * Go's `strconv.Quote` and `Unquote` without the outer quotes. Restic quotes the name of every node this way before
 * it puts it into JSON, so that names which are not UTF-8 survive. Names are surrogate-escaped strings
 * (`filesystem/path-bytes.ts`).
 */
import { decodePath, encodePath } from "../filesystem/path-bytes.ts";

const PLAIN = /^[ !#-[\]-~]*$/;
/** `unicode.IsPrint` of Go: letters, marks, numbers, punctuation, symbols, and the ASCII space. */
const NOT_PRINTABLE = /["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;

/** The quoted form of a name. */
export function goQuote(name: string): string {
  return PLAIN.test(name) ? name : name.replace(NOT_PRINTABLE, escapeCharacter);
}

/** The name for its quoted form, or `undefined` when that is not valid. Raw lone surrogates are read as U+FFFD. */
export function goUnquote(quoted: string): string | undefined {
  if (PLAIN.test(quoted)) return quoted;
  const text = quoted.toWellFormed();
  if (!text.includes("\\")) return /["\n]/.test(text) ? undefined : text;
  // Escaped bytes may complete a character together, so only the bytes of the whole name tell what it is.
  const parts: Uint8Array[] = [];
  let matched = 0;
  for (const [part] of text.matchAll(PARTS)) {
    matched += part.length;
    const bytes = part.startsWith("\\") ? unescape(part) : encodePath(part);
    if (bytes === undefined) return undefined;
    parts.push(bytes);
  }
  return matched === text.length ? decodePath(Buffer.concat(parts)) : undefined;
}

const ESCAPE = String.raw`\\(?:[abfnrtv\\"]|x[0-9a-fA-F]{2}|[0-3][0-7]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})`;
const PARTS = new RegExp(String.raw`[^"\\\n]+|${ESCAPE}`, "g");

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};
const LONG = new Map(Object.entries(SHORT).map(([character, escape]) => [escape, character]));

function escapeCharacter(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) as number;
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${hex(code - 0xdc00, 2)}`;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  if (code >= 0xd800 && code <= 0xdfff) return "\\ufffd";
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function unescape(escape: string): Uint8Array | undefined {
  const short = LONG.get(escape);
  if (short !== undefined) return encodePath(short);
  const kind = escape[1] as string;
  if (kind === "x") return Uint8Array.of(Number.parseInt(escape.slice(2), 16));
  if (kind !== "u" && kind !== "U") return Uint8Array.of(Number.parseInt(escape.slice(1), 8));
  const code = Number.parseInt(escape.slice(2), 16);
  const valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return valid ? encodePath(String.fromCodePoint(code)) : undefined;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
