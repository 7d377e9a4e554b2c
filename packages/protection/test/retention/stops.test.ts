/** When a plan is not to be carried out, and how somebody allows it. */
import { describe, expect, test } from "vitest";
import type { Candidate, SnapshotSize, StopLimits } from "../../src/retention/policy.ts";
import { DEFAULT_LIMITS, NO_FLOORS, NO_LIMITS } from "../../src/retention/policy.ts";
import { applyStops } from "../../src/retention/stops.ts";
import { daily, DAY_MS, HOUR_MS, planByDefault, snapshot } from "./made-snapshots.ts";

const NOON = "2026-06-30T12:00:00Z";
const DAILY = daily("d", 30, "2026-06-30T02:00:00Z");

function stops(candidates: readonly Candidate[], limits: Partial<StopLimits>, last: number, now = NOON) {
  const all = { ...NO_LIMITS, ...limits };
  return planByDefault(candidates, { rules: { last }, floors: NO_FLOORS, limits: all, now }).stops;
}
const codes = (...asked: Parameters<typeof stops>): string[] => stops(...asked).map(({ code }) => code);

describe("too much at once", () => {
  test.for<[Partial<StopLimits>, number, string[]]>([
    [{ maxShare: 0.5 }, 15, []],
    [{ maxShare: 0.5 }, 14, ["too-large-share"]],
    [{ maxShare: 0.5, shareFrom: 16 }, 14, ["too-large-share"]],
    [{ maxShare: 0.5, shareFrom: 17 }, 14, []],
    [{ maxShare: 0 }, 30, []],
    [{ maxShare: 0 }, 29, ["too-large-share"]],
    [{ maxCount: 10 }, 20, []],
    [{ maxCount: 10 }, 19, ["too-many"]],
    [{ maxShare: 0.1, maxCount: 1 }, 1, ["too-large-share", "too-many"]],
    [{}, 1, []],
  ])("%j, keep-last %i: %j", ([limits, last, expected]) => {
    expect(codes(DAILY, limits, last)).toEqual(expected);
  });

  test("says how much", () => {
    expect(stops(DAILY, { maxShare: 0.5 }, 10)[0]?.explanation).toBe(
      "20 of 30 snapshots of host h, /a would go, more than 50 %",
    );
    expect(stops(DAILY, { maxShare: 0.025 }, 10)[0]?.explanation).toContain("more than 2.5 %");
    expect(stops(DAILY, { maxShare: 0.07 }, 10)[0]?.explanation).toContain("more than 7 %");
  });

  test("suspicious snapshots do not make a share smaller", () => {
    const future = daily("future", 100, "2027-01-01T02:00:00Z", { receivedAtMs: Date.parse(NOON) - HOUR_MS });
    expect(codes([...DAILY, ...future], { maxShare: 0.5 }, 14)).toEqual(["too-large-share"]);
  });

  test("the groups together count too", () => {
    const hosts = ["a", "b", "c"].flatMap((hostname) => daily(hostname, 12, "2026-06-30T02:00:00Z", { hostname }));
    // Each group is below the number from which its share is judged.
    expect(stops(hosts, { maxShare: 0.5, shareFrom: 10 }, 4)).toEqual([
      expect.objectContaining({
        code: "too-large-share",
        explanation: expect.stringContaining("16 of 24 snapshots of 2 of 3 groups together") as string,
      }),
    ]);
  });
});

describe("groups that lose nothing", () => {
  test("do not make the share of the others smaller", () => {
    const real = ["a", "b", "c"].flatMap((hostname) => daily(hostname, 12, "2026-06-30T02:00:00Z", { hostname }));
    const bogus = Array.from({ length: 100 }, (_, n) => snapshot(`bogus ${n}`, NOON, { hostname: `bogus ${n}` }));
    const [stop] = stops([...real, ...bogus], { maxShare: 0.5, shareFrom: 10 }, 4);
    expect(stop?.explanation).toBe("16 of 24 snapshots of 2 of 103 groups together would go, more than 50 %");
    expect(stop?.group).toBeUndefined();
  });
});

