import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type { CheckResult, Finding, FindingCode } from "@holdfast/engine";
import { describe, expect, test } from "vitest";
import { Output } from "../output/output.ts";
import { reportCheck } from "./report.ts";

const PACK = "ab".repeat(32) as NonNullable<Finding["pack"]>;

function found(code: FindingCode): Finding {
  return { code, what: "something", reason: "a reason", ...(code === "pack-hash" ? { pack: PACK } : {}) };
}

function resultOf(codes: readonly FindingCode[]): CheckResult {
  return {
    healthy: codes.length === 0,
    proven: [],
    damaged: [],
    findings: codes.map(found),
    findingsOmitted: 0,
    affected: [],
    affectedOmitted: 0,
    snapshots: 1,
    packs: 1,
    packsRead: 1,
    bytesRead: 1,
    blobs: 1,
    unusedBlobs: 0,
    unusedBytes: 0,
    elapsedMs: 1,
  };
}

async function reported(codes: readonly FindingCode[], json = false): Promise<string> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const output = new Output({ json, quiet: false, verbosity: 0, color: false }, { out, err });
  reportCheck(resultOf(codes), output);
  await output.flush();
  out.end();
  return text(out);
}

describe("the hints after a check", () => {
  test.for<[codes: FindingCode[], index: boolean, packs: boolean, snapshots: boolean]>([
    [[], false, false, false],
    [["pack-unindexed"], false, false, false],
    [["pack-unindexed", "tree-missing"], true, false, false],
    [["pack-unindexed", "data-missing", "data-missing"], true, false, false],
    [["index-damaged", "tree-missing"], true, false, false],
    [["tree-missing"], false, false, true],
    [["data-missing"], false, false, true],
    [["tree-malformed"], false, false, true],
    [["tree-duplicate"], false, false, true],
    [["file-size"], false, false, false],
    [["pack-hash"], false, true, true],
    [["pack-hash", "pack-missing", "data-missing"], true, true, true],
    [["pack-hash", "pack-unindexed", "data-missing"], true, true, true],
    [["key-damaged"], false, false, false],
  ])("of %j: the index %s, packs %s, snapshots %s", async ([codes, index, packs, snapshots]) => {
    const lines = await reported(codes);
    expect({
      index: lines.includes("`holdfast repair index`"),
      packs: lines.includes("`holdfast repair packs abababab`"),
      snapshots: lines.includes("`holdfast repair snapshots`"),
    }).toEqual({ index, packs, snapshots });
  });

  test.for<[codes: FindingCode[], named: boolean]>([
    [["pack-hash"], true],
    [["data-missing"], true],
    [["pack-missing"], true],
    [["pack-unindexed", "tree-missing"], false],
    [["index-damaged"], false],
    [["file-size", "tree-duplicate"], false],
    [["snapshot-damaged"], false],
  ])("of %j name a second copy: %s", async ([codes, named]) => {
    expect((await reported(codes)).includes("--from-repo LOCATION")).toBe(named);
  });

  test("are in JSON too", async () => {
    expect(JSON.parse(await reported(["pack-unindexed", "tree-missing"], true))).toMatchObject({
      suggest_repair_index: true,
      suggest_repair_snapshots: true,
    });
    expect(JSON.parse(await reported(["pack-unindexed"], true))).toMatchObject({
      suggest_repair_index: false,
      suggest_repair_snapshots: false,
    });
  });
});
