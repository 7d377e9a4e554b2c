/** `--read-data-subset`: how much of the data a check reads. */
import { type DataSubset, parseSizeBytes } from "@holdfast/engine";

/** `n/t`, `x%` or a size; `undefined` when the text is none of them. */
export function parseDataSubset(text: string): DataSubset | undefined {
  const part = /^([1-9]\d{0,8})\/([1-9]\d{0,8})$/.exec(text);
  if (part !== null) {
    const [n, of] = [Number(part[1]), Number(part[2])];
    return n <= of ? { kind: "part", n, of } : undefined;
  }
  const percent = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text)?.[1];
  if (percent !== undefined) {
    const value = Number(percent);
    return value > 0 && value <= 100 ? { kind: "percent", percent: value } : undefined;
  }
  if (!/^\d+[bkmgt]?$/i.test(text)) return undefined;
  const bytes = parseSizeBytes(text);
  return bytes > 0 ? { kind: "bytes", bytes } : undefined;
}
