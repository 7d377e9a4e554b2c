/** Times as people type them: in the local time zone unless they name one. */

/**
 * Nanoseconds since 1970 of `2026-11-01`, `2026-11-01 22:08`, `2026-11-01 22:08:41` (restic's form, local time; fractions of a
 * second allowed) or an RFC 3339 time with its offset. `undefined` when the text is none.
 */
export function parseTime(text: string, timeZone: string = Temporal.Now.timeZoneId()): bigint | undefined {
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(text)) return undefined;
  try {
    if (/(Z|[+-]\d{2}:\d{2})$/.test(text)) return Temporal.Instant.from(text).epochNanoseconds;
    return Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone).epochNanoseconds;
  } catch (error) {
    // A day or an hour that does not exist.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The end of what `parseTime` understands: a day without a time of day counts to its last nanosecond. */
export function parseTimeEnd(text: string, timeZone: string = Temporal.Now.timeZoneId()): bigint | undefined {
  const ns = parseTime(text, timeZone);
  if (ns === undefined || text.length > "2026-11-01".length) return ns;
  return Temporal.PlainDate.from(text).add({ days: 1 }).toZonedDateTime(timeZone).epochNanoseconds - 1n;
}
