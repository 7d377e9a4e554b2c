/** The retention lock, apart from HTTP. */
import { describe, expect, test } from "vitest";
import { type Removal, minimumAge, plannedOnly, purgeTime } from "./removal-rules.ts";

const DAY_MS = 24 * 3_600_000;
const NOW_MS = 1_800_000_000_000;

function removal(type: Removal["key"]["type"], ageMs: number | undefined): Removal {
  const receivedMs = ageMs === undefined ? undefined : NOW_MS - ageMs;
  return { key: { repository: "den", type, name: "ab".repeat(32) }, client: "keeper", receivedMs, nowMs: NOW_MS };
}

describe("the minimum age", () => {
  const rule = minimumAge(7 * DAY_MS);

  test.each(["config", "key", "snapshot", "pack", "hold"] as const)(
    "keeps a file of type %s until it is old enough",
    (type) => {
      expect(() => rule(removal(type, 7 * DAY_MS - 1))).toThrow(/received 7.0 days ago/);
      expect(() => rule(removal(type, -DAY_MS))).toThrow(/received 0.0 hours ago/);
      expect(() => rule(removal(type, undefined))).toThrow(/nobody knows/);
      expect(() => rule(removal(type, 7 * DAY_MS))).not.toThrow();
    },
  );

  test.each(["lock", "index", "forgotten", "evidence"] as const)("lets a file of type %s go young", (type) => {
    expect(() => rule(removal(type, 0))).not.toThrow();
  });

  test("of 0 keeps nothing", () => {
    expect(() => minimumAge(0)(removal("pack", undefined))).not.toThrow();
  });
});

describe("where nothing is removed without a plan", () => {
  test.each(["config", "key", "snapshot", "index", "pack", "forgotten", "hold", "evidence"] as const)(
    "a file of type %s needs one",
    (type) => {
      expect(() => plannedOnly(removal(type, DAY_MS))).toThrow(expect.objectContaining({ code: "SERVER_UNPLANNED" }));
      expect(() => plannedOnly({ ...removal(type, DAY_MS), plan: "ab".repeat(32) })).not.toThrow();
    },
  );

  test("a lock needs none, nor does a forgotten snapshot that is a snapshot again", () => {
    expect(() => plannedOnly(removal("lock", 0))).not.toThrow();
    expect(() => plannedOnly({ ...removal("forgotten", 0), isSpare: true })).not.toThrow();
    expect(() => plannedOnly({ ...removal("snapshot", 0), isSpare: true })).toThrow(/no plan/);
  });
});

test.each([
  { ageMs: 0, graceMs: DAY_MS, minAgeMs: 0, inDays: 1 },
  { ageMs: 0, graceMs: DAY_MS, minAgeMs: 7 * DAY_MS, inDays: 7 },
  { ageMs: 5 * DAY_MS, graceMs: 3 * DAY_MS, minAgeMs: 7 * DAY_MS, inDays: 3 },
  { ageMs: 5 * DAY_MS, graceMs: 0, minAgeMs: 7 * DAY_MS, inDays: 2 },
  { ageMs: undefined, graceMs: 0, minAgeMs: 7 * DAY_MS, inDays: 7 },
])("the trash keeps a file aged $ageMs ms for $inDays days", ({ ageMs, graceMs, minAgeMs, inDays }) => {
  expect(purgeTime(removal("index", ageMs), { graceMs, minAgeMs })).toBe(NOW_MS + inDays * DAY_MS);
});
