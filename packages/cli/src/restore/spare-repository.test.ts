import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
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

/** What is spared in a target, or the code of the refusal. */
function outcome(target: string): unknown {
  try {
    return spareRepository({ location, target });
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe("a restore", () => {
  test.for(["disk/repository", "disk/repository/data", "disk/repository/new/deeper", "link", "link/new"])(
    "into the repository itself, as %s, is refused",
    (target) => {
      expect(outcome(join(root, target))).toBe("CLI_TARGET_IN_REPOSITORY");
    },
  );

  test("round the repository spares it", () => {
    expect(outcome(join(root, "disk"))).toEqual(["/repository"]);
    expect(outcome(root)).toEqual(["/disk/repository"]);
    expect(outcome("/")).toEqual([realpathSync(location)]);
  });

  test.for(["disk/repository-restored", "disk/other", "elsewhere"])(
    "beside the repository, in %s, is free",
    (target) => {
      expect(outcome(join(root, target))).toEqual([]);
    },
  );

  test("from a repository that is no folder here is free", () => {
    expect(spareRepository({ location: "s3:bucket/x", target: "/" })).toEqual([]);
  });
});
