// The name gate can fail, and it sees the files of this repository.
import { describe, expect, test } from "vitest";
import { checkNames } from "../../scripts/check-names.ts";
import { root } from "../../scripts/workspace.ts";
import { seededRepository } from "./seeded-repository.ts";

describe("the name gate", () => {
  test.for([
    ["packages/engine/src/utils/x.ts", "'utils' does not say what it holds"],
    ["packages/engine/src/format/string-util.ts", "'string-util' does not say what it holds"],
    ["packages/engine/src/format/helpers.test.ts", "'helpers' does not say what it holds"],
    ["packages/engine/src/lock-manager.ts", "'lock-manager' does not say what it holds"],
    ["packages/engine/src/core/x.ts", "'core' does not say what it holds"],
    ["packages/cli/bin/shared.cjs", "'shared' does not say what it holds"],
    ["scripts/CamelCase.ts", "'CamelCase' is not in kebab-case"],
    ["test/house/snake_case.ts", "'snake_case' is not in kebab-case"],
  ] as const)("refuses %s", ([path, problem]) => {
    expect(checkNames(seededRepository({ [path]: "" })).problems).toEqual([`${path}: ${problem}`]);
  });

  test.for(["packages/engine/src/index/shared-table.ts", "packages/engine/src/score.ts", "docs/decisions/0001-a.md"])(
    "lets %s pass",
    (path) => {
      expect(checkNames(seededRepository({ [path]: "" })).problems).toEqual([]);
    },
  );

  test("sees every file of this repository", () => {
    expect(checkNames(root).files).toBeGreaterThan(60);
  });
});
