/** `--read-data-subset`: how much of the data a check reads. */
import { type DataSubset, parseSizeBytes } from "@holdfast/engine";
import { parsePercent } from "./percent.ts";

/** `n/t`, `x%` or a size; `undefined` when the text is none of them. */
export function parseDataSubset(text: string): DataSubset | undefined {
  const part = /^([1-9]\d{0,8})\/([1-9]\d{0,8})$/.exec(text);
  if (part !== null) {
    const [n, of] = [Number(part[1]), Number(part[2])];
    return n <= of ? { kind: "part", n, of } : undefined;
  }
  const percent = parsePercent(text);
  if (percent !== undefined) return percent > 0 ? { kind: "percent", percent } : undefined;
  if (!/^\d+[bkmgt]?$/i.test(text)) return undefined;
  const bytes = parseSizeBytes(text);
  return bytes > 0 ? { kind: "bytes", bytes } : undefined;
}
