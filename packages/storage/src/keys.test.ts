import { isHoldfastError } from "@holdfast/base";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FileKey, FileType } from "./backend.ts";
import { FILE_TYPES, assertKey, assertRange, isFileName, pathOf } from "./keys.ts";

const NAME = "0123456789abcdef".repeat(4);

/** The code of the error that a key causes, if any. */
function codeOf(key: FileKey): string | undefined {
  try {
    pathOf(key);
    return undefined;
  } catch (error) {
    return isHoldfastError(error) ? error.code : "not ours";
  }
}

describe("pathOf", () => {
  test.each([
    ["config", "", "config"],
    ["key", NAME, `keys/${NAME}`],
    ["lock", NAME, `locks/${NAME}`],
    ["snapshot", NAME, `snapshots/${NAME}`],
    ["index", NAME, `index/${NAME}`],
    ["pack", NAME, `data/01/${NAME}`],
    ["forgotten", NAME, `holdfast/forgotten/${NAME}`],
    ["hold", NAME, `holdfast/holds/${NAME}`],
    ["evidence", NAME, `holdfast/evidence/${NAME}`],
  ] as const)("puts a %s file where restic's layout has it", (type, name, path) => {
    expect(pathOf({ type, name })).toBe(path);
  });

  test("accepts no name but 64 lower-case hex digits, whatever it is made of", () => {
    const anyType = fc.constantFrom<FileType>(...FILE_TYPES);
    const anyName = fc.oneof(
      fc.string({ maxLength: 70, unit: "binary" }),
      fc.string({ minLength: 60, maxLength: 68, unit: fc.constantFrom(...Array.from("0123456789abcdefABF./\\\n\0")) }),
    );
    fc.assert(
      fc.property(anyType, anyName, (type, name) => {
        const isHex = name.length === 64 && !/[^0-9a-f]/.test(name);
        const isGood = type === "config" ? name === "" : isHex;
        expect(isFileName(type, name)).toBe(isGood);
        expect(codeOf({ type, name })).toBe(isGood ? undefined : "STORAGE_INVALID_NAME");
      }),
    );
  });

  test("keeps a long foreign name out of its message", () => {
    const name = "x".repeat(100_000);
    expect(() => assertKey({ type: "pack", name })).toThrow(/^'x{100}' is not/);
  });
});

describe("assertRange", () => {
  test("accepts whole ranges and the absence of one", () => {
    for (const range of [undefined, { offset: 0, length: 0 }, { offset: 2 ** 40, length: 2 ** 40 }]) {
      expect(() => assertRange(range)).not.toThrow();
    }
  });

  test.each([
    { offset: -1, length: 0 },
    { offset: 0, length: -5 },
    { offset: 1.5, length: 1 },
    { offset: 0, length: Number.POSITIVE_INFINITY },
    { offset: Number.MAX_SAFE_INTEGER, length: 2 },
  ])("refuses $offset+$length", (range) => {
    expect(() => assertRange(range)).toThrow(expect.objectContaining({ code: "STORAGE_INVALID_RANGE" }));
  });
});
