import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PatternSet, selectFromAny } from "./pattern-set.ts";
import { cleanPath, splitPath } from "./pattern.ts";

const excludes = (pattern: string, path: string): boolean => PatternSet.parse([pattern]).matches(path);

describe("a pattern", () => {
  test.for([
    ["*.go", "/foo/bar/test.go", true],
    ["*.c", "/foo/bar/test.go", false],
    ["*", "/foo/bar/test.go", true],
    ["**", "/foo/bar/test.go", true],
    ["foo*", "/foo/bar/test.go", true],
    ["bar*", "/foo/bar/test.go", true],
    ["/bar*", "/foo/bar/test.go", false],
    ["bar/*", "/foo/bar/test.go", true],
    ["baz/*", "/foo/bar/test.go", false],
    ["bar/*.go", "/foo/bar/test.go", true],
    ["bb*/*.go", "/foo/bar/test.go", false],
    ["tesT.*", "/foo/bar/test.go", false],
    ["bar", "/foo/bar", true],
    ["/foo/bar", "/foo/bar", true],
    ["/foo/bar/", "/foo/bar", true],
    ["/foo///bar", "/foo/bar", true],
    ["/foo/../bar", "/foo/bar", false],
    ["/foo/../bar", "/bar", true],
    ["/foo", "/foo/baz", true],
    ["/foo/*", "/foo", false],
    ["/foo/*", "/foo/baz", true],
    ["bar", "/foo/bar/baz", true],
    ["/foo/*test.*", "/foo/bar/test.go", false],
    ["/foo/*/test.*", "/foo/bar/test.go", true],
    ["/*/*/bar/test.*", "/foo/bar/baz/test.go", false],
    ["/*/*/baz/test.*", "/foo/bar/baz/test.go", true],
    ["/foo/bar/test.*", "bar/baz/test.go", false],
    ["baz/test.*", "bar/baz/test.go", true],
    ["sdk", "/foo/bar/sdk/test/sdk_foo.go", true],
    ["foo/**/bar/*.go", "/home/user/foo/work/special/project/bar/test.go", true],
    ["foo/**/bar/*.go", "/home/user/foo/bar/test.go", true],
    ["foo/**/bar/*.go", "foo/bar/baz/bar/test.go", true],
    ["foo/**/bar/*.go", "/home/user/foo/test.c", false],
    ["foo/**/bar/*.go", "bar/foo/main.go", false],
    ["foo/**/bar", "/home/user/foo/x/y/bar/main.go", true],
    ["foo/**/bar/**/x", "/home/user/foo/bar/x", true],
    ["foo/**/bar/**/x", "/home/user/foo/a/b/bar/c/d/x", true],
    ["user/**/hidden*/**/c", "/home/user/work/x/y/hidden/z/a/b/c", true],
    ["user/**/important*", "/home/user/work/x/y/hidden/x", false],
    // Restic wants one component more than the names for each further "**".
    ["/a/**/b/**/c", "/a/b/c", false],
    ["/a/**/b/**/c", "/a/b/c/d", true],
    ["/", "/", true],
    ["/", "/etc", true],
    ["/", "etc", false],
    // The examples of restic's manual.
    ["foo", "/dir1/foo/dir2/file", true],
    ["foo", "/dir/foo", true],
    ["foo", "/dir/foobar", false],
    ["foo", "barfoo", false],
    ["/bin", "/bin/bash", true],
    ["/bin", "/usr/bin/restic", false],
    ["b*ash", "/bin/bash", true],
    ["b*ash", "/bin/ash", false],
    ["foo/**/bar", "/dir1/foo/dir2/bar/file", true],
    ["foo/**/bar", "/foo/bar/file", true],
    ["foo/**/bar", "/tmp/foo/bar", true],
    ["foo bar star.txt", "/x/foo bar star.txt", true],
    ["/home/[uU]ser/?.go", "/home/user/F.go", true],
  ] as const)("%j against %j: %j", ([pattern, path, expected]) => {
    expect(excludes(pattern, path)).toBe(expected);
  });
});

