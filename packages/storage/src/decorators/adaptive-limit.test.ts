/** On a simulated link: calls share its bytes per second, and each also takes the time of the way there and back. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AdaptiveLimit } from "./adaptive-limit.ts";

interface Link {
  readonly latencyMs: number;
  readonly bytesPerMs: number;
  readonly callBytes: number;
  /** With more calls than this under way, one is refused. */
  readonly bears?: number;
  /** Calls that somebody wants to make at once. */
  readonly demand: number;
}

interface Outcome {
  readonly done: number;
  readonly refused: number;
  readonly limit: AdaptiveLimit | undefined;
  /** The most calls under way in the last third. */
  readonly lateMost: number;
}

/** Steps of a millisecond; what a call still has to move is shared out evenly among those that are past their latency. */
function run(link: Link, forMs: number, limit: AdaptiveLimit | number): Outcome {
  const adaptive = typeof limit === "number" ? undefined : limit;
  const most = (): number => Math.min(link.demand, adaptive?.value ?? (limit as number));
  const active: { startedAtMs: number; left: number }[] = [];
  const outcome = { done: 0, refused: 0, lateMost: 0 };
  const tell = (startedAtMs: number, now: number, kind: "done" | "busy"): void => {
    const bytes = kind === "done" ? link.callBytes : 0;
    const wereOthersWaiting = most() < link.demand;
    adaptive?.ended({ startedAtMs, endedAtMs: now, bytes, outcome: kind, wereOthersWaiting });
  };
  for (let now = 0; now < forMs; now++) {
    while (active.length < most()) {
      if (active.length >= (link.bears ?? Number.POSITIVE_INFINITY)) {
        outcome.refused++;
        tell(now, now, "busy");
        break;
      }
      active.push({ startedAtMs: now, left: link.callBytes });
    }
    if (now > (forMs * 2) / 3) outcome.lateMost = Math.max(outcome.lateMost, active.length);
    const moving = active.filter(({ startedAtMs }) => now - startedAtMs >= link.latencyMs);
    for (const call of moving) call.left -= link.bytesPerMs / moving.length;
    for (let at = active.length - 1; at >= 0; at--) {
      const call = active[at];
      if (call === undefined || call.left > 0) continue;
      active.splice(at, 1);
      outcome.done++;
      tell(call.startedAtMs, now, "done");
    }
  }
  return { ...outcome, limit: adaptive };
}

const MINUTE = 60_000;
const KIB = 1024;

describe("on a link", () => {
  test.each([
    ["satellite, small calls", 1.5, { latencyMs: 600, bytesPerMs: 2000, callBytes: 16 * KIB }],
    ["other continent, small calls", 1.5, { latencyMs: 100, bytesPerMs: 12_500, callBytes: 64 * KIB }],
    ["other continent, large calls", 1.2, { latencyMs: 100, bytesPerMs: 125_000, callBytes: 1024 * KIB }],
  ])("with a long way it takes more at once, and moves more: %s", (_name, gain, link) => {
    const demanding = { ...link, demand: 64 };
    const fixed = run(demanding, 3 * MINUTE, 8);
    const adaptive = run(demanding, 3 * MINUTE, new AdaptiveLimit({ start: 8, most: 32 }));
    expect(adaptive.done).toBeGreaterThan(fixed.done * gain);
  });

  test.each([
    ["home uplink", { latencyMs: 20, bytesPerMs: 1250, callBytes: 1024 * KIB }],
    ["local network", { latencyMs: 1, bytesPerMs: 100_000, callBytes: 4096 * KIB }],
  ])("that is full it takes no more than at the start, but for trials: %s", (_name, link) => {
    const limit = new AdaptiveLimit({ start: 8, most: 32 });
    run({ ...link, demand: 64 }, 5 * MINUTE, limit);
    expect(limit.value).toBeLessThanOrEqual(12);
  });

  test(
    "it moves never less than the limit that it began with, whatever the link is",
    () => {
      const links = fc.record({
        latencyMs: fc.integer({ min: 1, max: 800 }),
        bytesPerMs: fc.integer({ min: 100, max: 100_000 }),
        callBytes: fc.integer({ min: 100, max: 2 * 1024 * KIB }),
        demand: fc.integer({ min: 1, max: 64 }),
      });
      const property = fc.property(links, fc.constantFrom(1, 4, 8, 16), (link, start) => {
        const fixed = run(link, 40_000, start);
        const adaptive = run(link, 40_000, new AdaptiveLimit({ start, most: 4 * start }));
        expect(adaptive.done).toBeGreaterThanOrEqual(Math.floor(fixed.done * 0.95) - 4 * start);
      });
      fc.assert(property, { numRuns: 40 });
    },
    MINUTE,
  );
});

test.each([1, 3, 6, 20])("a store that bears %i calls at once is soon left in peace", (bears) => {
  const link = { latencyMs: 50, bytesPerMs: 50_000, callBytes: 256 * KIB, demand: 64, bears };
  const { done, refused, lateMost } = run(link, 2 * MINUTE, new AdaptiveLimit({ start: 16, most: 64 }));
  expect(refused).toBeLessThan(120);
  expect(refused).toBeLessThan(done / 10);
  expect(lateMost).toBeLessThanOrEqual(bears);
  // And is not left alone for it either.
  expect(done).toBeGreaterThan(run({ ...link, bears: 64 }, 2 * MINUTE, Math.max(1, bears)).done * 0.6);
});

test("many that are refused together halve it once", () => {
  const limit = new AdaptiveLimit({ start: 16, most: 64 });
  for (let call = 0; call < 16; call++) {
    limit.ended({ startedAtMs: 0, endedAtMs: 10 + call, bytes: 0, outcome: "busy", wereOthersWaiting: true });
  }
  expect(limit.value).toBe(8);
  limit.ended({ startedAtMs: 20, endedAtMs: 40, bytes: 0, outcome: "busy", wereOthersWaiting: true });
  expect(limit.value).toBe(4);
});

test("nothing is tried while nobody waits for a turn", () => {
  const limit = new AdaptiveLimit({ start: 8, most: 32 });
  for (let ms = 0; ms < MINUTE; ms += 10) {
    limit.ended({ startedAtMs: ms, endedAtMs: ms + 5, bytes: 1000, outcome: "done", wereOthersWaiting: false });
  }
  expect(limit.value).toBe(8);
});

test("is always a whole number from 1 to the most, whatever it is told", () => {
  const calls = fc.array(
    fc.record({
      startedAtMs: fc.nat(100_000),
      endedAtMs: fc.nat(200_000),
      bytes: fc.nat(),
      outcome: fc.constantFrom("done" as const, "busy" as const),
      wereOthersWaiting: fc.boolean(),
    }),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(calls, fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 256 }), (list, start, most) => {
      const limit = new AdaptiveLimit({ start, most });
      for (const call of list) {
        limit.ended(call);
        expect(Number.isInteger(limit.value)).toBe(true);
        expect(limit.value).toBeGreaterThanOrEqual(1);
        expect(limit.value).toBeLessThanOrEqual(Math.max(start, most));
      }
    }),
  );
});
