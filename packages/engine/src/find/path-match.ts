/** Which paths a search by names finds, with the meaning of restic's `find`. */
import { toByteText, toLowerCase } from "../patterns/byte-text.ts";
import { compileNameGlob, type NameTest } from "../patterns/name-glob.ts";
import { cleanPath, splitPath } from "../patterns/pattern.ts";
import { PatternSet } from "../patterns/pattern-set.ts";
import type { NameQuery } from "./query.ts";

type Patterns = Pick<NameQuery, "patterns" | "ignoreCase">;

/**
 * Tells which paths are found, and which folders can hold such.
 * @throws ENGINE_PATTERN_INVALID
 */
export function pathMatcher({ patterns, ignoreCase }: Patterns): PatternSet {
  return PatternSet.parse(patterns.map(meaning), { ignoreCase });
}

/**
 * Tells by the name alone whether a path could be found though the folder above it is not: when it is false for all names in a
 * tree, nothing in it is, wherever the tree lies.
 */
export function nameFilter({ patterns, ignoreCase }: Patterns): NameTest {
  const tests = patterns.map((pattern) => lastNameTest(meaning(pattern), ignoreCase));
  const [only] = tests;
  const test: NameTest =
    tests.length === 1 && only !== undefined ? only : (name) => tests.some((matches) => matches(name));
  return (name) => test(toByteText(ignoreCase ? toLowerCase(name) : name));
}

/** The pattern as `PatternSet` reads it: the empty one is matched by everything, and a `!` is passed over. */
function meaning(pattern: string): string {
  if (pattern === "") return "**";
  const text = pattern.startsWith("!") ? pattern.slice(1) : pattern;
  // Nothing behind it is the current folder, which no path in a snapshot is. A second one stands for itself.
  if (text === "") return ".";
  return text.startsWith("!") ? `\\${text}` : text;
}

function lastNameTest(pattern: string, ignoreCase: boolean): NameTest {
  const components = splitPath(cleanPath(toByteText(ignoreCase ? toLowerCase(pattern) : pattern)));
  const last = components.at(-1) ?? "";
  const gaps = components.filter((component) => component === "**" || component === "").length;
  // With two gaps a path may be too short for a match that ends above it (see `Pattern`): then its last name decides nothing.
  if (last === "**" || last === "" || gaps > 1) return () => true;
  // Malformed ones are refused by `pathMatcher`.
  return compileNameGlob(last) ?? (() => false);
}
