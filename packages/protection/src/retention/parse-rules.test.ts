/** The values of `--keep-…`. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { spanText } from "./calendar-span.ts";
import { parseRetentionOptions, type RetentionTexts } from "./parse-rules.ts";

const span = (years: number, months: number, days: number, hours: number) => ({ years, months, days, hours });

describe("values that are understood", () => {
  test.for<[RetentionTexts, object]>([
    [{ "keep-last": "7" }, { last: 7 }],
    [
      { "keep-hourly": "unlimited", "keep-daily": "-1" },
      { hourly: "unlimited", daily: "unlimited" },
    ],
    [
      { "keep-weekly": " 4 ", "keep-monthly": "+12", "keep-yearly": "007" },
      { weekly: 4, monthly: 12, yearly: 7 },
    ],
    [
      { "keep-daily": "0", "keep-last": "1" },
      { daily: 0, last: 1 },
    ],
    [{ "keep-within": "1y5m7d2h" }, { within: span(1, 5, 7, 2) }],
    [{ "keep-within-hourly": "2d" }, { withinHourly: span(0, 0, 2, 0) }],
    [{ "keep-within-daily": "2h1y" }, { withinDaily: span(1, 0, 0, 2) }],
    [{ "keep-within-weekly": " 30d" }, { withinWeekly: span(0, 0, 30, 0) }],
    [
      { "keep-within-monthly": "0y6m", "keep-within-yearly": "10y" },
      { withinMonthly: span(0, 6, 0, 0), withinYearly: span(10, 0, 0, 0) },
    ],
    [{ "keep-tag": ["a", " b, c "] }, { tags: [["a"], ["b", "c"]] }],
    [{ "keep-tag": [""] }, { tags: [[""]] }],
  ])("%j", ([texts, rules]) => {
    expect(parseRetentionOptions(texts)).toEqual(rules);
  });

  test("every duration is read back as it is written", () => {
    const units = fc.tuple(fc.nat(99_999), fc.nat(999), fc.nat(9999), fc.nat(999_999));
    fc.assert(
      fc.property(units, (values) => {
        fc.pre(values.some((value) => value > 0));
        const within = span(...values);
        expect(parseRetentionOptions({ "keep-within": spanText(within) }).within).toEqual(within);
      }),
    );
  });
});

describe("values that are refused name the option", () => {
  test.for(["", "x", "-2", "1.5", "7d", "1e3", "0x7", "12345678901", "unlimitedd", "7 8"])(
    "a count of '%s'",
    (text) => {
      expect(() => parseRetentionOptions({ "keep-daily": text })).toThrow(`'${text}' is no value for --keep-daily`);
    },
  );

  test.for([
    ["", "it is empty"],
    ["7", "no unit stands after 7"],
    ["d", 'a number must stand before "d"'],
    ["-7d", 'a number must stand before "-7d"'],
    ["7d3", "no unit stands after 3"],
    ["7w", '"w" is no unit'],
    ["7D", '"D" is no unit'],
    ["1y 2d", 'a number must stand before " 2d"'],
    ["7d3d", '"d" stands in it twice'],
    ["1.5d", '"." is no unit'],
    ["9999999999h", "9999999999 is too large"],
  ])("a duration of '%s': %s", ([text = "", reason]) => {
    const parse = () => parseRetentionOptions({ "keep-within-monthly": text });
    expect(parse).toThrow(`'${text}' is no duration for --keep-within-monthly: ${reason}`);
  });
});

test.for<RetentionTexts>([
  {},
  { "keep-last": "0" },
  { "keep-daily": "0", "keep-within": "0d" },
  { "keep-within-daily": "0y0m0d0h" },
  { "keep-tag": [] },
])("a policy that keeps nothing is refused: %j", (texts) => {
  expect(() => parseRetentionOptions(texts)).toThrow(
    expect.objectContaining({ code: "PROTECTION_RETENTION_KEEPS_NOTHING" }),
  );
});
