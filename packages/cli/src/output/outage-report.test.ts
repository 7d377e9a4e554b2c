import { PassThrough, Writable } from "node:stream";
import type { RetryInfo } from "@holdfast/storage";
import { storageError } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { OutageReport } from "./outage-report.ts";
import { Output } from "./output.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

function setup({ json = false, quiet = false } = {}) {
  const written: string[] = [];
  const err = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      done();
    },
  });
  const output = new Output({ json, quiet, verbosity: 0, color: false }, { out: new PassThrough(), err });
  let now = 0;
  const report = new OutageReport(output, 360 * MINUTE, () => now);
  const fail = (elapsedMs: number, delayMs = MINUTE): void => {
    const error = storageError("STORAGE_UNAVAILABLE", { location: "rest:x", reason: "nothing listens there" });
    const info: RetryInfo = { operation: "save", subject: "pack ab", failures: 3, delayMs, elapsedMs, error };
    report.onRetry(info);
  };
  const recover = (): void => report.onRecovery({ operation: "save", subject: "pack ab", failures: 3, elapsedMs: 0 });
  const lines = (): string[] => written.join("").split("\n").slice(0, -1);
  return { fail, recover, lines, at: (ms: number) => (now = ms) };
}

describe("an outage", () => {
  test("of six hours, with eight calls that are repeated each minute, is told in some forty lines, and so is its end", () => {
    const { fail, recover, lines, at } = setup();
    for (let ms = 0; ms < 360 * MINUTE; ms += MINUTE) {
      at(ms);
      for (let call = 0; call < 8; call++) fail(ms);
    }
    at(360 * MINUTE);
    recover();
    recover();
    const told = lines();
    expect(told.length).toBeGreaterThan(30);
    expect(told.length).toBeLessThan(50);
    expect(told[0]).toBe("rest:x: nothing listens there; trying again for up to 6:00:00 h, next in 60 s");
    expect(told.at(-2)).toMatch(
      /^rest:x: nothing listens there, for 5:\d\d:\d\d h now; trying again for up to \d+:\d\d min/,
    );
    expect(told.at(-1)).toBe("the repository answers again after 6:00:00 h");
  });

  test("that is over in a moment is told once, and its end not at all", () => {
    const { fail, recover, lines, at } = setup();
    fail(0, 500);
    at(600);
    fail(600, 1000);
    at(1600);
    recover();
    expect(lines()).toHaveLength(1);
  });

  test("that comes and goes each second is not told each second", () => {
    const { fail, recover, lines, at } = setup();
    for (let turn = 0; turn < 60; turn++) {
      at(turn * SECOND);
      fail(0, 500);
      at(turn * SECOND + 500);
      recover();
    }
    expect(lines().length).toBeLessThan(7);
  });

  test("is lines of their own in JSON, and nothing with --quiet", () => {
    const { fail, recover, lines, at } = setup({ json: true });
    fail(0, 500);
    at(20 * SECOND);
    fail(20 * SECOND, 8000);
    at(30 * SECOND);
    recover();
    expect(lines().map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        message_type: "retry",
        state: "waiting",
        error: { message: "rest:x: nothing listens there", code: "STORAGE_UNAVAILABLE" },
        operation: "save",
        item: "pack ab",
        failures: 3,
        seconds_elapsed: 0,
        seconds_until_retry: 0.5,
        seconds_until_giving_up: 21_600,
      },
      expect.objectContaining({ state: "waiting", seconds_elapsed: 20, seconds_until_giving_up: 21_580 }),
      { message_type: "retry", state: "recovered", seconds_elapsed: 30 },
    ]);
    const quiet = setup({ json: true, quiet: true });
    quiet.fail(0);
    expect(quiet.lines()).toEqual([]);
  });
});
