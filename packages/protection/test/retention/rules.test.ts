/** restic's rules, one by one, and where days begin. That all of them together are restic's: test/system/retention-differential.test.ts. */
import { describe, expect, test } from "vitest";
import type { Candidate, RetentionRules } from "../../src/retention/policy.ts";
import { DAY_MS, daily, kept, planAsRestic, planByDefault, removed, snapshot } from "./made-snapshots.ts";

const NOW = "2026-12-31T12:00:00Z";
const span = (years: number, months: number, days: number, hours: number) => ({ years, months, days, hours });
/** Snapshots whose ids are their times. */
const at = (...times: string[]): Candidate[] => times.map((time) => snapshot(time, time));
const keptOf = (candidates: Candidate[], rules: RetentionRules, more: object = {}): string[] =>
  kept(planAsRestic(candidates, { rules, now: NOW, ...more }));

const HISTORY = at(
  "2026-06-30T02:00:00Z",
  "2026-06-30T01:30:00Z",
  "2026-06-30T01:00:00Z",
  "2026-06-29T23:59:59Z",
  "2026-06-28T23:59:59Z",
  "2026-06-27T00:00:00Z",
  "2026-05-31T12:00:00Z",
  "2026-05-01T00:00:00Z",
  "2025-12-31T23:00:00Z",
  "2025-01-01T00:00:00Z",
);

describe("a rule keeps", () => {
  test.for<[string, RetentionRules, string[]]>([
    ["the last", { last: 2 }, ["2026-06-30T01:30:00Z", "2026-06-30T02:00:00Z"]],
    ["the newest of each hour", { hourly: 2 }, ["2026-06-30T01:30:00Z", "2026-06-30T02:00:00Z"]],
    [
      "the newest of each day that has any",
      { daily: 4 },
      ["2026-06-27T00:00:00Z", "2026-06-28T23:59:59Z", "2026-06-29T23:59:59Z", "2026-06-30T02:00:00Z"],
    ],
    ["the newest of each week, from Monday on", { weekly: 2 }, ["2026-06-28T23:59:59Z", "2026-06-30T02:00:00Z"]],
    [
      "the newest of each month",
      { monthly: 3 },
      ["2025-12-31T23:00:00Z", "2026-05-31T12:00:00Z", "2026-06-30T02:00:00Z"],
    ],
    ["the newest of each year", { yearly: 9 }, ["2025-12-31T23:00:00Z", "2026-06-30T02:00:00Z"]],
    ["all", { last: "unlimited" }, HISTORY.map(({ id }) => id).sort()],
    [
      "what lies within a duration, not on its edge",
      { within: span(0, 0, 0, 1) },
      ["2026-06-30T01:30:00Z", "2026-06-30T02:00:00Z"],
    ],
    [
      "the newest of each day within a duration",
      { withinDaily: span(0, 0, 2, 0) },
      ["2026-06-28T23:59:59Z", "2026-06-29T23:59:59Z", "2026-06-30T02:00:00Z"],
    ],
    [
      "the newest of each month within a duration",
      { withinMonthly: span(0, 1, 0, 0) },
      ["2026-05-31T12:00:00Z", "2026-06-30T02:00:00Z"],
    ],
    [
      "what any of several rules keeps, each counting on its own",
      { last: 1, daily: 2, weekly: 2 },
      ["2026-06-28T23:59:59Z", "2026-06-29T23:59:59Z", "2026-06-30T02:00:00Z"],
    ],
  ])("%s: %j", ([, rules, expected]) => {
    expect(keptOf(HISTORY, rules)).toEqual(expected);
  });

  test("the last week of a year and the first of the next as one, when they are", () => {
    expect(keptOf(at("2025-12-29T00:00:00Z", "2026-01-04T23:00:00Z", "2025-12-28T23:00:00Z"), { weekly: 9 })).toEqual([
      "2025-12-28T23:00:00Z",
      "2026-01-04T23:00:00Z",
    ]);
  });

  test("durations measured from the newest that is not in the future", () => {
    const history = at("2026-06-30T00:00:00Z", "2026-06-28T00:00:00Z", "2026-12-31T00:00:00Z");
    expect(keptOf(history, { within: span(0, 0, 1, 0) }, { now: "2026-07-01T00:00:00Z" })).toEqual([
      "2026-06-30T00:00:00Z",
      "2026-12-31T00:00:00Z",
    ]);
  });
});

