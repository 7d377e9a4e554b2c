/** What holds for every history and every policy. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planRetention } from "../../src/retention/decide.ts";
import { encodePlan } from "../../src/retention/plan-json.ts";
import {
  type Candidate,
  DEFAULT_FLOORS,
  NO_FLOORS,
  NO_LIMITS,
  type RetentionOptions,
  type RetentionPlan,
  type RetentionRules,
  type SafetyFloors,
} from "../../src/retention/policy.ts";
import { DAY_MS, HOUR_MS, kept, removed } from "./made-snapshots.ts";

const NOW_MS = Date.parse("2026-06-30T12:00:00Z");
const NS_PER_MS = 1_000_000n;
const FIVE_MINUTES = 300_000;

/** How long before now; a tenth lies ahead. */
const agesMs = fc.oneof(
  fc.integer({ min: 0, max: 3 * DAY_MS }),
  fc.integer({ min: 0, max: 400 }).map((days) => days * DAY_MS),
  fc.integer({ min: 0, max: 2000 * 24 }).map((hours) => hours * HOUR_MS),
  fc.integer({ min: -30 * DAY_MS, max: 0 }),
);
/** After the time that is claimed; most arrive within an hour, some late, some before. */
const delaysMs = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: HOUR_MS }) },
  { weight: 1, arbitrary: fc.integer({ min: DAY_MS, max: 100 * DAY_MS }) },
  { weight: 1, arbitrary: fc.integer({ min: -100 * DAY_MS, max: 0 }) },
);

/** Histories of one clock: where offsets change, restic counts a period again that comes back. */
const histories = fc
  .tuple(
    fc.constantFrom(0, 7200, -16_200),
    fc.array(
      fc.record({
        age: agesMs,
        delay: fc.option(delaysMs, { nil: undefined, freq: 10 }),
        hostname: fc.constantFrom("a", "a", "a", "b"),
        tags: fc.constantFrom([], [], ["x"], ["x", "y"]),
        complete: fc.constantFrom(undefined, true, true, false),
        verified: fc.boolean(),
        isPinned: fc.nat(9).map((n) => n === 0),
        isHeld: fc.nat(9).map((n) => n === 0),
      }),
      { maxLength: 40, size: "max" },
    ),
  )
  .map(([offsetSeconds, all]) =>
    all.map(({ age, delay, verified, isPinned, isHeld, ...rest }, n): Candidate => {
      const claimedMs = NOW_MS - age;
      // What arrived after now would only say that the clock is wrong.
      const receivedAtMs = delay === undefined ? undefined : Math.min(NOW_MS, claimedMs + delay);
      const holds = isHeld ? [{ id: "1", reason: "case" }] : [];
      const known = { receivedAtMs, verifiedAtMs: verified && n % 5 === 0 ? NOW_MS : undefined };
      const timeNs = BigInt(claimedMs) * NS_PER_MS + BigInt(n);
      return { id: `s${n}`, timeNs, offsetSeconds, paths: ["/"], pinned: isPinned, holds, ...known, ...rest };
    }),
  );

const counts = fc.oneof(
  { weight: 12, arbitrary: fc.constant(undefined) },
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 8 }) },
  { weight: 1, arbitrary: fc.constant("unlimited" as const) },
);
const span = fc.record({ years: fc.nat(1), months: fc.nat(3), days: fc.nat(40), hours: fc.nat(30) });
const spans = fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: span });
const policies: fc.Arbitrary<RetentionRules> = fc
  .record({
    last: counts,
    hourly: counts,
    daily: counts,
    weekly: counts,
    monthly: counts,
    yearly: counts,
    within: spans,
    withinHourly: spans,
    withinDaily: spans,
    withinWeekly: spans,
    withinMonthly: spans,
    withinYearly: spans,
    tags: fc.constantFrom(undefined, undefined, [["x"]], [["x", "y"], [""]]),
  })
  .map((rules) => ({ ...rules, yearly: rules.yearly ?? 1 }));
const floorSets: fc.Arbitrary<SafetyFloors> = fc.record({
  atLeast: fc.nat(5),
  minAgeMs: fc.nat(10).map((days) => days * DAY_MS),
  oldestWhileUnfilled: fc.boolean(),
  newestVerified: fc.boolean(),
  newest: fc.boolean(),
  spares: fc.nat(2),
});
const zones = fc.constantFrom("snapshot", "UTC", "Europe/Berlin", "Australia/Lord_Howe");

function plan(
  candidates: readonly Candidate[],
  rules: RetentionRules,
  more: Partial<RetentionOptions> = {},
): RetentionPlan {
  return planRetention(candidates, {
    rules,
    floors: DEFAULT_FLOORS,
    limits: NO_LIMITS,
    grouping: ["host"],
    zone: "snapshot",
    nowMs: NOW_MS,
    ...more,
  });
}

