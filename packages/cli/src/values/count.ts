/** Whole numbers as people type them. */

/** The number, or `undefined` when the text is none or it is out of bounds. */
export function parseCount(text: string, { min, max }: { min: number; max: number }): number | undefined {
  if (!/^[0-9]{1,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}