describe("keep-tag", () => {
  const tagged = (id: string, ...tags: string[]): Candidate => snapshot(id, "2026-06-30T02:00:00Z", { tags });
  const history = [tagged("none"), tagged("a", "a"), tagged("a b", "a", "b"), tagged("c", "c")];
  test.for<[string[][], string[]]>([
    [[["a"]], ["a", "a b"]],
    [[["b", "a"]], ["a b"]],
    [
      [["b"], ["c"]],
      ["a b", "c"],
    ],
    [[[""]], ["none"]],
    [[["x"]], []],
  ])("%j keeps %j", ([tags, expected]) => {
    expect(keptOf(history, { tags })).toEqual(expected);
  });
});

describe("groups", () => {
  const history = [
    snapshot("1", "2026-06-01T02:00:00Z", { hostname: "a", paths: ["/x", "/y"], tags: ["t", "u"] }),
    snapshot("2", "2026-06-02T02:00:00Z", { hostname: "a", paths: ["/y", "/x"], tags: ["u", "t"] }),
    snapshot("3", "2026-06-03T02:00:00Z", { hostname: "a", paths: ["/x"], tags: [] }),
    snapshot("4", "2026-06-04T02:00:00Z", { hostname: "b", paths: ["/x"], tags: [] }),
  ];
  test.for<[("host" | "paths" | "tags")[], string[], string[]]>([
    [
      ["host", "paths"],
      ["2", "3", "4"],
      ["host a, /x", "host a, /x /y", "host b, /x"],
    ],
    [["host"], ["3", "4"], ["host a", "host b"]],
    [["paths"], ["2", "4"], ["/x", "/x /y"]],
    [["tags"], ["2", "4"], ["no tags", "tags t, u"]],
    [[], ["4"], ["all snapshots"]],
  ])("by %j", ([grouping, expected, titles]) => {
    const plan = planAsRestic(history, { rules: { last: 1 }, now: NOW, grouping });
    expect(kept(plan)).toEqual(expected);
    expect(plan.groups.map(({ title }) => title)).toEqual(titles);
  });
});

