import { expect, test } from "vitest";
import { parseSearchTime } from "./search-time.ts";

const ns = (text: string): bigint => BigInt(Date.parse(text)) * 1_000_000n;

test.for([
  ["2026-11-01", "2026-11-01T00:00:00+01:00"],
  ["2026-11-01 22:08", "2026-11-01T22:08:00+01:00"],
  ["2026-11-01 22:08:41", "2026-11-01T22:08:41+01:00"],
  ["2026-11-01 22:08:41 -0730", "2026-11-01T22:08:41-07:30"],
  ["2026-11-01 22:08:41 UTC", "2026-11-01T22:08:41Z"],
  ["01.11.2026", "2026-11-01T00:00:00+01:00"],
  ["01.11.2026 22:08", "2026-11-01T22:08:00+01:00"],
  ["01.11.2026 22:08:41 +0000", "2026-11-01T22:08:41Z"],
  ["2026-11-01T22:08:41Z", "2026-11-01T22:08:41Z"],
] as const)("%s is %s in Berlin", ([text, time]) => {
  expect(parseSearchTime(text, "Europe/Berlin")).toBe(ns(time));
});

test.for(["", "yesterday", "1.1.2026", "31.02.2026", "2026-11-01 25:00", "2026-11-01 UTC", "01.11.2026x", "7d"])(
  "'%s' is no time",
  (text) => {
    expect(parseSearchTime(text, "Europe/Berlin")).toBeUndefined();
  },
);
