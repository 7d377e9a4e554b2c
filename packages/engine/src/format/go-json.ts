/**
 * Strings as Go's `encoding/json` writes them. Trees are named by the hash of their JSON, so every byte counts: an
 * unchanged folder is stored once only if all programs write it alike.
 */

/** Neither escaped nor outside ASCII: nearly all strings. */
const PLAIN = /^[ !#-%'-;=?-[\]-\x7f]*$/;
/** What is escaped; with the `u` flag `\p{Surrogate}` matches lone surrogates only. */
const ESCAPED = /["\\<>&\p{Surrogate}\u0000-\u001f\u2028\u2029]/gu;

/**
 * The JSON string for `text`, with its quotes. `<`, `>`, `&`, U+2028 and U+2029 are escaped as Go does for HTML. A lone
 * surrogate, which here stands for a byte that is not UTF-8, becomes `\ufffd`.
 *
 * Backspace and form feed get their short forms as in Go 1.22 and newer; older ones wrote `\u0008` and `\u000c`.
 */
export function goJsonString(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : `"${text.replace(ESCAPED, escapeCharacter)}"`;
}

/**
 * A JSON value as Go writes a raw message again: compact, strings with Go's escapes, object keys in the order of the
 * value except at the top level, which is a map in restic and so is sorted by key. A `bigint` is written as a number.
 */
export function goJsonMap(value: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${goJsonString(key)}:${goJsonValue(value[key])}`).join(",")}}`;
}

function goJsonValue(value: unknown): string {
  if (typeof value === "string") return goJsonString(value);
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(goJsonValue).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${goJsonString(key)}:${goJsonValue(item)}`)
      .join(",")}}`;
  }
  return JSON.stringify(value);
}

function escapeCharacter(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = character.charCodeAt(0);
  if (code >= 0xd800 && code <= 0xdfff) return "\\ufffd";
  return `\\u${code.toString(16).padStart(4, "0")}`;
}

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};
