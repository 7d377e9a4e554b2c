import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countAhead } from "./count-ahead.ts";
import { NO_RULES } from "./selection.ts";

const { signal } = new AbortController();
const cwd = mkdtempSync(join(tmpdir(), "holdfast-count-"));
beforeAll(() => {
  mkdirSync(join(cwd, "a/deep"), { recursive: true });
  mkdirSync(join(cwd, "cache"));
  writeFileSync(join(cwd, "a/one"), "12345");
  writeFileSync(join(cwd, "a/deep/two"), "123");
  writeFileSync(join(cwd, "a/big"), "x".repeat(1000));
  writeFileSync(join(cwd, "cache/TAG"), "t");
  writeFileSync(join(cwd, "cache/three"), "1234567");
  symlinkSync("one", join(cwd, "a/link"));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe("counting ahead", () => {
  test.for<[what: string, targets: string[], rules: Partial<typeof NO_RULES>, files: number, bytes: number]>([
    ["counts regular files below the targets", ["a", "cache"], {}, 5, 1016],
    ["counts a target that is a file", ["a/one"], {}, 1, 5],
    ["leaves out what patterns exclude", ["a"], { excludes: [{ lines: ["two"], ignoreCase: false }] }, 2, 1005],
    [
      "takes a target although a pattern excludes it",
      ["a/one"],
      { excludes: [{ lines: ["one"], ignoreCase: false }] },
      1,
      5,
    ],
    ["leaves out large files", ["a"], { largerThanBytes: 999 }, 2, 8],
    ["keeps only the tag of a tagged folder", ["cache"], { ifPresent: [{ name: "TAG" }] }, 1, 1],
    ["passes over what does not exist", ["a/deep", "gone"], {}, 1, 3],
  ])("%s", async ([, targets, rules, files, bytes]) => {
    expect(await countAhead({ targets, cwd, rules: { ...NO_RULES, ...rules } }, signal)).toEqual({ files, bytes });
  });
});
