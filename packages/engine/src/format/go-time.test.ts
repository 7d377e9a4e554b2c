import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";

import { GO_ZERO_TIME_NS, parseGoTime } from "./go-time.ts";

const SECOND = 1_000_000_000n;
const ownZone = process.env["TZ"];

/** The module with empty caches, in another zone. */
async function inZone(zone: string): Promise<typeof import("./go-time.ts")> {
  process.env["TZ"] = zone;
  vi.resetModules();
  return import("./go-time.ts");
}

afterEach(() => {
  if (ownZone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = ownZone;
});

describe("formatGoTime", () => {
  // The expected texts are what Go 1.26 and restic's correction of years make of these instants.
  test.for([
    ["UTC", 0n, 0n, "1970-01-01T00:00:00Z"],
    ["UTC", 1_600_000_000n, 120n, "2020-09-13T12:26:40.00000012Z"],
    ["UTC", 1_600_000_000n, 500_000_000n, "2020-09-13T12:26:40.5Z"],
    ["UTC", 1_600_000_000n, 123_000_000n, "2020-09-13T12:26:40.123Z"],
    ["UTC", 1_600_000_000n, 123_456_000n, "2020-09-13T12:26:40.123456Z"],
    ["UTC", 1_600_000_000n, 123_456_789n, "2020-09-13T12:26:40.123456789Z"],
    ["UTC", -1n, 999_999_999n, "1969-12-31T23:59:59.999999999Z"],
    ["UTC", 951_782_400n, 0n, "2000-02-29T00:00:00Z"],
    ["UTC", 253_402_300_799n, 0n, "9999-12-31T23:59:59Z"],
    ["UTC", 253_402_300_800n, 0n, "9999-01-01T00:00:00Z"],
    ["UTC", 253_407_398_400n, 0n, "9999-03-01T00:00:00Z"],
    ["UTC", -62_167_219_201n, 0n, "0000-12-31T23:59:59Z"],
    ["Europe/Berlin", 1_600_000_000n, 0n, "2020-09-13T14:26:40+02:00"],
    ["Europe/Berlin", 1_616_893_199n, 0n, "2021-03-28T01:59:59+01:00"],
    ["Europe/Berlin", 1_616_893_200n, 0n, "2021-03-28T03:00:00+02:00"],
    ["Europe/Berlin", -5_000_000_000n, 0n, "1811-07-23T16:00:08+00:53"],
    ["America/St_Johns", 1_600_000_000n, 0n, "2020-09-13T09:56:40-02:30"],
    ["Asia/Kathmandu", 1_600_000_000n, 0n, "2020-09-13T18:11:40+05:45"],
    ["Africa/Monrovia", 0n, 0n, "1969-12-31T23:15:30-00:44"],
    ["America/New_York", 980_911_586_805n, 196_114_116n, "9999-11-07T03:46:45.196114116-05:00"],
    ["Europe/Berlin", -62_135_596_800n, 0n, "0001-01-01T00:00:00Z"],
  ] as const)("%s, second %s and %s ns: %s", async ([zone, seconds, nanos, text]) => {
    const { formatGoTime } = await inZone(zone);
    expect(formatGoTime(seconds * SECOND + nanos)).toBe(text);
    expect(formatGoTime(seconds * SECOND + nanos)).toBe(text);
  });

  test("years far outside of any calendar still give a text of four digits", async () => {
    const { formatGoTime } = await inZone("America/New_York");
    for (const seconds of [2n ** 62n, -(2n ** 62n), 2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(parseGoTime(formatGoTime(seconds * SECOND + 5n))).toBeTypeOf("bigint");
    }
  });

  test("caches never change a result: any order of instants gives the text of each alone", async () => {
    const { formatGoTime } = await inZone("Australia/Lord_Howe");
    const instant = fc.bigInt({ min: -2_000_000_000n, max: 6_000_000_000n });
    fc.assert(
      fc.property(fc.array(instant, { maxLength: 50 }), (instants) => {
        for (const seconds of instants) {
          const date = new Date(Number(seconds) * 1000);
          const pad = (value: number): string => String(value).padStart(2, "0");
          const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":");
          expect(formatGoTime(seconds * SECOND)).toContain(
            `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${clock}`,
          );
        }
      }),
    );
  });
});

describe("parseGoTime", () => {
  test("gives back every instant that was written without loss", async () => {
    for (const zone of ["UTC", "America/St_Johns", "Pacific/Apia"]) {
      const { formatGoTime } = await inZone(zone);
      fc.assert(
        fc.property(fc.bigInt({ min: -1_000_000_000n * SECOND, max: 253_402_000_000n * SECOND }), (ns) => {
          expect(parseGoTime(formatGoTime(ns))).toBe(ns);
        }),
        { numRuns: 1000 },
      );
    }
  });

  test.for([
    ["0001-01-01T00:00:00Z", GO_ZERO_TIME_NS],
    ["1970-01-01T00:00:00.000000001+00:00", 1n],
    ["1970-01-01T01:00:00+01:00", 0n],
    ["1969-12-31T19:00:00-05:00", 0n],
    ["2000-02-29T00:00:00Z", 951_782_400n * SECOND],
  ] as const)("%s", ([text, ns]) => {
    expect(parseGoTime(text)).toBe(ns);
  });

  test.for([
    "",
    "2020-01-01",
    "2020-01-01T00:00:00",
    "2020-01-01 00:00:00Z",
    "2020-13-01T00:00:00Z",
    "2020-00-01T00:00:00Z",
    "2021-02-29T00:00:00Z",
    "2020-04-31T00:00:00Z",
    "2020-01-00T00:00:00Z",
    "2020-01-01T24:00:00Z",
    "2020-01-01T00:60:00Z",
    "2020-01-01T00:00:60Z",
    "2020-01-01T00:00:00.Z",
    "2020-01-01T00:00:00.1234567890Z",
    "2020-01-01T00:00:00+24:00",
    "2020-01-01T00:00:00+0100",
    "2020-01-01T00:00:00+01:00 ",
    "2020-01-01T00:00:00Zx",
    "+020-01-01T00:00:00Z",
    "2020-1 -01T00:00:00Z",
    "12020-01-01T00:00:00Z",
  ])("%j is not a time", (text) => {
    expect(parseGoTime(text)).toBeUndefined();
  });
});
