/** Numbers in words, for reasons and explanations. */

const MINUTE_MS = 60_000;
const UNITS = [
  ["day", 1440],
  ["hour", 60],
  ["minute", 1],
] as const;

/** A length of time in the largest unit of which it has two, or just one: `7 days`, `36 hours`, `1 hour`, `2.5 days`. */
export function durationText(ms: number): string {
  const minutes = Math.round(ms / MINUTE_MS);
  const [unit, size] = UNITS.find(([, each]) => minutes >= 2 * each || minutes === each) ?? ["minute", 1];
  return counted(Math.round((minutes / size) * 10) / 10, unit);
}

/** `1 snapshot`, `2 snapshots`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Up to four things, and how many more there are. */
export function some(texts: readonly string[]): string {
  const shown = texts.slice(0, 4).join(", ");
  return texts.length > 4 ? `${shown} and ${texts.length - 4} more` : shown;
}
