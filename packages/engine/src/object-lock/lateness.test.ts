import { describe, expect, test } from "vitest";
import { parseId } from "../format/id.ts";
import { judgeJob, marginMs, protectionDue } from "./lateness.ts";
import type { LockRun } from "./lock-runs.ts";

const DAY_MS = 86_400_000;
const NOW = 1_000 * DAY_MS;

function run(endedAtMs: number, more: Partial<LockRun> = {}): LockRun {
  return {
    id: parseId("ab".repeat(32)),
    receivedAtMs: endedAtMs,
    beganAtMs: endedAtMs,
    endedAtMs,
    hostname: "h",
    programVersion: "p",
    everyMs: DAY_MS,
    forMs: 30 * DAY_MS,
    snapshots: 1,
    files: 1,
    extended: 1,
    failed: 0,
    isExact: true,
    ...more,
  };
}

const judge = (runs: readonly LockRun[], more: { lateAfterMs?: number; firstLockMs?: number } = {}) =>
  judgeJob(runs, { nowMs: NOW, firstLockMs: undefined, ...more });

describe("the job that extends locks", () => {
  test("is in time until twice its interval is over, and then late", () => {
    expect(judge([run(NOW - 1.9 * DAY_MS)])).toMatchObject({ isLate: false });
    expect(judge([run(NOW - 2 * DAY_MS)])).toMatchObject({ isLate: true });
    expect(judge([run(NOW - 9 * DAY_MS, { everyMs: 7 * DAY_MS })])).toMatchObject({ isLate: false });
  });

  test("is late when somebody says so", () => {
    expect(judge([run(NOW - DAY_MS)], { lateAfterMs: DAY_MS / 2 })).toMatchObject({ isLate: true });
    expect(judge([run(NOW - 5 * DAY_MS)], { lateAfterMs: 6 * DAY_MS })).toMatchObject({ isLate: false });
  });

  test("that left something unlocked has not run", () => {
    const standing = judge([run(NOW - DAY_MS / 2, { failed: 1 }), run(NOW - 3 * DAY_MS)]);
    expect(standing).toMatchObject({ isLate: true, lastGoodMs: NOW - 3 * DAY_MS });
    expect(standing.lastRun?.failed).toBe(1);
  });

  test("looks later by a wrong clock, and never earlier", () => {
    expect(judge([run(NOW - 5 * DAY_MS, { receivedAtMs: NOW })])).toMatchObject({ isLate: true });
    expect(judge([run(NOW, { receivedAtMs: NOW - 5 * DAY_MS })])).toMatchObject({ isLate: true });
    expect(judge([run(NOW + DAY_MS)])).toMatchObject({ isLate: true, lastRun: undefined });
  });

  test("that never ran is needed once the first lock has less than the margin left", () => {
    const left = (days: number) => judge([], { firstLockMs: NOW + days * DAY_MS });
    expect(left(8)).toMatchObject({ isLate: false, lateFromMs: NOW + DAY_MS });
    expect(left(7)).toMatchObject({ isLate: true });
    expect(judge([])).toMatchObject({ isLate: true });
  });

  test("leaves a margin of two runs, and of a week at least", () => {
    expect([marginMs(DAY_MS), marginMs(3 * DAY_MS), marginMs(7 * DAY_MS)]).toEqual([7, 7, 14].map((n) => n * DAY_MS));
  });

  test("is due as often as it is meant to run", () => {
    expect(protectionDue(judge([run(NOW - DAY_MS / 2)]), NOW)).toEqual({ atMs: NOW + DAY_MS / 2 });
    expect(protectionDue(judge([], { firstLockMs: NOW + 9 * DAY_MS }), NOW)).toEqual({ atMs: NOW + 2 * DAY_MS });
  });
});
