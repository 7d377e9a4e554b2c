import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { spareRepository } from "./spare-repository.ts";

const root = mkdtempSync(join(tmpdir(), "holdfast-spare-"));
const location = join(root, "disk/repository");

beforeAll(() => {
  mkdirSync(join(location, "data"), { recursive: true });
  symlinkSync(location, join(root, "link"));
});

afterAll(() => rmSync(root, { recursive: true }));

function outcome(target: string, deletesAll: boolean): unknown {
  try {
    spareRepository({ location, target: join(root, target), deletesAll });
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe("a restore", () => {
  test.for(["disk/repository", "disk/repository/data", "disk/repository/new/deeper", "link", "link/new"])(
    "into the repository itself, as %s, is refused",
    (target) => {
      expect(outcome(target, false)).toBe("CLI_TARGET_IN_REPOSITORY");
      expect(outcome(target, true)).toBe("CLI_TARGET_IN_REPOSITORY");
    },
  );

  test.for(["disk", "."])("that deletes what the snapshot lacks round the repository, in %s, is refused", (target) => {
    expect(outcome(target, true)).toBe("CLI_TARGET_HOLDS_REPOSITORY");
    expect(outcome(target, false)).toBeUndefined();
  });

  test.for(["disk/repository-restored", "disk/other", "elsewhere"])(
    "beside the repository, in %s, is free",
    (target) => {
      expect(outcome(target, true)).toBeUndefined();
    },
  );

  test("from a repository that is no folder here is free", () => {
    expect(() => spareRepository({ location: "s3:bucket/x", target: "/", deletesAll: true })).not.toThrow();
  });
});
