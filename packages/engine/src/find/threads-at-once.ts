/** How many threads a search begins with. */
import type { FindQuery } from "./query.ts";

/**
 * One for patterns that are paths, as only the few folders that lead there are searched, or so it is to be hoped; all for the
 * others, which go through everything.
 */
export function threadsAtOnce(query: FindQuery | undefined, most: number): number {
  if (query?.kind !== "names") return most;
  const isPath = (pattern: string): boolean => /^!*\//.test(pattern) && !pattern.includes("**");
  return query.patterns.length > 0 && query.patterns.every(isPath) ? 1 : most;
}
