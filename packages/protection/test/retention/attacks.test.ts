/**
 * Histories with which retention is led to remove the wrong snapshots: what restic 0.14 does with them, and what Holdfast does
 * by default. "All good ones" are those that the same policy keeps when there is no attack.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CalendarSpan, Candidate, RetentionRules } from "../../src/retention/policy.ts";
import { applyStops } from "../../src/retention/stops.ts";
import { daily, DAY_MS, kept, planAsRestic, planByDefault, snapshot } from "./made-snapshots.ts";

const days = (count: number): CalendarSpan => ({ years: 0, months: 0, days: count, hours: 0 });
const MINUTE_MS = 60_000;
/** 30 days up to Tuesday, 30 June 2026. */
const GOOD = daily("good", 30, "2026-06-30T02:00:00Z");
const NOON = "2026-06-30T12:00:00Z";

const goodOnes = (ids: readonly string[]): string[] => ids.filter((id) => id.startsWith("good"));
const at = (text: string, plusDays = 0): string => new Date(Date.parse(text) + plusDays * DAY_MS).toISOString();

describe("histories without an attack", () => {
  const sundays = Array.from({ length: 12 }, (_, n) => snapshot(`good ${n}`, at("2026-06-28T02:00:00Z", -7 * n)));
  const afterPause = [...daily("good", 30, "2026-05-01T02:00:00Z"), snapshot("good new", "2026-06-30T02:00:00Z")];

  test.for<[string, Candidate[], RetentionRules, number]>([
    ["A: 12 Sundays, daily 4", sundays, { daily: 4 }, 4],
    ["B: 30 days, daily 7, weekly 4", GOOD, { daily: 7, weekly: 4 }, 9],
    [
      "E: 30 days, 60 days later one more; daily 7, weekly 4, monthly 2",
      afterPause,
      { daily: 7, weekly: 4, monthly: 2 },
      8,
    ],
  ])("%s: as many as restic", ([, history, rules, count]) => {
    const asRestic = kept(planAsRestic(history, { rules, now: NOON }));
    expect(asRestic.length).toBe(count);
    expect(kept(planByDefault(history, { rules, now: NOON }))).toEqual(asRestic);
  });

  test("B ends on 14 June", () => {
    expect(kept(planAsRestic(GOOD, { rules: { daily: 7, weekly: 4 }, now: NOON }))[0]).toBe("good 2026-06-14");
  });
});

