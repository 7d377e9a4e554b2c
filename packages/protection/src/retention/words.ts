/** Numbers in words, for reasons and explanations. */

const MINUTE_MS = 60_000;
const UNITS = [
  ["day", 1440],
  ["hour", 60],
  ["minute", 1],
] as const;

/** A length of time in the largest unit that divides it, or with one digit behind the point: `7 days`, `36 hours`, `2.5 days`. */
export function durationText(ms: number): string {
  const minutes = Math.round(ms / MINUTE_MS);
  const exact = UNITS.find(([, size]) => minutes >= size && minutes % size === 0);
  if (exact !== undefined) return counted(minutes / exact[1], exact[0]);
  const [unit, size] = UNITS.find(([, least]) => minutes >= least * 2) ?? UNITS[2];
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
