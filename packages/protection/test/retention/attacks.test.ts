/**
 * Histories with which retention is led to remove the wrong snapshots: what restic 0.14 does with them, and what Holdfast does
 * by default. "All good ones" are those that the same policy keeps when there is no attack.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type {
  CalendarSpan,
  Candidate,
  RetentionOptions,
  RetentionPlan,
  RetentionRules,
} from "../../src/retention/policy.ts";
import { DEFAULT_LIMITS } from "../../src/retention/policy.ts";
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

type Grouping = RetentionOptions["grouping"];
const GROUPINGS: readonly Grouping[] = [
  ["host", "paths"],
  ["host", "paths", "tags"],
  ["host"],
  ["paths"],
  ["tags"],
  [],
];
/** What the attacker changes, and by which groupings that leads into a group of its own. */
const DISGUISES = [
  { field: "host", change: { hostname: "bogus" } },
  { field: "paths", change: { paths: ["/bogus"] } },
  { field: "tags", change: { tags: ["bogus"] } },
] as const;

describe("attack 3: many groups", () => {
  const rules = { daily: 7, weekly: 4, monthly: 3 };
  const now = "2026-07-05T00:00:00Z";
  const verdictsOnGood = (plan: RetentionPlan) =>
    plan.groups.flatMap(({ verdicts }) => verdicts.filter(({ id }) => id.startsWith("good")));
  /** So many a day, each in a group of its own as far as the grouping allows. */
  const disguised = (perDay: number, change: Partial<Candidate>): Candidate[] =>
    Array.from({ length: perDay }, (_, n) =>
      daily(`bogus ${n}`, 30, at("2026-06-30T00:00:00Z", (n + 0.5) / perDay), change),
    ).flat();
  const cases = GROUPINGS.flatMap((grouping) => DISGUISES.map((disguise) => ({ grouping, ...disguise })));

  test.for(cases.filter(({ grouping, field }) => grouping.includes(field)))(
    "grouped by $grouping, twenty a day with other $field change nothing about the good ones",
    ({ grouping, change }) => {
      const bogus = disguised(20, change);
      const asked = { rules, now, grouping };
      expect(verdictsOnGood(planByDefault([...GOOD, ...bogus], asked))).toEqual(
        verdictsOnGood(planByDefault(GOOD, asked)),
      );
      expect(goodOnes(kept(planAsRestic([...GOOD, ...bogus], asked)))).toEqual(kept(planAsRestic(GOOD, asked)));
    },
  );

  test.for(cases.filter(({ grouping, field }) => !grouping.includes(field)))(
    "grouped by $grouping, other $field are the same group: one a day changes nothing, and restic loses all good ones",
    ({ grouping, change }) => {
      const asked = { rules, now, grouping };
      const bogus = daily("bogus", 30, "2026-06-30T23:30:00Z", change);
      const without = kept(planByDefault(GOOD, asked));
      expect(kept(planByDefault([...GOOD, ...bogus], asked))).toEqual(expect.arrayContaining(without));
      expect(goodOnes(kept(planAsRestic([...GOOD, ...bogus], asked)))).toEqual([]);
    },
  );

  test("in one group with the good ones, twenty a day push out what is older than the minimum age, but for the floors", () => {
    const history = [
      ...GOOD.map((each, n) => (n === 10 ? { ...each, verifiedAtMs: 1 } : each)),
      ...disguised(20, { paths: ["/bogus"] }),
    ];
    const asked = { rules, now: at(now, 30), grouping: ["host"] as const };
    expect(goodOnes(kept(planByDefault(history, asked)))).toEqual(["good 2026-06-11"]);
    expect(goodOnes(kept(planByDefault(history, { ...asked, grouping: ["host", "paths"] }))).length).toBeGreaterThan(8);
  });

  test("whatever groups there are besides, nothing good goes that would stay without them", () => {
    const name = fc.constantFrom("h", "a", "b", "c");
    const bogus = fc.array(
      fc.record({
        hostname: name,
        paths: fc.array(
          name.map((each) => `/${each}`),
          { minLength: 1, maxLength: 2 },
        ),
        tags: fc.array(name, { maxLength: 1 }),
        ageMs: fc.integer({ min: 0, max: 40 * DAY_MS }),
      }),
      { maxLength: 60 },
    );
    const asked = { rules: { daily: 2 }, now, limits: { ...DEFAULT_LIMITS, maxShare: 0.3, shareFrom: 2 } };
    const hosts = ["x", "y", "z"].flatMap((hostname) =>
      daily(`good ${hostname}`, 30, "2026-07-04T02:00:00Z", { hostname }),
    );
    const histories = fc.array(fc.integer({ min: 0, max: hosts.length - 1 }), { maxLength: 60 });
    fc.assert(
      fc.property(bogus, histories, (others, numbers) => {
        const good = [...new Set(numbers)].map((n) => hosts[n] as Candidate);
        const added = others.map(({ ageMs, ...fields }, n) =>
          snapshot(`bogus ${n}`, new Date(Date.parse(now) - ageMs).toISOString(), fields),
        );
        const without = applyStops(planByDefault(good, asked), []).remove;
        const removed = goodOnes(applyStops(planByDefault([...good, ...added], asked), []).remove);
        expect(without).toEqual(expect.arrayContaining(removed));
      }),
    );
  });
});