describe("a group that is not seen any more", () => {
  const limits = { unseenPeriods: 2 };
  const later = (days: number): string => new Date(Date.parse("2026-06-30T02:00:00Z") + days * DAY_MS).toISOString();

  test.for<[string, Candidate[], number, string[]]>([
    ["daily, two days later", DAILY, 2, []],
    ["daily, a little more", DAILY, 2.1, ["group-unseen"]],
    ["weekly, two weeks later", daily("w", 60, later(0)).filter((_, n) => n % 7 === 3), 14, []],
    ["weekly, a month later", daily("w", 60, later(0)).filter((_, n) => n % 7 === 3), 30, ["group-unseen"]],
    ["on working days, over a weekend", daily("x", 30, "2026-06-26T02:00:00Z").filter((_, n) => n % 7 < 5), 0, []],
    ["three in all: too few to know", DAILY.slice(-3), 90, []],
  ])("%s", ([, history, days, expected]) => {
    expect(codes(history, limits, 1, later(days))).toEqual(expected);
  });

  test("hourly in working hours: not every night", () => {
    const hours = daily("d", 20, "2026-06-30T00:00:00Z").flatMap((day) =>
      Array.from({ length: 8 }, (_, n) => ({
        ...snapshot(`${day.id} ${n}`, NOON),
        timeNs: day.timeNs + BigInt((n + 9) * HOUR_MS) * 1_000_000n,
      })),
    );
    const known = hours.map((each) => ({ ...each, receivedAtMs: Number(each.timeNs / 1_000_000n) }));
    expect(codes(known, limits, 1, "2026-07-01T03:00:00Z")).toEqual([]);
    expect(codes(known, limits, 1, "2026-07-02T12:00:00Z")).toEqual(["group-unseen"]);
  });

  test("backups made by hand within minutes are no period", () => {
    const quick = Array.from({ length: 5 }, (_, n) => ({
      ...snapshot(`q${n}`, NOON),
      timeNs: BigInt(Date.parse(later(0)) + n * 20_000) * 1_000_000n,
      receivedAtMs: Date.parse(later(0)) + n * 20_000,
    }));
    expect(codes(quick, limits, 1, later(0.5))).toEqual([]);
    expect(codes(quick, limits, 1, later(1.1))).toEqual(["group-unseen"]);
  });

  test("after its history was thinned out", () => {
    const thinned = [
      ...DAILY.slice(-8),
      ...DAILY.filter((_, n) => n % 7 === 0),
      ...daily("m", 1, "2026-01-01T02:00:00Z"),
    ];
    expect(codes([...new Set(thinned)], limits, 1, later(2.5))).toEqual(["group-unseen"]);
  });

  test("that would lose nothing stops nothing", () => {
    expect(codes(DAILY, limits, 30, later(50))).toEqual([]);
  });

  test("spares only itself", () => {
    const other = daily("o", 33, later(3), { hostname: "other" });
    const plan = planByDefault([...DAILY, ...other], {
      rules: { last: 28 },
      floors: NO_FLOORS,
      limits: { ...NO_LIMITS, ...limits },
      now: later(3.1),
    });
    expect(plan.stops.map(({ code, group }) => [code, group])).toEqual([["group-unseen", plan.groups[0]?.key]]);
    const { remove, stops: left } = applyStops(plan, []);
    expect(remove.every((id) => id.startsWith("o "))).toBe(true);
    expect([remove.length, left.length]).toEqual([5, 1]);
    expect(applyStops(plan, ["group-unseen"]).remove.length).toBe(7);
  });
});

