import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isHoldfastError } from "@holdfast/base";
import { createPasswordFile, readPasswordFile } from "./password-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-password-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

describe("the password file", () => {
  test("is for its owner alone, whatever the umask, and reads back", () => {
    const path = join(folder, "a", "password");
    const before = process.umask(0);
    try {
      const made = createPasswordFile(path);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(statSync(join(folder, "a")).mode & 0o777).toBe(0o700);
      expect(readPasswordFile(path)?.reveal()).toBe(made.reveal());
      expect(made.reveal().length).toBeGreaterThanOrEqual(43);
    } finally {
      process.umask(before);
    }
  });

  test("is never replaced", () => {
    const path = join(folder, "password");
    const made = createPasswordFile(path);
    expect(() => createPasswordFile(path)).toThrow(/EEXIST/);
    expect(readFileSync(path, "utf8")).toBe(`${made.reveal()}\n`);
  });

  test("two are never the same", () => {
    expect(createPasswordFile(join(folder, "a")).reveal()).not.toBe(createPasswordFile(join(folder, "b")).reveal());
  });

  test.for([0o604, 0o640, 0o620, 0o644])("with mode %o is refused: others can read or change it", (mode) => {
    const path = join(folder, "password");
    createPasswordFile(path);
    chmodSync(path, mode);
    expect(() => readPasswordFile(path)).toThrow(failsWith("PROTECTION_PASSWORD_EXPOSED"));
  });

  test("that is empty is refused, and one that is absent is no password", () => {
    const path = join(folder, "password");
    expect(readPasswordFile(path)).toBeUndefined();
    writeFileSync(path, "\n", { mode: 0o600 });
    expect(() => readPasswordFile(path)).toThrow(failsWith("PROTECTION_PASSWORD_UNUSABLE"));
  });
});