describe("C: seven snapshots, one for each of the next days", () => {
  const bogus = daily("bogus", 7, "2026-07-07T12:00:00Z", { receivedAtMs: Date.parse(NOON) - MINUTE_MS });
  const history = [...GOOD, ...bogus];
  const rules = { daily: 7 };

  test("restic keeps these and no good one", () => {
    expect(kept(planAsRestic(history, { rules, now: NOON }))).toEqual(bogus.map(({ id }) => id));
  });

  test("Holdfast keeps all good ones, and names the bogus ones", () => {
    const plan = planByDefault(history, { rules, now: NOON });
    expect(goodOnes(kept(plan))).toEqual(kept(planByDefault(GOOD, { rules, now: NOON })));
    expect(plan.warnings).toEqual([
      expect.objectContaining({ code: "impossible-time", snapshots: bogus.map(({ id }) => id).reverse() }),
    ]);
    const verdicts = plan.groups[0]?.verdicts.filter(({ suspicious }) => suspicious);
    expect(verdicts?.map(({ id, keep, reasons }) => [id, keep, reasons[0]?.slice(0, 11)])).toEqual(
      bogus.map(({ id }) => [id, true, "suspicious:"]).reverse(),
    );
  });

  test("and nothing at all goes until somebody allows so large a share", () => {
    const plan = planByDefault(history, { rules, now: NOON });
    expect(applyStops(plan, []).remove).toEqual([]);
    expect(applyStops(plan, ["too-large-share"]).remove.length).toBe(23);
  });

  test.for([1, 3, 7, 8, 20, 400])("also %i days later, when the claimed times have come", (later) => {
    const now = at(NOON, later);
    const good = [...GOOD, ...daily("good", later, at("2026-06-30T02:00:00Z", later))];
    const without = kept(planByDefault(good, { rules, now }));
    expect(goodOnes(kept(planByDefault([...good, ...bogus], { rules, now })))).toEqual(without);
  });

  test.for([1, 3, 7, 8, 20])("also %i days later in a store that does not say when files arrived", (later) => {
    const now = at(NOON, later);
    const unknown = (all: Candidate[]): Candidate[] => all.map((each) => ({ ...each, receivedAtMs: undefined }));
    const good = unknown([...GOOD, ...daily("good", later, at("2026-06-30T02:00:00Z", later))]);
    const without = kept(planByDefault(good, { rules, now }));
    expect(kept(planByDefault([...good, ...unknown(bogus)], { rules, now }))).toEqual(expect.arrayContaining(without));
  });

  test("C': a duration of 14 days keeps 14 good ones and 7 bogus ones in restic, and in Holdfast", () => {
    const asked = { rules: { within: days(14) }, now: NOON };
    expect(kept(planAsRestic(history, asked)).length).toBe(21);
    expect(goodOnes(kept(planAsRestic(history, asked))).length).toBe(14);
    expect(kept(planByDefault(history, asked))).toEqual(kept(planAsRestic(history, asked)));
  });

  test("one that arrived five minutes before its time is no attack, a minute more is one", () => {
    const early = (minutes: number): Candidate =>
      snapshot("early", NOON, { receivedAtMs: Date.parse(NOON) - minutes * MINUTE_MS });
    const suspicious = (each: Candidate): boolean | undefined =>
      planByDefault([...GOOD, each], { rules, now: at(NOON, 1) }).groups[0]?.verdicts[0]?.suspicious;
    expect(suspicious(early(5))).toBe(false);
    expect(suspicious(early(6))).toBe(true);
  });
});

describe("D: one bogus snapshot, at 23:59, on each past day", () => {
  const END = "2026-07-01T00:00:00Z";
  const rules = { daily: 7, weekly: 4, monthly: 3 };
  const inTime = daily("bogus", 30, "2026-06-30T23:59:00Z").map((each) => ({
    ...each,
    receivedAtMs: Number(each.timeNs / 1_000_000n),
  }));
  const atOnce = inTime.map((each) => ({ ...each, receivedAtMs: Date.parse("2026-06-30T23:59:30Z") }));

  test("restic keeps nine bogus ones and no good one", () => {
    const plan = planAsRestic([...GOOD, ...inTime], { rules, now: END });
    expect(kept(plan).length).toBe(9);
    expect(goodOnes(kept(plan))).toEqual([]);
  });

  test("newer versions of restic keep one good one, the oldest", () => {
    const floors = { atLeast: 0, minAgeMs: 0, oldestWhileUnfilled: true, newestVerified: false, newest: false };
    const plan = planAsRestic([...GOOD, ...inTime], { rules, now: END, floors });
    expect(kept(plan).length).toBe(10);
    expect(goodOnes(kept(plan))).toEqual(["good 2026-06-01"]);
  });

  test.for([0, 1, 6, 8, 30, 400])("that arrived all at once: %i days later all good ones are kept", (later) => {
    const now = at(END, later);
    const without = kept(planByDefault(GOOD, { rules, now }));
    expect(goodOnes(kept(planByDefault([...GOOD, ...atOnce], { rules, now })))).toEqual(
      expect.arrayContaining(without),
    );
  });

  test("that arrived all at once: it is reported", () => {
    const plan = planByDefault([...GOOD, ...atOnce], { rules, now: at(END, 8) });
    expect(plan.warnings).toEqual([expect.objectContaining({ code: "late-arrival" })]);
    // That of the last day was in time.
    expect(plan.warnings[0]?.snapshots.length).toBe(29);
  });

  test.for([0, 1, 6, 8, 30, 400])("that arrived each on its day: %i days later all good ones are kept", (later) => {
    const now = at(END, later);
    const without = kept(planByDefault(GOOD, { rules, now }));
    expect(goodOnes(kept(planByDefault([...GOOD, ...inTime], { rules, now })))).toEqual(
      expect.arrayContaining(without),
    );
  });
});

