import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nameFilter, pathMatcher } from "./path-match.ts";

const component = fc.constantFrom("a", "b", "c", "ab", "é", "\udcff", "A");
const patternPart = fc.oneof(component, fc.constantFrom("*", "**", "?", "a*", "[ab]", "*b", "\\a"));
const pattern = fc
  .tuple(fc.constantFrom("", "/", "!"), fc.array(patternPart, { minLength: 1, maxLength: 5 }))
  .map(([start, parts]) => start + parts.join("/"));

describe("the filter of names", () => {
  test("lets every name through whose path is found while the folder above it is not", () => {
    fc.assert(
      fc.property(
        fc.array(pattern, { minLength: 1, maxLength: 3 }),
        fc.array(component, { minLength: 1, maxLength: 7 }),
        fc.boolean(),
        (patterns, components, ignoreCase) => {
          const paths = pathMatcher({ patterns, ignoreCase });
          const mayMatch = nameFilter({ patterns, ignoreCase });
          let isAboveFound = false;
          for (const [n, name] of components.entries()) {
            const path = `/${components.slice(0, n + 1).join("/")}`;
            const isFound = paths.select(path).selected;
            if (isFound && !isAboveFound) expect(mayMatch(name)).toBe(true);
            isAboveFound = isFound;
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("decides nothing where a path can be too short for a match that ends above it", () => {
    const query = { patterns: ["/a/**/b/**/c"], ignoreCase: false };
    const found = ["/a/b/c", "/a/b/c/d"].map((path) => pathMatcher(query).select(path).selected);
    expect([...found, nameFilter(query)("d")]).toEqual([false, true, true]);
  });

  test("lets other names not through, as far as it can tell", () => {
    const mayMatch = nameFilter({ patterns: ["/home/*.txt", "notes"], ignoreCase: false });
    expect(["a.txt", "notes", "Notes", "home", "a.txt.gz"].filter(mayMatch)).toEqual(["a.txt", "notes"]);
  });
});

describe("patterns of a search", () => {
  test.for<[string, string[]]>([
    ["", ["/a", "/a/b", "/b/a"]],
    ["/", ["/a", "/a/b", "/b/a"]],
    ["b", ["/a/b", "/b/a"]],
    ["!b", ["/a/b", "/b/a"]],
    ["!", []],
    ["!!b", []],
    ["/b", ["/b/a"]],
    ["a/b/", ["/a/b"]],
    ["B", []],
  ])("%j finds %j", ([text, found]) => {
    const paths = pathMatcher({ patterns: [text], ignoreCase: false });
    expect(["/a/b", "/b/a", "/a"].toSorted().filter((path) => paths.select(path).selected)).toEqual(found);
  });

  test("case is ignored on demand, in names as well", () => {
    const query = { patterns: ["ÄB*"], ignoreCase: true };
    expect(pathMatcher(query).select("/x/äBc").selected).toBe(true);
    expect(nameFilter(query)("äBc")).toBe(true);
  });

  test("a malformed one is refused", () => {
    expect(() => pathMatcher({ patterns: ["good", "[bad"], ignoreCase: false })).toThrow(
      expect.objectContaining({ code: "ENGINE_PATTERN_INVALID", message: expect.stringContaining("[bad") as string }),
    );
  });
});
