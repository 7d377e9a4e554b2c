/** The instant that lies a span before another one. */
import { describe, expect, test } from "vitest";
import { instantBefore } from "./calendar-span.ts";
import { zoneOf } from "./zone.ts";

const NS_PER_MS = 1_000_000n;

/** @param span years, months, days, hours */
function before(
  text: string,
  span: readonly [number, number, number, number],
  zoneName = "snapshot",
  localZone?: string,
): string {
  const time = Temporal.ZonedDateTime.from(text);
  const zone = zoneOf(zoneName, localZone);
  const local = zone.localTime(time.epochNanoseconds, time.offsetNanoseconds / 1e9);
  const [years, months, days, hours] = span;
  const ns = instantBefore(time.epochNanoseconds, local, { years, months, days, hours }, zone);
  return Temporal.Instant.fromEpochMilliseconds(Number(ns / NS_PER_MS)).toString();
}

describe("goes back by the calendar, then by hours, as Go does", () => {
  test.for<[string, [number, number, number, number], string]>([
    ["2026-06-30T12:00:00Z[UTC]", [0, 0, 7, 0], "2026-06-23T12:00:00Z"],
    ["2026-06-30T12:00:00Z[UTC]", [1, 5, 7, 2], "2025-01-23T10:00:00Z"],
    ["2026-03-31T12:00:00Z[UTC]", [0, 1, 0, 0], "2026-03-03T12:00:00Z"],
    ["2024-03-31T12:00:00Z[UTC]", [0, 1, 0, 0], "2024-03-02T12:00:00Z"],
    ["2024-02-29T12:00:00Z[UTC]", [1, 0, 0, 0], "2023-03-01T12:00:00Z"],
    ["2026-01-15T12:00:00Z[UTC]", [0, 13, 0, 0], "2024-12-15T12:00:00Z"],
    ["2026-03-31T12:00:00Z[UTC]", [0, 1, 31, 0], "2026-01-31T12:00:00Z"],
    ["2026-06-30T01:00:00+02:00[+02:00]", [0, 0, 1, 0], "2026-06-28T23:00:00Z"],
  ])("%s less %j is %s", ([time, span, expected]) => {
    expect(before(time, span)).toBe(expected);
  });

  test("further than any calendar is before everything", () => {
    const time = Temporal.ZonedDateTime.from("2026-06-30T12:00:00Z[UTC]").epochNanoseconds;
    const zone = zoneOf("UTC");
    const span = { years: 999_999_999, months: 0, days: 0, hours: 0 };
    expect(instantBefore(time, zone.localTime(time, 0), span, zone)).toBeLessThan(-(2n ** 63n));
  });
});

describe("where clocks are changed", () => {
  const BERLIN = "Europe/Berlin";
  test.for<[string, [number, number, number, number], string]>([
    // A day is a day, be it of 23 or 25 hours; 24 hours are 24 hours.
    ["2026-03-29T12:00:00+02:00[Europe/Berlin]", [0, 0, 1, 0], "2026-03-28T11:00:00Z"],
    ["2026-03-29T12:00:00+02:00[Europe/Berlin]", [0, 0, 0, 24], "2026-03-28T10:00:00Z"],
    ["2026-10-25T12:00:00+01:00[Europe/Berlin]", [0, 0, 1, 0], "2026-10-24T10:00:00Z"],
    // 02:30 did not exist on 29 March: the earlier instant is 01:30 by the old clock.
    ["2026-03-30T02:30:00+02:00[Europe/Berlin]", [0, 0, 1, 0], "2026-03-29T00:30:00Z"],
    // 02:30 was there twice on 25 October: the first time counts.
    ["2026-10-26T02:30:00+01:00[Europe/Berlin]", [0, 0, 1, 0], "2026-10-25T00:30:00Z"],
  ])("%s less %j is %s", ([time, span, expected]) => {
    expect(before(time, span, BERLIN)).toBe(expected);
  });

  test("a snapshot's own offset knows no change", () => {
    expect(before("2026-03-29T12:00:00+02:00[Europe/Berlin]", [0, 0, 1, 0])).toBe("2026-03-28T10:00:00Z");
  });
});

describe("a snapshot's own offset, on a machine in Berlin", () => {
  test.for([
    ["is Berlin's: by its clock", "2026-03-29T12:00:00+02:00[+02:00]", "2026-03-28T11:00:00Z"],
    ["is another: as it is", "2026-03-29T12:00:00+01:00[+01:00]", "2026-03-28T11:00:00Z"],
    ["is another in winter: as it is", "2026-01-29T12:00:00+02:00[+02:00]", "2026-01-28T10:00:00Z"],
    ["is none: as it is", "2026-03-29T12:00:00Z[UTC]", "2026-03-28T12:00:00Z"],
    ["to an hour that came twice: as Go decides", "2026-10-26T02:30:00+01:00[+01:00]", "2026-10-25T01:30:00Z"],
    ["to an hour that was left out: as Go decides", "2026-03-30T02:30:00+02:00[+02:00]", "2026-03-29T01:30:00Z"],
  ] as const)("%s", ([, from, expected]) => {
    expect(before(from, [0, 0, 1, 0], "snapshot", "Europe/Berlin")).toBe(expected);
  });
});

test.for(["Mars/Olympus", "", "Europe/Berlin2"])("a zone called '%s' is refused", (name) => {
  expect(() => zoneOf(name)).toThrow(expect.objectContaining({ code: "PROTECTION_RETENTION_ZONE" }));
});
