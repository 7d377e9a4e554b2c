import { type StoredSnapshot, parseId } from "@holdfast/engine";
import { describe, expect, test } from "vitest";
import { restoreFindings } from "./findings.ts";

const [id, tree] = [parseId("aa".repeat(32)), parseId("70".repeat(32))];
const snapshot = { id, snapshot: { tree } } as StoredSnapshot;
const subjects = [{ snapshot: id, tree }];
const NO_COUNTS = { filesUpdated: 0, filesUnchanged: 0, filesSkipped: 0, othersSkipped: 0 };
const pattern = [{ lines: ["*"], ignoreCase: false }];

interface Case {
  readonly counts?: Partial<typeof NO_COUNTS>;
  readonly problemCounts?: Parameters<typeof restoreFindings>[1]["problemCounts"];
  readonly settings?: Partial<Parameters<typeof restoreFindings>[2]>;
}

function found({ counts = {}, problemCounts = {}, settings = {} }: Case): ReturnType<typeof restoreFindings> {
  const result = {
    counts: { ...NO_COUNTS, ...counts } as Parameters<typeof restoreFindings>[1]["counts"],
    problemCounts,
  };
  return restoreFindings(snapshot, result, { verify: true, isWhole: true, ...settings });
}

describe("a restore", () => {
  test("proves a whole snapshot that was verified without any problem", () => {
    expect(found({})).toEqual({ proven: subjects });
    expect(found({ settings: { include: [], exclude: [] } })).toEqual({ proven: subjects });
  });

  test.for<Case>([
    { settings: { verify: false } },
    { settings: { isWhole: false } },
    { settings: { include: pattern } },
    { settings: { exclude: pattern } },
    { counts: { filesUpdated: 1 } },
    { counts: { filesUnchanged: 1 } },
    { counts: { filesSkipped: 1 } },
    { counts: { othersSkipped: 1 } },
    { problemCounts: { differs: 1 } },
    { problemCounts: { metadata: 1 } },
    { problemCounts: { "not-restored": 1 } },
    { problemCounts: { "unsafe-name": 1 } },
  ])("proves nothing with %j", (some) => {
    expect(found(some)).toEqual({});
  });

  test("finds damage, whatever was to be restored", () => {
    const settings = { verify: false, isWhole: false, include: pattern };
    expect(found({ problemCounts: { damaged: 1, metadata: 2 }, settings })).toEqual({ damaged: subjects });
  });
});
