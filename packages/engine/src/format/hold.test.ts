import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeHold, encodeHold, isDate, type HoldFields } from "./hold.ts";
import { parseId } from "./id.ts";

const ID = parseId("ab".repeat(32));
const GOOD = `{"version":1,"created":"2026-11-01T10:00:00.000Z","selector":{"hosts":["box"]},"reason":"audit","owner":"ann@box","review_on":"2027-01-31"}`;
const read = (json: string) => decodeHold(Buffer.from(json));

describe("a hold's document", () => {
  test("is this JSON", () => {
    const fields: HoldFields = {
      selector: {
        hosts: ["box"],
        paths: ["/srv"],
        tags: [["a", "b"], []],
        ids: [ID],
        fromNs: 1_700_000_000_000_000_001n,
        toNs: 1_800_000_000_000_000_000n,
      },
      reason: 'case "7"',
      owner: "ann@box",
      reviewOn: "2027-01-31",
      createdAtMs: Date.UTC(2026, 10, 1, 10),
    };
    expect(Buffer.from(encodeHold(fields)).toString()).toBe(
      `{"version":1,"created":"2026-11-01T10:00:00.000Z","selector":{"hosts":["box"],"paths":["/srv"],"tags":[["a","b"],[]],` +
        `"ids":["${ID}"],"from":"2023-11-14T22:13:20.000000001Z","to":"2027-01-15T08:00:00Z"},` +
        `"reason":"case \\"7\\"","owner":"ann@box","review_on":"2027-01-31"}`,
    );
    expect(decodeHold(encodeHold(fields))).toEqual(fields);
  });

  test("comes back as it was", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 20 });
    const texts = fc.array(text, { minLength: 1, maxLength: 3 });
    const instant = fc.bigInt({ min: -2_000_000_000_000_000_000n, max: 4_000_000_000_000_000_000n });
    const selector = fc.record(
      {
        hosts: texts,
        paths: texts,
        tags: fc.array(fc.array(text, { maxLength: 3 }), { minLength: 1, maxLength: 3 }),
        ids: fc.constant([ID]),
        fromNs: instant,
        toNs: instant,
      },
      { requiredKeys: [] },
    );
    const fields = fc.record({
      selector,
      reason: text,
      owner: text,
      reviewOn: fc.constantFrom("2024-02-29", "2027-12-31"),
      createdAtMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    });
    fc.assert(
      fc.property(fields, (hold) => {
        expect(decodeHold(encodeHold(hold))).toEqual(hold);
      }),
    );
  });

  test.for([
    ["no JSON", "{"],
    ["a list", "[]"],
    ["a newer version", GOOD.replace(`"version":1`, `"version":2`)],
    ["no version", GOOD.replace(`"version":1,`, "")],
    ["a field that is not known", GOOD.replace(`"version":1`, `"version":1,"until":"2030-01-01"`)],
    ["a criterion that is not known", GOOD.replace(`"hosts"`, `"users"`)],
    ["no selector", GOOD.replace(`"selector":{"hosts":["box"]},`, "")],
    ["hosts that are no list", GOOD.replace(`["box"]`, `"box"`)],
    ["tags that are no list of lists", GOOD.replace(`"hosts":["box"]`, `"tags":["a"]`)],
    ["an id that is none", GOOD.replace(`"hosts":["box"]`, `"ids":["ab"]`)],
    ["a time that is none", GOOD.replace(`"hosts":["box"]`, `"from":"yesterday"`)],
    ["a review that is no date", GOOD.replace("2027-01-31", "2027-02-30")],
    ["no reason", GOOD.replace(`"reason":"audit",`, "")],
    ["an owner that is no text", GOOD.replace(`"ann@box"`, "7")],
    ["no time of its making", GOOD.replace(`"created":"2026-11-01T10:00:00.000Z",`, "")],
  ] as const)("is refused with %s", ([, json]) => {
    expect(() => read(json)).toThrow(expect.objectContaining({ code: "ENGINE_MALFORMED" }));
  });

  test("is understood as written by hand", () => {
    expect(read(GOOD).selector).toEqual({ hosts: ["box"] });
  });
});

test.for([
  ["2026-02-28", true],
  ["2024-02-29", true],
  ["2026-02-29", false],
  ["2026-13-01", false],
  ["2026-1-1", false],
  ["", false],
  ["2026-01-01T00:00:00Z", false],
] as const)("'%s' is a date: %s", ([text, expected]) => {
  expect(isDate(text)).toBe(expected);
});
