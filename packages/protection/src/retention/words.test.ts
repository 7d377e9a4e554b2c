/** Lengths of time in words. */
import { expect, test } from "vitest";
import { durationText, some } from "./words.ts";

const MINUTE = 60_000;
test.for([
  [0, "0 minutes"],
  [MINUTE, "1 minute"],
  [90 * MINUTE, "90 minutes"],
  [60 * MINUTE, "1 hour"],
  [1190 * MINUTE, "19.8 hours"],
  [1440 * MINUTE, "1 day"],
  [2160 * MINUTE, "36 hours"],
  [7 * 1440 * MINUTE, "7 days"],
  [3600 * MINUTE, "2.5 days"],
] as const)("%i ms are %s", ([ms, text]) => {
  expect(durationText(ms)).toBe(text);
});

test("a list of more than four is cut", () => {
  expect(some(["a", "b", "c", "d"])).toBe("a, b, c, d");
  expect(some(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c, d and 2 more");
});
