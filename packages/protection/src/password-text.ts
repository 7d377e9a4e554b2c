/** The password in what a file holds or a command prints, by restic's rules: a repository has to open with either program. */

/** White space by Go's `strings.TrimSpace`. JavaScript's own `trim` also takes U+FEFF, and leaves U+0085. */
const SPACE = String.raw`[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const AROUND = new RegExp(`^${SPACE}+|${SPACE}+$`, "gu");

const BYTE_ORDER_MARKS: readonly (readonly [encoding: string, mark: readonly number[]])[] = [
  ["utf-8", [0xef, 0xbb, 0xbf]],
  ["utf-16le", [0xff, 0xfe]],
  ["utf-16be", [0xfe, 0xff]],
];

/** White space at both ends is not part of a password. */
export function trimPassword(text: string): string {
  return text.replace(AROUND, "");
}

/** The password in a file: UTF-8, or what a byte order mark says. */
export function passwordInFile(bytes: Uint8Array): string {
  const marked = BYTE_ORDER_MARKS.find(([, mark]) => mark.every((byte, at) => bytes[at] === byte));
  return trimPassword(new TextDecoder(marked?.[0] ?? "utf-8").decode(bytes));
}
