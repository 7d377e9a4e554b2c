import { expect, test } from "vitest";
import { parseRetryAfter } from "./retry-after.ts";

const NOW = Date.parse("Sun, 01 Nov 2026 12:00:00 GMT");

test.each([
  ["0", undefined, 0],
  ["120", undefined, 120_000],
  [" 7 ", undefined, 7000],
  ["999999999", undefined, 86_400_000],
  ["Sun, 01 Nov 2026 12:01:30 GMT", undefined, 90_000],
  // The server's clock is an hour ahead: what counts is the difference.
  ["Sun, 01 Nov 2026 13:01:30 GMT", "Sun, 01 Nov 2026 13:00:00 GMT", 90_000],
  ["Sun, 01 Nov 2026 11:00:00 GMT", undefined, 0],
  ["Sunday, 01-Nov-26 12:00:10 GMT", undefined, 10_000],
  [undefined, undefined, undefined],
  ["", undefined, undefined],
  ["-5", undefined, undefined],
  ["1.5", undefined, undefined],
  ["soon", undefined, undefined],
  ["2026-11-01", undefined, undefined],
])("Retry-After %j with Date %j is %j ms", (value, date, expected) => {
  expect(parseRetryAfter(value, date, NOW)).toBe(expected);
});