/** Lives on for so many days with bad backups, of usual size, after thirty good ones; a forget at the end of each. */
function outlast(
  length: number,
  { verifiesBad, ...facts }: Partial<Candidate> & { readonly verifiesBad?: boolean },
): string[] {
  const rules = { daily: 7, weekly: 4, monthly: 6 };
  const verified = { verifiedAtMs: Date.parse(NOON) };
  let there = GOOD.map((each, n) => (n === GOOD.length - 1 ? { ...each, ...facts } : each));
  for (let day = 1; day <= length; day++) {
    const bad = snapshot(`bad ${day}`, at("2026-06-30T02:00:00Z", day), verifiesBad === true ? verified : {});
    there.push(bad);
    // The first time that rules meet a history, they remove most of it.
    const allowed = day === 1 ? ["too-large-share"] : [];
    const gone = new Set(applyStops(planByDefault(there, { rules, now: at(NOON, day) }), allowed).remove);
    there = there.filter(({ id }) => !gone.has(id));
  }
  return goodOnes(there.map(({ id }) => id));
}

describe("attack 6: backups that are bad and look right, until the good ones are gone", () => {
  const LAST = "good 2026-06-30";

  test("the rules alone let the good ones go: seven months later there is none", () => {
    expect(outlast(20, {}).length).toBeGreaterThan(0);
    expect(outlast(230, {})).toEqual([]);
  });

  test("the newest that was proven stays, however long it takes", () => {
    expect(outlast(400, { verifiedAtMs: Date.parse(NOON) })).toEqual([LAST]);
  });

  test("but not when bad ones are proven as well: proof says that all can be read, and not that it is right", () => {
    expect(outlast(230, { verifiedAtMs: Date.parse(NOON), verifiesBad: true })).toEqual([]);
  });

  test("what is held stays, whatever is proven", () => {
    expect(outlast(400, { holds: [{ id: "1".repeat(64), reason: "looked at" }], verifiesBad: true })).toEqual([LAST]);
  });
});

describe("attack 7: backups that succeed and hold nothing", () => {
  const full = { files: 1000, bytes: 1024 ** 3 };
  const good = GOOD.map((each) => ({ ...each, size: full }));

  test.for([
    ["empty", { files: 0, bytes: 0 }],
    ["much smaller", { files: 100, bytes: 1024 ** 3 }],
  ] as const)("%s for a year: no good one goes that was there when it began", ([, size]) => {
    let there: Candidate[] = good;
    const before = goodOnes(there.map(({ id }) => id));
    for (let day = 1; day <= 365; day++) {
      there.push(snapshot(`bad ${day}`, at("2026-06-30T02:00:00Z", day), { size }));
      const plan = planByDefault(there, { rules: { daily: 7, weekly: 4 }, now: at(NOON, day) });
      const { remove, stops } = applyStops(plan, []);
      expect([remove, stops.map(({ code }) => code)]).toEqual([[], expect.arrayContaining(["shrunken"])]);
      there = [...there];
    }
    expect(goodOnes(there.map(({ id }) => id))).toEqual(before);
  });

  test("once a backup is whole again, forgetting goes on", () => {
    const bad = daily("bad", 10, "2026-07-10T02:00:00Z", { size: { files: 0, bytes: 0 } });
    const whole = daily("good", 1, "2026-07-11T02:00:00Z", { size: full });
    const asked = { rules: { daily: 25 }, now: "2026-07-12T00:00:00Z" };
    expect(applyStops(planByDefault([...good, ...bad], asked), []).remove).toEqual([]);
    expect(applyStops(planByDefault([...good, ...bad, ...whole], asked), []).remove.length).toBeGreaterThan(0);
  });
});
