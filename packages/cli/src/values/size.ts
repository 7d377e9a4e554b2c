/** Sizes as restic writes them: `20m`, `1g`, a plain number of bytes. */
import { parseSizeBytes } from "@holdfast/engine";

/** Bytes, or `undefined` when the text is no size. */
export function parseSize(text: string): number | undefined {
  return /^\d{1,15}[bkmgt]?$/i.test(text) ? parseSizeBytes(text) : undefined;
}
