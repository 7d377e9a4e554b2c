/** An ordered set of patterns, matched against one path after the other. */
import { engineError } from "../errors.ts";
import { toByteText, toLowerCase } from "./byte-text.ts";
import { Pattern } from "./pattern.ts";

/** What an include list says of a path. */
export interface Inclusion {
  /** The path itself is included. */
  readonly selected: boolean;
  /** Something below it may be, so a folder must be looked into. */
  readonly mayHoldSelected: boolean;
}

const MATCHED = 1;
const MAY_MATCH_BELOW = 2;
const ALL = MATCHED | MAY_MATCH_BELOW;
const INCLUSIONS: readonly Inclusion[] = [0, 1, 2, 3].map((bits) => ({
  selected: (bits & MATCHED) !== 0,
  mayHoldSelected: (bits & MAY_MATCH_BELOW) !== 0,
}));

// What is known of one pattern at one folder.
const HAS_MATCHED = 1;
const LEADS_ON = 2;

/**
 * Patterns of one kind, in order. A pattern with a leading "!" cancels matches of earlier ones.
 *
 * The set remembers what it found for the folders above the last path, so that a path in the same folder costs only a
 * look at its name. Any order of paths gives the same answers; walking a tree is fastest.
 */
export class PatternSet {
  readonly #patterns: readonly Pattern[];
  readonly #hasNegated: boolean;
  readonly #ignoreCase: boolean;

  // The folders above the last path: level n has the first n components. Level 0 is above all of a relative path.
  #isAbsolute: boolean | undefined;
  #top = 0;
  readonly #components: string[] = [];
  readonly #folders: string[] = [];
  readonly #states: Uint8Array[] = [];
  readonly #anyMatched: boolean[] = [];

  private constructor(patterns: readonly Pattern[], ignoreCase: boolean) {
    this.#patterns = patterns;
    this.#hasNegated = patterns.some((pattern) => pattern.isNegated);
    this.#ignoreCase = ignoreCase;
  }

  /**
   * Compiles patterns, one a line; empty ones are passed over. Lines are surrogate-escaped, as paths are.
   *
   * @throws ENGINE_PATTERN_INVALID naming all malformed lines
   */
  static parse(lines: readonly string[], { ignoreCase = false }: { ignoreCase?: boolean } = {}): PatternSet {
    const invalid: string[] = [];
    const patterns: Pattern[] = [];
    for (const line of lines) {
      if (line === "") continue;
      const pattern = Pattern.compile(toByteText(ignoreCase ? toLowerCase(line) : line));
      if (pattern === undefined) invalid.push(line);
      else patterns.push(pattern);
    }
    if (invalid.length > 0) throw engineError("ENGINE_PATTERN_INVALID", { patterns: invalid });
    return new PatternSet(patterns, ignoreCase);
  }

  /** True when there is no pattern, so nothing matches. */
  get isEmpty(): boolean {
    return this.#patterns.length === 0;
  }

  /** For excludes: whether the path, or a folder above it, is matched. */
  matches(path: string): boolean {
    return (this.#evaluate(path, MATCHED) & MATCHED) !== 0;
  }

  /** For includes: whether the path is matched, and whether something below it may be. */
  select(path: string): Inclusion {
    return INCLUSIONS[this.#evaluate(path, ALL)] as Inclusion;
  }

  /** @param wanted the bits that matter, so that it may stop early */
  #evaluate(path: string, wanted: number): number {
    if (path === "" || this.#patterns.length === 0) return 0;
    const text = toByteText(this.#ignoreCase ? toLowerCase(path) : path);
    const slash = text.lastIndexOf("/");
    this.#enterFolder(text, slash);
    const level = this.#top;
    if (wanted === MATCHED && !this.#hasNegated && this.#anyMatched[level] === true) return MATCHED;
    this.#components[level] = text.slice(slash + 1);
    return this.#combine(this.#states[level] as Uint8Array, level + 1, wanted);
  }

  /** Combines all patterns for the first `count` components, given what is known of the folder above. */
  #combine(above: Uint8Array, count: number, wanted: number): number {
    const patterns = this.#patterns;
    const components = this.#components;
    let result = 0;
    for (let n = 0; n < patterns.length; n++) {
      const pattern = patterns[n] as Pattern;
      const state = above[n] as number;
      const leadsOn = (state & LEADS_ON) !== 0 && pattern.leadsOn(components, count);
      const matched = (state & HAS_MATCHED) !== 0 || (leadsOn && pattern.matches(components, count));
      if (pattern.isNegated) {
        if (matched) result = 0;
        continue;
      }
      if (matched) result |= MATCHED;
      if (leadsOn) result |= MAY_MATCH_BELOW;
      if ((result & wanted) === wanted && !this.#hasNegated) break;
    }
    return result;
  }

  /** Makes the top level that of the folder `text.slice(0, slash)`, from the deepest one that is known already. */
  #enterFolder(text: string, slash: number): void {
    const isAbsolute = text.startsWith("/");
    if (isAbsolute !== this.#isAbsolute) this.#startAt(isAbsolute);
    const lowest = isAbsolute ? 1 : 0;
    while (this.#top > lowest && !isInFolder(text, slash, this.#folders[this.#top] as string)) this.#top -= 1;
    let at = isAbsolute ? 0 : -1;
    if (this.#top > lowest) at = (this.#folders[this.#top] as string).length;
    while (at < slash) {
      const next = text.indexOf("/", at + 1);
      this.#push(text.slice(at + 1, next), text.slice(0, next));
      at = next;
    }
  }

  #startAt(isAbsolute: boolean): void {
    this.#isAbsolute = isAbsolute;
    this.#top = 0;
    this.#states[0] = new Uint8Array(this.#patterns.length).fill(LEADS_ON);
    this.#anyMatched[0] = false;
    if (isAbsolute) this.#push("/", "");
  }

  #push(component: string, folder: string): void {
    const above = this.#states[this.#top] as Uint8Array;
    this.#components[this.#top] = component;
    const count = ++this.#top;
    const states = (this.#states[count] ??= new Uint8Array(this.#patterns.length));
    this.#folders[count] = folder;
    let anyMatched = false;
    for (let n = 0; n < states.length; n++) {
      const pattern = this.#patterns[n] as Pattern;
      const known = above[n] as number;
      const leadsOn = (known & LEADS_ON) !== 0 && pattern.leadsOn(this.#components, count);
      const matched = (known & HAS_MATCHED) !== 0 || (leadsOn && pattern.matches(this.#components, count));
      states[n] = (matched ? HAS_MATCHED : 0) | (leadsOn ? LEADS_ON : 0);
      anyMatched ||= matched;
    }
    this.#anyMatched[count] = anyMatched;
  }
}

/** What several include sets say together, such as one that ignores case and one that does not. */
export function selectFromAny(sets: readonly PatternSet[], path: string): Inclusion {
  let bits = 0;
  for (const set of sets) {
    const { selected, mayHoldSelected } = set.select(path);
    bits |= (selected ? MATCHED : 0) | (mayHoldSelected ? MAY_MATCH_BELOW : 0);
  }
  return INCLUSIONS[bits] as Inclusion;
}

function isInFolder(text: string, slash: number, folder: string): boolean {
  return folder.length <= slash && text.charCodeAt(folder.length) === 0x2f && text.startsWith(folder);
}
