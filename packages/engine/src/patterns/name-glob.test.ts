import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toByteText } from "./byte-text.ts";
import { compileNameGlob } from "./name-glob.ts";

function matches(pattern: string, name: string): boolean | undefined {
  return compileNameGlob(toByteText(pattern))?.(toByteText(name));
}

describe("names that match", () => {
  test.for([
    ["abc", "abc"],
    ["*", ""],
    ["*", "anything"],
    ["*c", "abc"],
    ["a*", "a"],
    ["a*", "abc"],
    ["a*c", "ac"],
    ["a*c", "abbc"],
    ["a**c", "abc"],
    ["a*b*c*d", "axbxcxxd"],
    ["a*b?c*x", "abxbbxdbxebxczzx"],
    ["ab[c]", "abc"],
    ["ab[b-d]", "abc"],
    ["ab[^e-g]", "abc"],
    ["[^b]", "é"],
    ["a?b", "a☺b"],
    ["a[^a]b", "a☺b"],
    ["[a-ζ]*", "α"],
    ["[\\]a]", "]"],
    ["[\\-x]", "-"],
    ["[x\\-]", "-"],
    ["[x\\-]", "x"],
    ["a\\*b", "a*b"],
    ["a\\bc", "abc"],
    ["a]b", "a]b"],
    ["[!a]", "!"],
    ["[!a]", "a"],
    ["?", "\udcff"],
    ["a\udcff*", "a\udcff\udcfe"],
    ["[\ufffd]", "\udcff"],
    // A star skips bytes, so what follows it may see the three bytes of a character one by one, as in Go.
    ["*??", "€"],
  ] as const)("%j matches %j", ([pattern, name]) => {
    expect(matches(pattern, name)).toBe(true);
  });
});

describe("names that do not match", () => {
  test.for([
    ["abc", "abcd"],
    ["abc", "ab"],
    ["ab*c", "ab"],
    ["ab*bc", "abc"],
    ["*.go", "test.c"],
    ["a*b?c*x", "abxbbxdbxebxczzy"],
    ["ab[e-g]", "abc"],
    ["ab[^b-d]", "abc"],
    ["a???b", "a☺b"],
    ["a[^a][^a][^a]b", "a☺b"],
    ["[a-ζ]*", "A"],
    ["[!a]", "b"],
    ["a\\*b", "axb"],
    ["?", ""],
    ["??", "é"],
    ["tesT", "test"],
  ] as const)("%j does not match %j", ([pattern, name]) => {
    expect(matches(pattern, name)).toBe(false);
  });
});

test.for([
  "[",
  "[a",
  "[a-",
  "[^",
  "[^bc",
  "[]",
  "[]a]",
  "[-]",
  "[x-]",
  "[-x]",
  "[a-b-c]",
  "a[",
  "a\\",
  "[\\",
  "a*[",
  "[a]*[",
  "[\udcff]",
  "[.-]",
] as const)("%j is malformed", (pattern) => {
  expect(matches(pattern, "x")).toBeUndefined();
});

test("a regular expression built from the same parts gives the same answers", () => {
  const parts = ["a", "b", "*", "?", "[ab]", "[^a]", "[b-c]", "\\*", "\\a"];
  const expressions = ["a", "b", "[^]*", "[^]", "[ab]", "[^a]", "[b-c]", "\\*", "a"];
  const picks = fc.array(fc.nat(parts.length - 1), { minLength: 1, maxLength: 8 });
  const names = fc.string({ unit: fc.constantFrom("a", "b", "c", "*"), maxLength: 8 });
  fc.assert(
    fc.property(picks, names, (chosen, name) => {
      const pattern = chosen.map((n) => parts[n]).join("");
      const expression = new RegExp(`^(?:${chosen.map((n) => expressions[n]).join("")})$`);
      expect(matches(pattern, name)).toBe(expression.test(name));
    }),
    { numRuns: 2_000 },
  );
});