/** What is left after so many days, with a forget at noon of each. */
function live(
  plan: typeof planByDefault,
  { length, bogusAt, rules }: { length: number; bogusAt: number | undefined; rules: RetentionRules },
): string[] {
  let there: Candidate[] = [];
  for (let day = 0; day < length; day++) {
    const midnight = at("2026-01-01T00:00:00Z", day);
    there.push(snapshot(`good ${midnight}`, at(midnight, 2 / 24)));
    if (bogusAt !== undefined) there.push(snapshot(`bogus ${midnight}`, at(midnight, bogusAt)));
    const now = at(midnight, 1);
    const gone = new Set(applyStops(plan(there, { rules, now }), []).remove);
    there = there.filter(({ id }) => !gone.has(id));
  }
  return goodOnes(there.map(({ id }) => id));
}

describe("one bogus snapshot a day, in time, and a forget after each day", () => {
  const rules = { daily: 7, weekly: 4, monthly: 6 };

  test("leaves no good one in restic", () => {
    expect(live(planAsRestic, { length: 120, bogusAt: 0.999, rules })).toEqual([]);
  });

  test.for([0, 0.01, 0.1, 0.5, 0.999])("at %f of the day leaves all good ones in Holdfast", (bogusAt) => {
    const without = live(planByDefault, { length: 120, bogusAt: undefined, rules });
    expect(without.length).toBeGreaterThan(12);
    expect(live(planByDefault, { length: 120, bogusAt, rules })).toEqual(expect.arrayContaining(without));
  });

  test("two a day need two spares", () => {
    const later = "2026-07-20T00:00:00Z";
    const asked = { rules, now: later };
    const bogus = [23.5, 23.9].flatMap((hour) => daily(`bogus ${hour}`, 30, at("2026-06-30T00:00:00Z", hour / 24)));
    const without = kept(planByDefault(GOOD, asked));
    expect(goodOnes(kept(planByDefault([...GOOD, ...bogus], asked))).length).toBeLessThan(without.length);
    const floors = { atLeast: 3, minAgeMs: 7 * DAY_MS, oldestWhileUnfilled: true, newestVerified: true, spares: 2 };
    expect(kept(planByDefault([...GOOD, ...bogus], { ...asked, floors }))).toEqual(expect.arrayContaining(without));
  });

  test("halves what keep-last reaches, but the last seven days stay", () => {
    const without = live(planByDefault, { length: 40, bogusAt: undefined, rules: { last: 20 } });
    expect(without.length).toBe(20);
    expect(live(planByDefault, { length: 40, bogusAt: 0.5, rules: { last: 20 } }).length).toBe(10);
    expect(live(planByDefault, { length: 40, bogusAt: 0.5, rules: { last: 2 } }).length).toBe(7);
  });

  test("whenever in the day it is, and whatever rules of days, weeks, months and years there are", () => {
    const count = fc.option(fc.constantFrom(1, 2, 3, 7, 20), { nil: undefined });
    const span = fc.option(fc.integer({ min: 1, max: 60 }).map(days), { nil: undefined });
    const anyRules = fc.record({
      daily: fc.constantFrom(1, 3, 7, 20),
      weekly: count,
      monthly: count,
      yearly: count,
      withinDaily: span,
      withinWeekly: span,
      withinMonthly: span,
    });
    const times = fc.array(fc.integer({ min: 0, max: DAY_MS - 1 }), { minLength: 30, maxLength: 30 });
    fc.assert(
      fc.property(anyRules, times, fc.nat(20), (someRules, offsets, later) => {
        const first = Date.parse("2026-06-01T00:00:00Z");
        const bogus = offsets.map((ms, n) => snapshot(`bogus ${n}`, new Date(first + n * DAY_MS + ms).toISOString()));
        const asked = { rules: someRules, now: at("2026-07-01T00:30:00Z", later) };
        const without = kept(planByDefault(GOOD, asked));
        expect(kept(planByDefault([...GOOD, ...bogus], asked))).toEqual(expect.arrayContaining(without));
      }),
    );
  });
});
