import { describe, expect, test } from "vitest";
import { type Stall, StallWatch } from "./pace.ts";

function watch(pace?: { latencyMs: number; bytesPerSecond: number }): { watch: StallWatch; stalls: Stall[] } {
  const stalls: Stall[] = [];
  return { watch: new StallWatch({ pace, onBytes: () => {}, onStall: (stall) => stalls.push(stall) }), stalls };
}

const seconds = (one: StallWatch, count: number, each: () => void = () => {}): void => {
  for (let n = 0; n < count; n++) {
    each();
    one.tick(1000);
  }
};

describe("a copy", () => {
  test("has come to a halt after 20 s without a byte, and only while something is waited for", () => {
    const { watch: one, stalls } = watch();
    seconds(one, 100);
    one.began();
    seconds(one, 15);
    one.got(1);
    seconds(one, 20);
    expect(stalls).toEqual([]);
    seconds(one, 1);
    expect(stalls).toMatchObject([{ kind: "halt" }]);
  });

  test("is slow when it gives less than a sixteenth of what was measured", () => {
    const pace = { latencyMs: 5, bytesPerSecond: 32_000_000 };
    for (const [rate, isSlow] of [
      [1_000_000, true],
      [4_000_000, false],
    ] as const) {
      const { watch: one, stalls } = watch(pace);
      one.began();
      seconds(one, 25, () => one.got(rate));
      expect(stalls).toMatchObject(isSlow ? [{ kind: "slow", bytesPerSecond: rate }] : []);
    }
  });

  test("is not slow for many small reads, nor for those that nobody asked for", () => {
    const { watch: one, stalls } = watch({ latencyMs: 100, bytesPerSecond: 32_000_000 });
    seconds(one, 60, () => {
      one.began();
      one.got(500);
      one.ended();
    });
    one.began();
    seconds(one, 60, () => {
      for (let n = 0; n < 10; n++) {
        one.began();
        one.got(500);
        one.ended();
      }
    });
    expect(stalls).toEqual([]);
  });

  test("is not called slow before anything was measured", () => {
    const { watch: one, stalls } = watch();
    one.began();
    seconds(one, 100, () => one.got(1));
    expect(stalls).toEqual([]);
  });
});
