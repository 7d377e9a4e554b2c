/** Percentages as people type them. */

/** The number before the sign of `40%` or `2.5%`; `undefined` when the text is no percentage, or more than 100. */
export function parsePercent(text: string): number | undefined {
  const digits = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text)?.[1];
  const percent = Number(digits);
  return percent <= 100 ? percent : undefined;
}
