/**
 * One include or exclude pattern, compiled (restic: doc/040_backup.rst, "Excluding Files").
 *
 * A pattern is a path of name patterns. It matches a path if it matches whole components of it in a row: from the root
 * if it starts with "/", anywhere otherwise. What lies below a match is matched too. A component `**` stands for any
 * number of components, so it cuts the pattern into runs that must follow one another.
 */
import { compileNameGlob, type NameTest } from "./name-glob.ts";

/** Name patterns for components in a row. */
type Run = readonly NameTest[];

export class Pattern {
  /** Starts with "!": cancels what earlier patterns matched. */
  readonly isNegated: boolean;
  readonly #isAbsolute: boolean;
  /** What stands before, between and behind each `**`. */
  readonly #runs: readonly Run[];
  /** Number of components, each `**` included. */
  readonly #length: number;

  private constructor(parts: { isNegated: boolean; isAbsolute: boolean; runs: readonly Run[]; length: number }) {
    this.isNegated = parts.isNegated;
    this.#isAbsolute = parts.isAbsolute;
    this.#runs = parts.runs;
    this.#length = parts.length;
  }

  /** @param text the pattern as byte text, not empty. @returns undefined when it is malformed */
  static compile(text: string): Pattern | undefined {
    const isNegated = text.startsWith("!");
    const components = splitPath(cleanPath(isNegated ? text.slice(1) : text));
    const runs: NameTest[][] = [[]];
    for (const component of components) {
      // The root alone splits into "/" and an empty name, which acts like "**": everything below the root.
      const test = component === "**" || component === "" ? "any number" : compileNameGlob(component);
      if (test === undefined) return undefined;
      if (test === "any number") runs.push([]);
      else runs.at(-1)?.push(test);
    }
    // Nothing but "**" wants at least one component.
    if (runs.every((run) => run.length === 0)) runs.at(-1)?.push(() => true);
    return new Pattern({ isNegated, isAbsolute: components[0] === "/", runs, length: components.length });
  }

  /**
   * Whether the pattern could still match below: so far, the path is a prefix of it. Ask for one component more at a
   * time, and only while the answer was true. It is always true for patterns that are not anchored at the root.
   */
  leadsOn(components: readonly string[], count: number): boolean {
    if (!this.#isAbsolute) return true;
    const anchored = this.#runs[0] as Run;
    if (count > anchored.length) return true;
    return (anchored[count - 1] as NameTest)(components[count - 1] as string);
  }

  /**
   * Whether the first `count` components of a path are matched, given that fewer are not, and that `leadsOn` holds for
   * them.
   */
  matches(components: readonly string[], count: number): boolean {
    const runs = this.#runs;
    // The root itself is no name, so a pattern that is not anchored starts behind it.
    const start = components[0] === "/" && !this.#isAbsolute ? 1 : 0;
    if (runs.length === 1) {
      // As fewer components are not matched, the match must end with the last one.
      const run = runs[0] as Run;
      const runStart = count - run.length;
      if (this.#isAbsolute) return runStart === 0;
      return runStart >= start && fits(run, components, runStart);
    }
    const lastStart = this.#isAbsolute ? 0 : count;
    for (let at = start; at <= lastStart; at++) {
      if (this.#matchesFrom(components, count, at)) return true;
    }
    return false;
  }

  /**
   * Whether the runs follow one another from `at` on. Taking the first place for each leaves the most to the others.
   */
  #matchesFrom(components: readonly string[], count: number, at: number): boolean {
    const runs = this.#runs;
    let skipped = 0;
    for (let n = 0; n < runs.length; n++) {
      const run = runs[n] as Run;
      const lastPlace = n === 0 ? at : count - run.length;
      const from = at;
      while (at <= lastPlace && !(at + run.length <= count && fits(run, components, at))) at += 1;
      if (at > lastPlace) return false;
      skipped += at - from;
      // Restic reserves one component for each `**` still to come, so /a/**/b/**/c does not match /a/b/c. Kept, so that
      // both programs store the same files for the same patterns.
      if (n > 0 && n < runs.length - 1 && skipped > count - this.#length + n) return false;
      at += run.length;
    }
    return true;
  }
}

function fits(run: Run, components: readonly string[], start: number): boolean {
  // From the end: names differ more often there than near the root.
  for (let n = run.length - 1; n >= 0; n--) {
    if (!(run[n] as NameTest)(components[start + n] as string)) return false;
  }
  return true;
}

/** The components of a path; the first of an absolute one is "/". */
export function splitPath(path: string): string[] {
  const components = path.split("/");
  if (components[0] === "") components[0] = "/";
  return components;
}

/**
 * The shortest equivalent path, as Go's `filepath.Clean` has it: no empty, "." or "name/.." components, "." for
 * nothing.
 */
export function cleanPath(path: string): string {
  const isAbsolute = path.startsWith("/");
  const kept: string[] = [];
  for (const component of path.split("/")) {
    if (component === "" || component === ".") continue;
    if (component !== "..") kept.push(component);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!isAbsolute) kept.push(component);
  }
  return isAbsolute ? `/${kept.join("/")}` : kept.join("/") || ".";
}