describe("what may lie below", () => {
  test.for([
    ["foo/bar", "/foo", true],
    ["baz", "/foo/bar", true],
    ["/foo/bar/baz", "/foo", true],
    ["/foo/bar/baz", "/foo/bar", true],
    ["/foo/bar/baz", "/foo/baz", false],
    ["/foo/**/baz", "/foo/bar/baz/blah", true],
    ["/foo/**/qux", "/foo/bar/baz", true],
    ["/foo/*/qux", "/foo/bar", true],
    ["/foo/*/qux", "/foo/bar/boo", false],
    ["/foo/*/qux", "/foo/bar/boo/xx", false],
    ["/baz/bar", "/foo", false],
    ["/foo", "/foo/bar", true],
    ["/*/bar", "/foo", true],
    ["/bar/*", "/foo", false],
    ["/**/bar", "/foo/bar", true],
    ["/foo/*/baz", "/bar/baz", false],
  ] as const)("%j below %j: %j", ([pattern, path, expected]) => {
    expect(PatternSet.parse([pattern]).select(path).mayHoldSelected).toBe(expected);
  });
});

describe("several patterns", () => {
  test.for([
    [[], "/foo/bar/test.go", false, false],
    [["", "*.c"], "/foo/bar/test.go", false, true],
    [["?", "x"], "/foo/bar/x", true, true],
    [["/*/*/bar/test.*"], "/foo/bar/test.go", false, false],
    [["/*/*/bar/test.*"], "/foo/bar/bar", false, true],
    [["/*/*/bar/test.*", "*.go"], "/foo/bar/test.go", true, true],
    [["!**", "*.go"], "/foo/bar/test.go", true, true],
    [["!**", "*.c"], "/foo/bar/test.go", false, true],
    [["/foo/*/test.*", "!*.c"], "/foo/bar/test.c", false, false],
    [["/foo/*/test.*", "!*.c"], "/foo/bar/test.go", true, true],
    [["/foo/*/*", "!test.*", "*.c"], "/foo/bar/test.go", false, true],
    [["/foo/*/*", "!test.*", "*.c"], "/foo/bar/test.c", true, true],
    [["/**/*", "!/foo", "/foo/*", "!/foo/bar"], "/foo/other/test.go", true, true],
    [["/**/*", "!/foo", "/foo/*", "!/foo/bar"], "/foo/bar/test.go", false, false],
    [["/**/*", "!/foo", "/foo/*", "!/foo/bar", "/foo/bar/test*"], "/foo/bar/test.go/child", true, true],
    [["/foo/bar/*", "!/foo/bar/[a-m]*"], "/foo", false, true],
  ] as const)("%j for %j: selected %j, below %j", ([lines, path, selected, mayHoldSelected]) => {
    const set = PatternSet.parse(lines);
    expect(set.select(path)).toEqual({ selected, mayHoldSelected });
    expect(set.matches(path)).toBe(selected);
  });

  test("a home folder can be excluded but for some of its folders", () => {
    const set = PatternSet.parse(["/home/bob/*", "!/home/bob/code", "!/home/bob/.emacs.d", "node_modules", "*~"]);
    expect(set.matches("/home/bob")).toBe(false);
    expect(set.matches("/home/bob/music")).toBe(true);
    expect(set.matches("/home/bob/code/a.ts")).toBe(false);
    expect(set.matches("/home/bob/code/a.ts~")).toBe(true);
    expect(set.matches("/home/bob/code/node_modules/x")).toBe(true);
  });

  test("case counts unless it is to be ignored", () => {
    const lines = ["*.JPG", "/Home/*/ÉTÉ"];
    expect(PatternSet.parse(lines).matches("/home/bob/été")).toBe(false);
    const set = PatternSet.parse(lines, { ignoreCase: true });
    expect(set.matches("/home/bob/Été/x")).toBe(true);
    expect(set.matches("/a/b.jPg")).toBe(true);
    expect(set.matches("/a/b.png")).toBe(false);
  });

  test("sets of includes add up", () => {
    const sets = [PatternSet.parse(["/a/x"]), PatternSet.parse(["/B/Y"], { ignoreCase: true })];
    expect(selectFromAny(sets, "/a")).toEqual({ selected: false, mayHoldSelected: true });
    expect(selectFromAny(sets, "/b/y")).toEqual({ selected: true, mayHoldSelected: true });
    expect(selectFromAny(sets, "/c")).toEqual({ selected: false, mayHoldSelected: false });
    expect(selectFromAny([], "/c")).toEqual({ selected: false, mayHoldSelected: false });
  });

  test("the empty path is never matched", () => {
    expect(PatternSet.parse(["**"]).select("")).toEqual({ selected: false, mayHoldSelected: false });
  });
});

test("all malformed patterns are named at once", () => {
  expect(() => PatternSet.parse(["*.foo", "*[._]log[.-][0-9]", "!/x/[", "a/b\\"])).toThrow(
    expect.objectContaining({
      code: "ENGINE_PATTERN_INVALID",
      details: { patterns: ["*[._]log[.-][0-9]", "!/x/[", "a/b\\"] },
    }),
  );
});

