import { DEFAULT_LIMITS } from "@holdfast/protection";
import { describe, expect, test } from "vitest";
import { STOP_LIMITS } from "../definitions/stop-limits.ts";
import { GivenOptions } from "../given-options.ts";
import { Variables } from "../variables.ts";
import { refuseLimits, stopLimits } from "./limit-options.ts";

function given(typed: Readonly<Record<string, string>>): GivenOptions {
  const values = new Map(Object.entries(typed).map(([name, value]) => [name, [value]]));
  return new GivenOptions(STOP_LIMITS, values, Variables.take({}));
}

describe("limits of forget", () => {
  test("may all be left out", () => {
    expect(stopLimits(given({}))).toEqual(DEFAULT_LIMITS);
  });

  test.for<[typed: Record<string, string>, expected: Record<string, unknown>]>([
    // However few go: the limit was named.
    [{ "max-forget-share": "20%" }, { maxShare: 0.2, shareFrom: 1 }],
    [{ "max-forget-share": "2.5%" }, { maxShare: 0.025 }],
    [{ "max-forget-share": "100%" }, { maxShare: 1 }],
    [{ "max-forget-share": "0%" }, { maxShare: 0 }],
    [{ "max-forget-count": "7" }, { maxCount: 7, shareFrom: DEFAULT_LIMITS.shareFrom }],
    [{ "max-forget-count": "unlimited" }, { maxCount: Number.POSITIVE_INFINITY }],
    [{ "max-unseen": "5" }, { unseenPeriods: 5 }],
    [{ "max-unseen": "0" }, { unseenPeriods: 0 }],
    [{ "max-shrink": "50%" }, { maxShrink: 0.5 }],
    [{ "max-shrink": "100%" }, { maxShrink: 1 }],
    [{ "sizes-from": "2026-06-01T00:00:00Z" }, { sizesFromMs: Date.parse("2026-06-01") }],
    [{ "max-silence": "2d" }, { maxSilenceMs: 2 * 86_400_000 }],
    [{ "max-silence": "0" }, { maxSilenceMs: undefined }],
  ])("%o", ([typed, expected]) => {
    expect(stopLimits(given(typed))).toMatchObject(expected);
  });

  test.for<Record<string, string>>([
    { "max-forget-share": "20" },
    { "max-shrink": "0.3" },
    { "sizes-from": "yesterday" },
    { "max-forget-share": "0.2" },
    { "max-forget-share": "101%" },
    { "max-forget-share": "100.1%" },
    { "max-forget-share": "-1%" },
    { "max-forget-share": "20 %" },
    { "max-forget-share": "1e1%" },
    { "max-forget-share": "%" },
    { "max-forget-share": "" },
    { "max-forget-count": "-1" },
    { "max-forget-count": "ten" },
    { "max-forget-count": "1.5" },
    { "max-unseen": "often" },
    { "max-silence": "30" },
  ])("%o is not understood", (typed) => {
    expect(() => stopLimits(given(typed))).toThrow(expect.objectContaining({ code: "CLI_INVALID_VALUE" }));
  });

  test("are refused beside names", () => {
    expect(() => refuseLimits(given({}))).not.toThrow();
    expect(() => refuseLimits(given({ "max-forget-count": "3" }))).toThrow(
      expect.objectContaining({ code: "CLI_OPTIONS_CONFLICT" }),
    );
  });
});
