/** Which entries of a snapshot stay when it is rewritten: patterns, with the meaning that they have for a backup and a restore. */
import { PatternSet, selectFromAny } from "../patterns/pattern-set.ts";

/** Patterns of one kind. */
export interface PatternLines {
  readonly lines: readonly string[];
  readonly ignoreCase: boolean;
}

/** Says what stays. Paths are surrogate-escaped and begin with a slash. */
export interface PathChoice {
  /** Whether an entry stays. What lies below a folder that does not is never asked for. */
  keeps(path: string, isFolder: boolean): boolean;
  /** Whether a folder stays of which nothing is left. */
  keepsEmpty(path: string): boolean;
}

/** Everything stays but what one of the patterns matches. @throws ENGINE_PATTERN_INVALID */
export function allBut(patterns: readonly PatternLines[]): PathChoice {
  const sets = patterns.map(({ lines, ignoreCase }) => PatternSet.parse(lines, { ignoreCase }));
  return { keeps: (path) => !sets.some((set) => set.matches(path)), keepsEmpty: () => true };
}

/** Only what one of the patterns matches stays, with the folders above it. @throws ENGINE_PATTERN_INVALID */
export function only(patterns: readonly PatternLines[]): PathChoice {
  const sets = patterns.map(({ lines, ignoreCase }) => PatternSet.parse(lines, { ignoreCase }));
  return {
    keeps: (path, isFolder) => {
      const { selected, mayHoldSelected } = selectFromAny(sets, path);
      return selected || (isFolder && mayHoldSelected);
    },
    keepsEmpty: (path) => selectFromAny(sets, path).selected,
  };
}

/** Everything stays: for counting what a snapshot holds. */
export const EVERYTHING: PathChoice = { keeps: () => true, keepsEmpty: () => true };
