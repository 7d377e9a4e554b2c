/** Lines of the text files that people write for us: lists of patterns, lists of paths. */
import { decodePath } from "../filesystem/path-bytes.ts";

// What Go's strings.TrimSpace removes. It is not what JavaScript's trim removes.
const SPACE = "\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const AROUND = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, "g");

/**
 * The lines of a text file, surrogate-escaped, without their ends (LF or CR LF). The text is UTF-8, or UTF-16 if it
 * starts with that byte order mark; bytes that are not UTF-8 are kept.
 */
export function textLines(bytes: Uint8Array): string[] {
  const lines = decodeText(bytes).split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
}

/** The lines that say something: trimmed, without empty ones and comments (`#`). */
export function contentLines(bytes: Uint8Array): string[] {
  return textLines(bytes)
    .map((line) => line.replace(AROUND, ""))
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function decodeText(bytes: Uint8Array): string {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return decodePath(bytes.subarray(3));
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  return decodePath(bytes);
}
