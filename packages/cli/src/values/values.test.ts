import { describe, expect, test } from "vitest";
import { parseCount } from "./count.ts";
import { parseDataSubset } from "./data-subset.ts";
import { parseTime } from "./time.ts";

describe("parseTime", () => {
  const seconds = (ns: bigint | undefined): number | undefined =>
    ns === undefined ? undefined : Number(ns / 1_000_000_000n);

  test("a time without a zone is local", () => {
    expect(seconds(parseTime("2026-07-01 12:00:00", "Europe/Berlin"))).toBe(Date.UTC(2026, 6, 1, 10) / 1000);
    expect(seconds(parseTime("2026-07-01", "Europe/Berlin"))).toBe(Date.UTC(2026, 5, 30, 22) / 1000);
    expect(seconds(parseTime("2026-07-01 12:00", "UTC"))).toBe(Date.UTC(2026, 6, 1, 12) / 1000);
  });

  test("a time with a zone is where it says", () => {
    expect(seconds(parseTime("2026-07-01T12:00:00Z", "Europe/Berlin"))).toBe(Date.UTC(2026, 6, 1, 12) / 1000);
    expect(seconds(parseTime("2026-07-01T12:00:00+02:00", "UTC"))).toBe(Date.UTC(2026, 6, 1, 10) / 1000);
  });

  test("fractions are kept to the nanosecond", () => {
    expect(parseTime("1970-01-01 00:00:00.123456789", "UTC")).toBe(123_456_789n);
  });

  test.for(["2026-02-30", "2026-01-01 24:30:00", "tomorrow", "2026", "12:00"])("%s is no time", (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});

describe("parseCount", () => {
  const parse = (text: string): number | undefined => parseCount(text, { min: 4, max: 128 });

  test("takes whole numbers within its bounds", () => {
    expect(["4", "16", "128"].map(parse)).toEqual([4, 16, 128]);
    expect(["3", "129", "-5", "5.0", "1e1", "", " 5"].map(parse)).toEqual(Array.from({ length: 7 }));
  });
});

describe("parseDataSubset", () => {
  test.for<[string, unknown]>([
    ["1/7", { kind: "part", n: 1, of: 7 }],
    ["7/7", { kind: "part", n: 7, of: 7 }],
    ["8/7", undefined],
    ["0/7", undefined],
    ["5%", { kind: "percent", percent: 5 }],
    ["2.5%", { kind: "percent", percent: 2.5 }],
    ["0%", undefined],
    ["101%", undefined],
    ["10G", { kind: "bytes", bytes: 10 * 1024 ** 3 }],
    ["500", { kind: "bytes", bytes: 500 }],
    ["0", undefined],
    ["all", undefined],
  ])("%s", ([text, subset]) => {
    expect(parseDataSubset(text)).toEqual(subset);
  });
});
