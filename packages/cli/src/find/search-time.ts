/** Times as restic's `find` takes them, beside those that all commands take. */
import { parseTime } from "../values/time.ts";

/** `01.11.2026` with what may follow. */
const DAY_FIRST = /^(\d{2})\.(\d{2})\.(\d{4})(?=$| )/;
/** `22:08:41 -0700`, `22:08:41 UTC`. */
const OFFSET = / (?:([+-]\d{2})(\d{2})|UTC|GMT)$/;

/** Nanoseconds since 1970; `undefined` when the text is no time. A day alone is its beginning. Local time without an offset. */
export function parseSearchTime(text: string, timeZone?: string): bigint | undefined {
  const dayLast = text.replace(DAY_FIRST, "$3-$2-$1");
  const standard = dayLast.replace(OFFSET, (_all, hours?: string, minutes?: string) =>
    hours === undefined ? "Z" : `${hours}:${minutes}`,
  );
  return parseTime(standard, timeZone);
}