test("a set without patterns is empty", () => {
  expect(PatternSet.parse(["", ""]).isEmpty).toBe(true);
  expect(PatternSet.parse(["a"]).isEmpty).toBe(false);
});

// A plain reading of the rules: write out every "**" as stars of every length that restic tries, then lay the pattern
// over the path at every place.
function expansions(pattern: readonly string[], length: number): string[][] {
  const at = pattern.findIndex((part) => part === "**" || part === "");
  if (at < 0) return [[...pattern]];
  const all: string[][] = [];
  for (let stars = 0; stars <= length - pattern.length + 1; stars++) {
    const written = [...pattern.slice(0, at), ...Array<string>(stars).fill("*"), ...pattern.slice(at + 1)];
    all.push(...expansions(written, length));
  }
  return all;
}

function nameMatches(pattern: string, name: string): boolean {
  return new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name);
}

function liesAt(pattern: readonly string[], path: readonly string[], offset: number): boolean {
  return pattern.every((part, n) => offset + n < path.length && nameMatches(part, path[offset + n] as string));
}

function pathMatches(pattern: readonly string[], path: readonly string[]): boolean {
  return expansions(pattern, path.length).some((written) => {
    if (written.length === 0) return false;
    if (written[0] === "/") return liesAt(written, path, 0);
    return path.some((_, offset) => !(offset === 0 && path[0] === "/") && liesAt(written, path, offset));
  });
}

function mayMatchBelow(pattern: readonly string[], path: readonly string[]): boolean {
  if (pattern[0] !== "/") return true;
  const wildcard = pattern.findIndex((part) => part === "**" || part === "");
  const fixed = wildcard < 0 ? pattern : pattern.slice(0, wildcard);
  return fixed.every((part, n) => n >= path.length || nameMatches(part, path[n] as string));
}

function reference(lines: readonly string[], path: string): { selected: boolean; mayHoldSelected: boolean } {
  const components = splitPath(path);
  let selected = false;
  let mayHoldSelected = false;
  for (const line of lines.filter((one) => one !== "")) {
    const isNegated = line.startsWith("!");
    const pattern = splitPath(cleanPath(isNegated ? line.slice(1) : line));
    const matched = pathMatches(pattern, components);
    selected = isNegated ? selected && !matched : selected || matched;
    mayHoldSelected = isNegated ? mayHoldSelected && !matched : mayHoldSelected || mayMatchBelow(pattern, components);
  }
  return { selected, mayHoldSelected };
}

const name = fc.constantFrom("a", "b", "ab", "b.c", "c");
const path = fc
  .tuple(fc.constantFrom("/", "/", "/", ""), fc.array(name, { minLength: 1, maxLength: 6 }))
  .map(([root, names]) => root + names.join("/"));
const part = fc.oneof(
  { weight: 3, arbitrary: name },
  { weight: 2, arbitrary: fc.constant("**") },
  { weight: 1, arbitrary: fc.constantFrom("*", "a*", "*.c", "?", "*b*", "..") },
);
const slash = fc.constantFrom("", "/");
const pattern = fc
  .tuple(fc.constantFrom("", "", "!"), slash, fc.array(part, { maxLength: 5 }), slash)
  .map(([sign, root, parts, end]) => sign + root + parts.join("/") + end);

const patterns = fc.array(pattern, { maxLength: 4 });
const paths = fc.array(path, { minLength: 1, maxLength: 12 });

test("compiled patterns give what the rules give, in any order of paths", () => {
  fc.assert(
    fc.property(patterns, paths, (lines, walked) => {
      const set = PatternSet.parse(lines);
      for (const one of walked) {
        const expected = reference(lines, one);
        expect({ lines, one, ...set.select(one) }).toEqual({ lines, one, ...expected });
        expect(set.matches(one)).toBe(expected.selected);
      }
    }),
    { numRuns: 1_500 },
  );
});

describe("paths are cleaned as Go does it", () => {
  test.for([
    ["", "."],
    ["/", "/"],
    ["a//b/./c/", "a/b/c"],
    ["a/../..", ".."],
    ["../../a", "../../a"],
    ["/../a", "/a"],
    ["a/b/../../c", "c"],
    [".", "."],
  ] as const)("%j to %j", ([given, clean]) => {
    expect(cleanPath(given)).toBe(clean);
  });
});