const claimed = ({ timeNs }: Candidate): number => Number(timeNs / NS_PER_MS);
const isSuspicious = (each: Candidate): boolean =>
  claimed(each) > Math.min(each.receivedAtMs ?? Number.POSITIVE_INFINITY, NOW_MS) + FIVE_MINUTES;

test("the histories and policies of these tests remove and keep many", () => {
  const samples = fc.sample(fc.tuple(histories, policies, floorSets), { numRuns: 300, seed: 1 });
  const plans = samples.map(([history, rules, floors]) => plan(history, rules, { floors }));
  expect(plans.filter((each) => removed(each).length > 0).length).toBeGreaterThan(75);
  expect(plans.filter((each) => kept(each).length > removed(each).length).length).toBeGreaterThan(50);
});

describe("floors", () => {
  test("hold for every history and every policy", () => {
    fc.assert(
      fc.property(histories, policies, floorSets, zones, (history, rules, floors, zone) => {
        const result = plan(history, rules, { floors, zone });
        const ids = new Set(kept(result));
        for (const host of ["a", "b"]) {
          const group = history.filter(({ hostname }) => hostname === host);
          const trusted = group
            .filter((each) => !isSuspicious(each))
            .sort((one, other) => (one.timeNs < other.timeNs ? 1 : -1));
          const must = group.filter(isSuspicious);
          must.push(...group.filter(({ pinned, holds }) => pinned === true || holds.length > 0));
          must.push(
            ...trusted.filter(
              (each) =>
                floors.minAgeMs > 0 && NOW_MS - Math.max(claimed(each), each.receivedAtMs ?? 0) < floors.minAgeMs,
            ),
          );
          must.push(...trusted.filter(({ complete }) => complete !== false).slice(0, floors.atLeast));
          if (floors.newest === true) must.push(...trusted.slice(0, 1));
          if (floors.newestVerified)
            must.push(...trusted.filter(({ verifiedAtMs }) => verifiedAtMs !== undefined).slice(0, 1));
          // A year is found once, however many snapshots are in it.
          const years = new Set(
            trusted.map((each) => new Date(claimed(each) + each.offsetSeconds * 1000).getUTCFullYear()),
          );
          const isUnfilled = rules.yearly === "unlimited" || years.size < Number(rules.yearly);
          if (floors.oldestWhileUnfilled && zone === "snapshot" && isUnfilled) must.push(...trusted.slice(-1));
          for (const { id } of must) expect(ids).toContain(id);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("a plan", () => {
  test("has one verdict with reasons for each snapshot, and each group is in order", () => {
    fc.assert(
      fc.property(histories, policies, (history, rules) => {
        const { groups } = plan(history, rules);
        const verdicts = groups.flatMap((group) => group.verdicts);
        expect(verdicts.map(({ id }) => id).sort()).toEqual(history.map(({ id }) => id).sort());
        for (const { reasons, keep, suspicious, matches } of verdicts) {
          expect(reasons.length).toBeGreaterThan(0);
          expect(keep || (matches.length === 0 && !suspicious)).toBe(true);
        }
        const times = new Map(history.map(({ id, timeNs }) => [id, timeNs]));
        for (const group of groups) {
          const ofGroup = group.verdicts.map(({ id }) => times.get(id) as bigint);
          expect(ofGroup).toEqual([...ofGroup].sort((a, b) => (a < b ? 1 : -1)));
        }
      }),
    );
  });

  test("is the same whatever order the snapshots come in", () => {
    fc.assert(
      fc.property(
        histories.chain((history) =>
          fc.tuple(fc.constant(history), fc.shuffledSubarray(history, { minLength: history.length })),
        ),
        policies,
        ([history, shuffled], rules) => {
          expect(encodePlan(plan(shuffled, rules))).toBe(encodePlan(plan(history, rules)));
        },
      ),
    );
  });

  test("once carried out, removes nothing more", () => {
    fc.assert(
      fc.property(histories, policies, floorSets, zones, (history, rules, floors, zone) => {
        const first = plan(history, rules, { floors, zone });
        const ids = new Set(kept(first));
        const left = history.filter(({ id }) => ids.has(id));
        expect(removed(plan(left, rules, { floors, zone }))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test("keeps everything that restic keeps", () => {
    fc.assert(
      fc.property(histories, policies, (history, rules) => {
        const asRestic = plan(history, rules, {
          floors: { ...NO_FLOORS, oldestWhileUnfilled: true },
          times: "believed",
        });
        expect(kept(plan(history, rules))).toEqual(expect.arrayContaining(kept(asRestic)));
      }),
      { numRuns: 500 },
    );
  });
});

describe("nothing more is removed", () => {
  const expectNoMore = (after: RetentionPlan, before: RetentionPlan): void => {
    expect(removed(before)).toEqual(expect.arrayContaining(removed(after)));
  };

  test("when a rule keeps more, or there is one rule more", () => {
    const names = fc.constantFrom("last", "hourly", "daily", "weekly", "monthly", "yearly" as const);
    fc.assert(
      fc.property(histories, policies, floorSets, names, fc.nat(10), (history, rules, floors, name, more) => {
        const count = rules[name] ?? 0;
        const larger = { ...rules, [name]: count === "unlimited" ? count : count + more + 1 };
        expectNoMore(plan(history, larger, { floors }), plan(history, rules, { floors }));
      }),
      { numRuns: 300 },
    );
  });

  test("when a floor is higher", () => {
    fc.assert(
      fc.property(histories, policies, floorSets, (history, rules, floors) => {
        const higher = {
          atLeast: floors.atLeast + 1,
          minAgeMs: floors.minAgeMs + DAY_MS,
          oldestWhileUnfilled: true,
          newestVerified: true,
          newest: true,
          spares: (floors.spares ?? 0) + 1,
        };
        expectNoMore(plan(history, rules, { floors: higher }), plan(history, rules, { floors }));
      }),
      { numRuns: 300 },
    );
  });

  test("when one is pinned or held", () => {
    fc.assert(
      fc.property(histories, policies, fc.nat(40), fc.boolean(), (history, rules, at, isPin) => {
        const marked = history.map((each, n) => {
          if (n !== at) return each;
          return isPin ? { ...each, pinned: true } : { ...each, holds: [{ id: "1", reason: "x" }] };
        });
        expectNoMore(plan(marked, rules), plan(history, rules));
      }),
    );
  });

  test("of those that arrived in time, when others arrive too late or cannot be from when they say", () => {
    fc.assert(
      fc.property(histories, histories, policies, floorSets, (history, others, rules, floors) => {
        const [offsetSeconds] = [...history, ...others].map((each) => each.offsetSeconds);
        const added = others.map((each, n) => {
          // Two days late, or a day before its time.
          const receivedAtMs = claimed(each) + (n % 2 === 0 ? 2 : -1) * DAY_MS;
          return { ...each, id: `other ${n}`, receivedAtMs, offsetSeconds: offsetSeconds ?? 0 };
        });
        const inTime = history.map((each) => ({ ...each, receivedAtMs: undefined }));
        const lost = removed(plan([...inTime, ...added], rules, { floors })).filter((id) => !id.startsWith("other"));
        expect(removed(plan(inTime, rules, { floors }))).toEqual(expect.arrayContaining(lost));
      }),
      { numRuns: 300 },
    );
  });
});

describe("the hash of a plan", () => {
  test("has no clock in it, nor what only stops or explains", () => {
    fc.assert(
      fc.property(histories, policies, (history, rules) => {
        const limits = { maxShare: 0.1, maxCount: 1, maxSilenceMs: 1 };
        const floors = { ...DEFAULT_FLOORS, minAgeMs: 0 };
        const past = history.filter((each) => claimed(each) < NOW_MS);
        const one = plan(past, rules, { floors });
        const other = plan(past, rules, { floors, limits, nowMs: NOW_MS + 9 * DAY_MS });
        expect(other.hash).toBe(one.hash);
      }),
    );
  });

  test("is another for another policy, another snapshot or another verdict", () => {
    fc.assert(
      fc.property(histories, policies, (history, rules) => {
        const { hash } = plan(history, rules);
        const added: Candidate = {
          id: "new",
          timeNs: 0n,
          offsetSeconds: 0,
          hostname: "c",
          paths: [],
          tags: [],
          holds: [],
        };
        expect(plan([...history, added], rules).hash).not.toBe(hash);
        expect(plan(history, { ...rules, last: 99 }).hash).not.toBe(hash);
        expect(plan(history, rules, { zone: "UTC" }).hash).not.toBe(hash);
        expect(plan(history, rules, { grouping: [] }).hash).not.toBe(hash);
        const gone = new Set(removed(plan(history, rules)));
        const pinned = history.map((each) => (gone.has(each.id) ? { ...each, pinned: true } : each));
        expect(plan(pinned, rules).hash === hash).toBe(gone.size === 0);
      }),
    );
  });

  test("is this one, until what is hashed changes on purpose", () => {
    const history: Candidate[] = [1, 2, 3].map((n) => ({
      id: String(n),
      timeNs: BigInt(NOW_MS - n * DAY_MS) * NS_PER_MS,
      offsetSeconds: 0,
      hostname: "a",
      paths: ["/"],
      tags: [],
      holds: [],
    }));
    const { hash } = plan(history, { daily: 2 }, { floors: NO_FLOORS });
    expect(hash).toBe("298bfa74bb40d2ee854eb313aca5d062c57994bcab966ef7b3692448d547582b");
  });

  test("a plan as text has its fields in alphabetical order", () => {
    const text = encodePlan(plan([], { last: 1 }));
    expect(text).toMatch(/^\{"groups":\[\],"hash":"[0-9a-f]{64}","stops":\[\],"warnings":\[\]\}$/);
  });
});