describe("a source that holds less than usual", () => {
  const limits = { maxShrink: 0.3 };
  const GIB = 1024 ** 3;
  const full = { files: 1000, bytes: GIB };
  const sized = (count: number, from: number, size: SnapshotSize | undefined, more: Partial<Candidate> = {}) =>
    daily(`s${from}`, count, new Date(Date.parse(NOON) + (from + count - 1) * DAY_MS).toISOString(), { size, ...more });
  const codesAt = (history: readonly Candidate[], more: Partial<StopLimits> = {}): string[] =>
    codes(history, { ...limits, ...more }, 2, new Date(Date.parse(NOON) + 300 * DAY_MS).toISOString());

  test.for<[string, Candidate[], string[]]>([
    ["as large as ever", sized(20, 0, full), []],
    ["a little smaller", [...sized(20, 0, full), ...sized(1, 20, { files: 700, bytes: 0.7 * GIB })], []],
    ["fewer files", [...sized(20, 0, full), ...sized(1, 20, { files: 699, bytes: GIB })], ["shrunken"]],
    ["fewer bytes", [...sized(20, 0, full), ...sized(1, 20, { files: 1000, bytes: 0.69 * GIB })], ["shrunken"]],
    ["empty", [...sized(20, 0, full), ...sized(1, 20, { files: 0, bytes: 0 })], ["shrunken"]],
    ["empty after one", [...sized(1, 0, full), ...sized(2, 1, { files: 0, bytes: 0 })], ["shrunken"]],
    [
      "small after one or two: nobody knows what is usual",
      [...sized(2, 0, full), ...sized(1, 2, { files: 1, bytes: 1 })],
      [],
    ],
    ["always empty", sized(20, 0, { files: 0, bytes: 0 }), []],
    [
      "larger for some days, and back",
      [...sized(20, 0, full), ...sized(5, 20, { files: 9000, bytes: 9 * GIB }), ...sized(1, 25, full)],
      [],
    ],
    [
      "for as long as good ones are there",
      [...sized(5, 0, full), ...sized(200, 5, { files: 1, bytes: 1 })],
      ["shrunken"],
    ],
    [
      "and is whole again",
      [...sized(5, 0, full), ...sized(200, 5, { files: 1, bytes: 1 }), ...sized(1, 205, full)],
      [],
    ],
    [
      "an incomplete one pushes out nothing",
      [...sized(20, 0, full), ...sized(1, 20, { files: 1, bytes: 1 }, { complete: false })],
      [],
    ],
    ["sizes that nobody knows", sized(20, 0, undefined), []],
    ["one that does not say", [...sized(20, 0, full), ...sized(1, 20, undefined)], []],
  ])("%s", ([, history, expected]) => {
    expect(codesAt(history)).toEqual(expected);
  });

  test("says what is usual, and what is there", () => {
    const history = [...sized(20, 0, full), ...sized(1, 20, { files: 1, bytes: 7 })];
    const [stop] = stops(history, limits, 2, "2027-01-01T00:00:00Z");
    expect(stop?.explanation).toBe(
      "the newest snapshot of host h, /a (s20 2026) holds 1 file with 7 bytes, and 1000 files were usual: 99 % less",
    );
  });

  test("many small ones of each day, and many from the past, do not make small usual", () => {
    const bogus = Array.from({ length: 50 }, (_, n) =>
      sized(20, 0, { files: 1, bytes: 1 }).map((each) => ({ ...each, id: `${each.id} ${n}` })),
    ).flat();
    const late = sized(300, -300, { files: 1, bytes: 1 }, { receivedAtMs: Date.parse(NOON) + 20 * DAY_MS });
    const newest = sized(1, 20, { files: 1, bytes: 1 });
    expect(codesAt([...sized(20, 0, full), ...bogus, ...late, ...newest])).toEqual(["shrunken"]);
  });

  test("is judged for each source of a group that has several", () => {
    const other = sized(30, 0, { files: 1, bytes: 1 }, { hostname: "small" });
    const plan = (grown: readonly Candidate[]) =>
      planByDefault([...sized(20, 0, full), ...other, ...grown], {
        rules: { last: 2 },
        floors: NO_FLOORS,
        limits: { ...NO_LIMITS, ...limits },
        grouping: [],
        now: "2027-01-01T00:00:00Z",
      });
    expect(plan([]).stops).toEqual([]);
    expect(plan(sized(1, 20, { files: 1, bytes: 1 })).stops.map(({ code }) => code)).toEqual(["shrunken"]);
  });

  test("is allowed for once, or by saying since when the source is smaller", () => {
    const history = [...sized(20, 0, full), ...sized(9, 20, { files: 10, bytes: 10 })];
    const since = Date.parse(NOON) + 19.5 * DAY_MS;
    expect(codesAt(history, { sizesFromMs: since })).toEqual([]);
    // It goes on for what comes later.
    const smaller = [...history, ...sized(1, 29, { files: 1, bytes: 1 })];
    expect(codesAt(smaller, { sizesFromMs: since })).toEqual(["shrunken"]);
    expect(codesAt(history, { maxShrink: 1 })).toEqual([]);
    const plan = planByDefault(history, {
      rules: { last: 2 },
      floors: NO_FLOORS,
      limits: { ...NO_LIMITS, ...limits },
      now: "2027-01-01T00:00:00Z",
    });
    expect(applyStops(plan, []).remove).toEqual([]);
    expect(applyStops(plan, ["shrunken"]).remove.length).toBe(27);
  });
});

