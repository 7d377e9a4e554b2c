import { describe, expect, test } from "vitest";
import { threadsAtOnce } from "./threads-at-once.ts";

describe("threads at the beginning of a search", () => {
  test.for<[readonly string[], number]>([
    [["/home/ada/letters"], 1],
    [["/home/*/letters", "/srv"], 1],
    [["!/home/ada"], 1],
    [["/home/**/letters"], 8],
    [["/home/ada", "letters"], 8],
    [["home/ada"], 8],
    [[], 8],
  ])("for %j are %i", ([patterns, expected]) => {
    expect(threadsAtOnce({ kind: "names", patterns, ignoreCase: false, bounds: {} }, 8)).toBe(expected);
  });

  test("are all for blobs, and while nothing is known", () => {
    expect(threadsAtOnce({ kind: "blobs", data: [], trees: [] }, 8)).toBe(8);
    expect(threadsAtOnce(undefined, 8)).toBe(8);
  });
});
