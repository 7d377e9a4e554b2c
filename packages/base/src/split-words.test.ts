import { describe, expect, test } from "vitest";
import { splitWords } from "./split-words.ts";

describe("splitWords", () => {
  test.for<[string, string[]]>([
    ["pass show backup", ["pass", "show", "backup"]],
    ["  a \t b\n", ["a", "b"]],
    ["", []],
    [`cat '/my file'`, ["cat", "/my file"]],
    [`a"b c"d`, ["ab cd"]],
    [`'' ""`, ["", ""]],
    [String.raw`a\ b`, ["a b"]],
    [String.raw`'a\b'`, [String.raw`a\b`]],
    [String.raw`"a\"b\\c\d"`, [String.raw`a"b\c\d`]],
    ["$HOME `x` *", ["$HOME", "`x`", "*"]],
    ["serve restic  --x ", ["serve", "restic", "--x"]],
    [`a 'b c' "d \\"e" f\\ g ''`, ["a", "b c", 'd "e', "f g", ""]],
    ["$(touch x); `y` | z", ["$(touch", "x);", "`y`", "|", "z"]],
  ])("%s", ([text, words]) => {
    expect(splitWords(text)).toEqual(words);
  });

  test.for([`'open`, `"open`, "end\\"])("%s is not complete", (text) => {
    expect(splitWords(text)).toBeUndefined();
  });
});