describe("a clock in doubt", () => {
  const limits = { maxSkewMs: 5 * 60_000, maxSilenceMs: 30 * DAY_MS };
  test.for([
    ["2026-06-30T02:04:00Z", []],
    ["2026-06-30T02:06:00Z", []],
    ["2026-06-30T02:00:00Z", ["clock-behind"]],
    ["2026-06-03T00:00:00Z", ["clock-behind"]],
    ["2026-07-30T02:00:00Z", []],
    ["2026-07-30T03:00:00Z", ["clock-ahead"]],
    ["2031-01-01T00:00:00Z", ["clock-ahead"]],
  ] as const)("now %s: %j", ([now, expected]) => {
    // The newest arrived at 02:10, this clock may be five minutes behind.
    expect(codes(DAILY, { ...limits, maxSkewMs: 6 * 60_000 }, 1, now)).toEqual(expected);
  });

  test("is no more than a warning when nothing would go", () => {
    const asked = {
      rules: { last: 30 },
      floors: NO_FLOORS,
      limits: { ...NO_LIMITS, ...limits },
      now: "2031-01-01T00:00:00Z",
    };
    const plan = planByDefault(DAILY, asked);
    expect(plan.stops).toEqual([]);
    expect(plan.warnings).toEqual([expect.objectContaining({ code: "clock" })]);
  });
});

describe("allowing by name", () => {
  const plan = planByDefault(DAILY, {
    rules: { last: 1 },
    floors: NO_FLOORS,
    limits: { ...DEFAULT_LIMITS, maxCount: 5 },
    now: NOON,
  });

  test.for<[string[], number, string[]]>([
    [[], 0, ["too-large-share", "too-many"]],
    [["too-many"], 0, ["too-large-share"]],
    [["too-large-share"], 0, ["too-many"]],
    [["too-many", "too-large-share"], 29, []],
    [["clock-ahead", "group-unseen", "clock-behind"], 0, ["too-large-share", "too-many"]],
  ])("%j removes %i, left are %j", ([allowed, count, left]) => {
    const { remove, stops: rest } = applyStops(plan, allowed);
    expect(remove.length).toBe(count);
    expect(rest.map(({ code }) => code)).toEqual(left);
  });

  test("a name that is none is refused", () => {
    expect(() => applyStops(plan, ["all"])).toThrow(expect.objectContaining({ code: "PROTECTION_RETENTION_STOP" }));
  });
});