describe("where a day begins", () => {
  const BERLIN = { zone: "Europe/Berlin" };

  test("is where each snapshot was made, or in the zone of the policy", () => {
    const history = at("2026-06-30T00:30:00+02:00", "2026-06-29T22:15:00Z", "2026-06-29T12:00:00Z");
    // By their own clocks: 30, 29 and 29 June. In Berlin: 30, 30 and 29 June.
    expect(removed(planAsRestic(history, { rules: { daily: 9 }, now: NOW }))).toEqual(["2026-06-29T12:00:00Z"]);
    expect(removed(planAsRestic(history, { rules: { daily: 9 }, now: NOW, ...BERLIN }))).toEqual([
      "2026-06-29T22:15:00Z",
    ]);
  });

  test("a day that comes back, as the clocks of the snapshots differ, counts again, as in restic", () => {
    const history = at("2026-06-29T23:30:00Z", "2026-06-30T00:30:00+02:00", "2026-06-29T12:00:00Z");
    expect(removed(planAsRestic(history, { rules: { daily: 3 }, now: NOW }))).toEqual([]);
    expect(removed(planAsRestic(history, { rules: { daily: 2 }, now: NOW }))).toEqual(["2026-06-29T12:00:00Z"]);
  });

  test("an hour that is there twice is one, in either", () => {
    const twice = at("2026-10-25T02:10:00+02:00", "2026-10-25T02:50:00+02:00", "2026-10-25T02:10:00+01:00");
    expect(keptOf(twice, { hourly: 9 })).toEqual(["2026-10-25T02:10:00+01:00"]);
    expect(keptOf(twice, { hourly: 9 }, BERLIN)).toEqual(["2026-10-25T02:10:00+01:00"]);
    // By the clock of Greenwich they were two hours.
    expect(keptOf(twice, { hourly: 9 }, { zone: "UTC" })).toEqual([
      "2026-10-25T02:10:00+01:00",
      "2026-10-25T02:50:00+02:00",
    ]);
  });

  test("an hour that is not there is none: the hours round it are neighbours", () => {
    const round = at("2026-03-29T01:59:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:59:00+02:00");
    const expected = ["2026-03-29T01:59:00+01:00", "2026-03-29T03:59:00+02:00"];
    expect(keptOf(round, { hourly: 9 }, BERLIN)).toEqual(expected);
    expect(keptOf(round, { hourly: 9 })).toEqual(expected);
  });

  test.for([
    ["2026-03-29", 23],
    ["2026-10-25", 24], // Of 25 hours two are one.
    ["2026-06-30", 24],
  ] as const)("%s has %i hours and is one day", ([date, hours]) => {
    const start = Temporal.PlainDate.from(date).toZonedDateTime("Europe/Berlin");
    const end = start.add({ days: 1 }).epochMilliseconds;
    const times: string[] = [];
    for (let ms = start.epochMilliseconds; ms < end; ms += DAY_MS / 48) times.push(new Date(ms).toISOString());
    expect(keptOf(at(...times), { hourly: "unlimited" }, BERLIN).length).toBe(hours);
    expect(keptOf(at(...times), { daily: "unlimited" }, BERLIN).length).toBe(1);
  });

  test("a clock that is changed by half an hour", () => {
    // Lord Howe Island, 5 April 2026: at 02:00 back to 01:30.
    const round = at("2026-04-05T01:45:00+11:00", "2026-04-05T01:40:00+10:30", "2026-04-05T02:00:00+10:30");
    expect(keptOf(round, { hourly: 9 }, { zone: "Australia/Lord_Howe" })).toEqual([
      "2026-04-05T01:40:00+10:30",
      "2026-04-05T02:00:00+10:30",
    ]);
  });

  test("a day that a country left out", () => {
    // Samoa went from 29 to 31 December 2011.
    const round = at("2011-12-29T23:00:00-10:00", "2011-12-31T01:00:00+14:00");
    expect(keptOf(round, { daily: 9 }, { zone: "Pacific/Apia" }).length).toBe(2);
  });
});

