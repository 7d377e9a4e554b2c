import { describe, expect, test } from "vitest";
import { parseDuration } from "./duration.ts";

describe("parseDuration", () => {
  test.for<[string, number | undefined]>([
    ["90s", 90_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1.5h", 5_400_000],
    ["250ms", 250],
    ["0", 0],
    ["5", undefined],
    ["", undefined],
    ["-5m", undefined],
    ["5 m", undefined],
    ["5y", undefined],
  ])("%s", ([text, ms]) => {
    expect(parseDuration(text)).toBe(ms);
  });
});
