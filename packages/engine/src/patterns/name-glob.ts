/**
 * Patterns for one name, with the syntax and the results of Go's `filepath.Match`: `*` any bytes, `?` one character,
 * `[a-z]` and `[^a-z]` one character of a class, `\x` the character x itself.
 *
 * A pattern is cut before each run of stars into chunks of fixed form; a chunk that is plain text is compared as a
 * string.
 */
import { characterAt } from "./byte-text.ts";

/** True when a name, as byte text and without "/", matches. */
export type NameTest = (name: string) => boolean;

interface CharacterClass {
  readonly isNegated: boolean;
  /** Pairs of lowest and highest code point. */
  readonly ranges: readonly number[];
}

/** One step of a chunk: the code of a byte, any character, or one of a class. */
type Step = number | "any" | CharacterClass;

interface Chunk {
  /** Whether stars stand before it. */
  readonly afterStar: boolean;
  /** The text, when all steps are bytes. */
  readonly text: string | undefined;
  readonly steps: readonly Step[];
}

/** Compiles a pattern given as byte text; undefined if it is malformed. */
export function compileNameGlob(pattern: string): NameTest | undefined {
  const chunks: Chunk[] = [];
  for (let at = 0; at < pattern.length;) {
    const start = afterStars(pattern, at);
    const end = chunkEnd(pattern, start);
    const steps = parseSteps(pattern.slice(start, end));
    if (steps === undefined) return undefined;
    const isText = steps.every((step) => typeof step === "number");
    chunks.push({ afterStar: start > at, text: isText ? String.fromCharCode(...steps) : undefined, steps });
    at = end;
  }
  return testOf(chunks);
}

function afterStars(pattern: string, at: number): number {
  while (pattern[at] === "*") at += 1;
  return at;
}

/** The next star outside a class. As in Go, any "]" ends a class here, even one that stands for itself. */
function chunkEnd(pattern: string, at: number): number {
  let insideClass = false;
  for (; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === "\\") at += 1;
    else if (character === "[") insideClass = true;
    else if (character === "]") insideClass = false;
    else if (character === "*" && !insideClass) return at;
  }
  return pattern.length;
}

function parseSteps(chunk: string): Step[] | undefined {
  const steps: Step[] = [];
  for (let at = 0; at < chunk.length;) {
    if (chunk[at] === "[") {
      const parsed = parseClass(chunk, at + 1);
      if (parsed === undefined) return undefined;
      steps.push(parsed.step);
      at = parsed.end;
      continue;
    }
    if (chunk[at] === "?") steps.push("any");
    else {
      if (chunk[at] === "\\") at += 1;
      if (at >= chunk.length) return undefined;
      steps.push(chunk.charCodeAt(at));
    }
    at += 1;
  }
  return steps;
}

/** Reads a class from behind its "[". */
function parseClass(chunk: string, at: number): { step: CharacterClass; end: number } | undefined {
  const isNegated = chunk[at] === "^";
  if (isNegated) at += 1;
  const ranges: number[] = [];
  while (chunk[at] !== "]" || ranges.length === 0) {
    const low = parseClassCharacter(chunk, at);
    if (low === undefined) return undefined;
    let high = low;
    if (chunk[low.end] === "-") {
      const parsed = parseClassCharacter(chunk, low.end + 1);
      if (parsed === undefined) return undefined;
      high = parsed;
    }
    ranges.push(low.code, high.code);
    at = high.end;
  }
  return { step: { isNegated, ranges }, end: at + 1 };
}

function parseClassCharacter(chunk: string, at: number): { code: number; end: number } | undefined {
  if (chunk[at] === "-" || chunk[at] === "]") return undefined;
  if (chunk[at] === "\\") at += 1;
  const character = characterAt(chunk, at);
  const bytes = character & 7;
  const code = character >>> 3;
  // Not at the end, since the class must be closed after it; and no byte that is not UTF-8.
  if (at + bytes >= chunk.length || (code === 0xfffd && bytes === 1)) return undefined;
  return { code, end: at + bytes };
}

function testOf(chunks: readonly Chunk[]): NameTest {
  const [first, second] = chunks;
  const [text, suffix] = [first?.text, second?.text];
  if (first === undefined) return (name) => name === "";
  if (text === undefined || chunks.length > 2 || (second !== undefined && suffix === undefined)) {
    return (name) => matchesChunks(chunks, name);
  }
  if (first.afterStar) {
    if (second !== undefined) return (name) => matchesChunks(chunks, name);
    return text === "" ? () => true : (name) => name.endsWith(text);
  }
  if (suffix === undefined) return (name) => name === text;
  if (suffix === "") return (name) => name.startsWith(text);
  const shortest = text.length + suffix.length;
  return (name) => name.length >= shortest && name.startsWith(text) && name.endsWith(suffix);
}

/** Every chunk takes the first place where it fits; only the last must reach the end. */
function matchesChunks(chunks: readonly Chunk[], name: string): boolean {
  let at = 0;
  for (let n = 0; n < chunks.length; n++) {
    const chunk = chunks[n] as Chunk;
    const isLast = n === chunks.length - 1;
    if (chunk.afterStar && chunk.steps.length === 0) return true;
    const { text } = chunk;
    const end = text === undefined ? findSteps(chunk, name, at, isLast) : findText(chunk, text, name, at, isLast);
    if (end < 0) return false;
    at = end;
  }
  return at === name.length;
}

function findText(chunk: Chunk, text: string, name: string, at: number, isLast: boolean): number {
  if (!chunk.afterStar) return name.startsWith(text, at) ? at + text.length : -1;
  if (isLast) return name.length - text.length >= at && name.endsWith(text) ? name.length : -1;
  const found = name.indexOf(text, at);
  return found < 0 ? -1 : found + text.length;
}

function findSteps(chunk: Chunk, name: string, from: number, isLast: boolean): number {
  // A star skips bytes, not characters, so a step may start inside a character and see a byte of it alone.
  const lastStart = chunk.afterStar ? name.length : from;
  for (let start = from; start <= lastStart; start++) {
    const end = followSteps(chunk.steps, name, start);
    if (end === name.length || (end >= 0 && !isLast)) return end;
  }
  return -1;
}

/** Where the steps end that start at `at`; -1 if they do not fit. */
function followSteps(steps: readonly Step[], name: string, at: number): number {
  for (const step of steps) {
    if (at >= name.length) return -1;
    if (typeof step === "number") {
      if (name.charCodeAt(at) !== step) return -1;
      at += 1;
      continue;
    }
    const character = characterAt(name, at);
    if (step !== "any" && !isInClass(step, character >>> 3)) return -1;
    at += character & 7;
  }
  return at;
}

function isInClass({ isNegated, ranges }: CharacterClass, code: number): boolean {
  for (let n = 0; n < ranges.length; n += 2) {
    if ((ranges[n] as number) <= code && code <= (ranges[n + 1] as number)) return !isNegated;
  }
  return isNegated;
}
