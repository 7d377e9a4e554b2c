/** How long a server asks to be left alone: the header `Retry-After` (RFC 9110), in seconds or as a date. */

/** A day: what is longer, nobody waits for. */
const MOST_MS = 24 * 3_600_000;

/**
 * Milliseconds from now, at most a day; `undefined` where the header is missing or is neither of the two forms.
 * @param date the header `Date` of the same answer: a date is understood by the server's clock, whatever ours says
 */
export function parseRetryAfter(
  value: string | undefined,
  date: string | undefined,
  nowMs: number,
): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text) * 1000, MOST_MS);
  // A date begins with the name of its day; whatever else `Date.parse` would take is no answer of a server.
  const untilMs = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(untilMs)) return undefined;
  const serverNowMs = Date.parse(date ?? "");
  return Math.min(Math.max(0, untilMs - (Number.isNaN(serverNowMs) ? nowMs : serverNowMs)), MOST_MS);
}