describe("floors", () => {
  const history = daily("d", 30, "2026-06-30T02:00:00Z");
  const none = { atLeast: 0, minAgeMs: 0, oldestWhileUnfilled: false, newestVerified: false, newest: false };
  const ask = (candidates: Candidate[], floors: object, rules: RetentionRules = { tags: [["never"]] }): string[] =>
    kept(planByDefault(candidates, { rules, floors: { ...none, ...floors }, now: "2026-06-30T12:00:00Z" }));

  test("without any, a rule may keep nothing", () => {
    expect(ask(history, {})).toEqual([]);
  });
  test("the newest", () => {
    expect(ask(history, { newest: true })).toEqual(["d 2026-06-30"]);
  });
  test("the newest that is verified", () => {
    const verified = history.map((each, n) => (n === 3 || n === 7 ? { ...each, verifiedAtMs: 1 } : each));
    expect(ask(verified, { newestVerified: true })).toEqual(["d 2026-06-08"]);
    const plan = planByDefault(verified, { rules: { tags: [["never"]] }, now: NOW });
    const reasons = plan.groups[0]?.verdicts.find(({ id }) => id === "d 2026-06-08")?.reasons;
    expect(reasons).toEqual(["floor: it is the newest that is verified (1970-01-01 00:00)"]);
  });
  test("an incomplete one is told why it is not among them", () => {
    const partial = history.map((each, n) => (n === 28 ? { ...each, complete: false } : each));
    const asked = { rules: { last: 1 }, floors: { ...none, atLeast: 3 }, now: "2026-07-30T12:00:00Z" };
    const verdict = planByDefault(partial, asked).groups[0]?.verdicts.find(({ id }) => id === "d 2026-06-29");
    expect(verdict).toMatchObject({ keep: false });
    expect(verdict?.reasons.at(-1)).toMatch(/^floor: it is incomplete or damaged/);
  });
  test("at least so many that are complete", () => {
    const partial = history.map((each, n) => (n === 28 ? { ...each, complete: false } : each));
    expect(ask(partial, { atLeast: 3 })).toEqual(["d 2026-06-27", "d 2026-06-28", "d 2026-06-30"]);
  });
  test("what is younger than the minimum age, by its time or by its arrival", () => {
    const copied = history.map((each, n) =>
      n === 3 ? { ...each, receivedAtMs: Date.parse("2026-06-29T12:00:00Z") } : each,
    );
    expect(ask(copied, { minAgeMs: 2 * DAY_MS })).toEqual(["d 2026-06-04", "d 2026-06-29", "d 2026-06-30"]);
  });
  test("the oldest while a rule has not found enough", () => {
    expect(ask(history, { oldestWhileUnfilled: true }, { monthly: 2 })).toEqual(["d 2026-06-01", "d 2026-06-30"]);
    expect(ask(history, { oldestWhileUnfilled: true }, { monthly: 1 })).toEqual(["d 2026-06-30"]);
    expect(ask(history, { oldestWhileUnfilled: true }, { withinYearly: span(1, 0, 0, 0) })).toContain("d 2026-06-01");
    expect(ask(history, { oldestWhileUnfilled: true }, { withinYearly: span(0, 0, 7, 0) })).toEqual(["d 2026-06-30"]);
  });
  test("pinned and held ones, with the reason of the hold", () => {
    const held = history.map((each, n) => {
      if (n === 1) return { ...each, pinned: true };
      return n === 2 ? { ...each, holds: [{ id: "0123456789", reason: "case 4711" }] } : each;
    });
    expect(ask(held, {})).toEqual(["d 2026-06-02", "d 2026-06-03"]);
    const plan = planByDefault(held, { rules: { tags: [["never"]] }, now: NOW });
    const reasons = plan.groups[0]?.verdicts.find(({ id }) => id === "d 2026-06-03")?.reasons;
    expect(reasons).toContain("hold 01234567: case 4711");
  });
  test("a complete one never gives way to one that is not", () => {
    const partial = snapshot("partial", "2026-06-10T20:00:00Z", { complete: false });
    const asked = { rules: { daily: 30 }, floors: none, now: "2026-06-30T12:00:00Z" };
    expect(removed(planByDefault([...history, partial], asked))).toEqual([]);
    expect(removed(planAsRestic([...history, partial], asked))).toEqual(["d 2026-06-10"]);
  });
});

test("every snapshot has reasons in plain words", () => {
  const history = [
    ...daily("d", 10, "2026-06-10T02:00:00Z"),
    snapshot("future", "2027-01-01T00:00:00Z", { receivedAtMs: Date.parse(NOW) - DAY_MS }),
    snapshot("evening", "2026-06-09T20:00:00Z"),
  ];
  const rules = { daily: 2, withinWeekly: span(0, 1, 0, 0), tags: [["x"]] };
  const floors = { atLeast: 1, minAgeMs: 0, oldestWhileUnfilled: true, newestVerified: true, spares: 1 };
  const plan = planByDefault(history, { rules, floors, now: NOW });
  const reasons = Object.fromEntries(plan.groups[0]?.verdicts.map(({ id, reasons: all }) => [id, all]) ?? []);
  expect(reasons["future"]).toEqual(["suspicious: it arrived on 2026-12-30 12:00, before the time that it claims"]);
  expect(reasons["d 2026-06-10"]).toEqual([
    "keep-daily 2: it is the newest of 2026-06-10 (day 1 of 2)",
    "keep-within-weekly 1m: it is the newest of the week of 2026-06-08",
    "floor: it is the newest",
    "floor: it is number 1 of at least 1 complete ones",
  ]);
  expect(reasons["d 2026-06-09"]).toEqual(["spare: it is next to evening of 2026-06-09, should that one be false"]);
  expect(reasons["d 2026-06-08"]).toEqual([
    "keep-tag: it has not all tags of any list",
    "keep-daily 2: as many days are newer",
    "keep-within-weekly 1m: d 2026-0 is newer and stands for the week of 2026-06-08",
  ]);
  expect(reasons["d 2026-06-01"]).toEqual(["floor: it is the oldest, and keep-within-weekly 1m reaches further back"]);
});
