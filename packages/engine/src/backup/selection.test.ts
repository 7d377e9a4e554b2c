import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { isHoldfastError } from "@holdfast/base";
import { NO_RULES, Selection, type SelectionRules } from "./selection.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-selection-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const select = (rules: Partial<SelectionRules>): Selection => new Selection({ ...NO_RULES, ...rules });

describe("what a backup takes", () => {
  test("everything, without rules", () => {
    const selection = select({});
    expect(selection.excludesPath("/any/path")).toBe(false);
    expect(selection.excludesSize(Number.MAX_SAFE_INTEGER)).toBe(false);
    expect(selection.withoutTagged("/any", ["a", "b"])).toEqual(["a", "b"]);
  });

  test.for<[path: string, excluded: boolean]>([
    ["/home/ann/cache", true],
    ["/home/ann/CACHE", false],
    ["/home/ann/Photo.TMP", true],
    ["/home/ann/photo.tmp", true],
    ["/home/ann/keep.tmp", false],
    ["/home/ann/notes", false],
  ])("patterns decide by path, each list with its own case: %s", ([path, excluded]) => {
    const selection = select({
      excludes: [
        { lines: ["/home/*/cache"], ignoreCase: false },
        { lines: ["*.tmp", "!keep.tmp"], ignoreCase: true },
      ],
    });
    expect(selection.excludesPath(path)).toBe(excluded);
  });

  test("the repository is known by device and inode, and nothing but a folder is one", () => {
    const [here, other] = [
      { deviceId: 1n, inode: 2n },
      { deviceId: 1n, inode: 3n },
    ];
    const selection = select({ repository: here });
    expect(selection.isRepository({ type: "dir", ...here })).toBe(true);
    expect(selection.isRepository({ type: "dir", ...other })).toBe(false);
    expect(selection.isRepository({ type: "dir", deviceId: 9n, inode: 2n })).toBe(false);
    expect(selection.isRepository({ type: "file", ...here })).toBe(false);
    expect(select({}).isRepository({ type: "dir", ...here })).toBe(false);
  });

  test("a pattern that cannot be understood is refused when the rules are taken", () => {
    expect(() => select({ excludes: [{ lines: ["[a"], ignoreCase: false }] })).toThrow(
      expect.toSatisfy((error: unknown) => isHoldfastError(error, "ENGINE_PATTERN_INVALID")),
    );
  });

  test("a file is too large from one byte above the limit on", () => {
    const selection = select({ largerThanBytes: 1000 });
    expect([999, 1000, 1001].map((bytes) => selection.excludesSize(bytes))).toEqual([false, false, true]);
  });

  const SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55";
  test.for<[what: string, content: string | undefined, header: string | undefined, kept: string[]]>([
    ["with the right beginning", `${SIGNATURE}\n# a cache`, SIGNATURE, ["TAG"]],
    ["with exactly that content", SIGNATURE, SIGNATURE, ["TAG"]],
    ["with another beginning", "something else, and long enough for a header", SIGNATURE, ["TAG", "data"]],
    ["that is shorter than the header", "Signature", SIGNATURE, ["TAG", "data"]],
    ["with any content, when no header is asked for", "", undefined, ["TAG"]],
    ["that is not there", undefined, undefined, ["data"]],
  ])("a tag file %s", ([what, content, header, kept]) => {
    const dir = join(folder, what.replaceAll(/\W/g, "-"));
    mkdirSync(dir);
    if (content !== undefined) writeFileSync(join(dir, "TAG"), content);
    const names = content === undefined ? ["data"] : ["TAG", "data"];
    const rule = header === undefined ? { name: "TAG" } : { name: "TAG", header };
    expect(select({ ifPresent: [rule] }).withoutTagged(dir, names)).toEqual(kept);
  });

  test("a tag that cannot be read excludes nothing", () => {
    mkdirSync(join(folder, "odd", "TAG"), { recursive: true });
    const selection = select({ ifPresent: [{ name: "TAG", header: "x" }] });
    expect(selection.withoutTagged(join(folder, "odd"), ["TAG", "data"])).toEqual(["TAG", "data"]);
    expect(selection.withoutTagged(join(folder, "gone"), ["TAG", "data"])).toEqual(["TAG", "data"]);
  });
});
