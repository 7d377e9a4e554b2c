import { bytesSource } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { DatedBackend } from "../../test/dated-backend.ts";
import { through } from "../../test/backup-lab.ts";
import { flipBit, idsOf } from "../../test/damaged/good.ts";
import { newRepository, signal } from "../../test/made-repository.ts";
import { type LockRunFields, decodeLockRun, encodeLockRun } from "../format/lock-run.ts";
import type { Id } from "../format/id.ts";
import { idOf } from "../format/id.ts";
import { listLockRuns, saveLockRun } from "./lock-runs.ts";

const FIELDS: LockRunFields = {
  beganAtMs: 1_000,
  endedAtMs: 2_000,
  hostname: "box",
  programVersion: "holdfast 1",
  everyMs: 86_400_000,
  forMs: 30 * 86_400_000,
  snapshots: 3,
  files: 40,
  extended: 12,
  failed: 1,
  isExact: true,
  earliestMs: 9_000,
};

describe("records of runs that extend locks", () => {
  test("come back as they were saved, the last one first", async () => {
    const repository = through(newRepository(), new DatedBackend(7_000));
    await saveLockRun(repository, FIELDS, { signal });
    const { earliestMs: _, ...later } = { ...FIELDS, beganAtMs: 3_000, endedAtMs: 4_000, isExact: false };
    await saveLockRun(repository, later, { signal });
    const [last, first] = await listLockRuns(repository, { signal });
    expect(last).toMatchObject({ ...later, receivedAtMs: 7_000 });
    expect(last).not.toHaveProperty("earliestMs");
    expect(first).toMatchObject(FIELDS);
  });

  test("do not grow without bound", async () => {
    const repository = newRepository();
    for (let n = 0; n < 14; n++) await saveLockRun(repository, { ...FIELDS, endedAtMs: 2_000 + n }, { signal });
    const runs = await listLockRuns(repository, { signal });
    expect(runs.map(({ endedAtMs }) => endedAtMs - 2_000)).toEqual([13, 12, 11, 10, 9, 8, 7, 6, 5, 4]);
  });

  test("that are damaged or forged without the key say nothing, and the others are read", async () => {
    const repository = newRepository();
    await saveLockRun(repository, FIELDS, { signal });
    const [name] = await idsOf(repository, "retention");
    await saveLockRun(repository, { ...FIELDS, hostname: "good" }, { signal });
    await flipBit(repository.backend, { type: "retention", name: name as Id }, 20);
    const forged = encodeLockRun(FIELDS);
    await repository.backend.save({ type: "retention", name: idOf(forged) }, bytesSource(forged), { signal });
    const damaged: Id[] = [];
    const runs = await listLockRuns(repository, { signal, onDamaged: (id) => void damaged.push(id) });
    expect(runs.map(({ hostname }) => hostname)).toEqual(["good"]);
    expect(new Set(damaged)).toEqual(new Set([name, idOf(forged)]));
  });

  test.each([
    ['{"version":2}', "newer Holdfast"],
    [encodeText({ extra: 1 }), "which is not known"],
    [encodeText({ failed: -1 }), "failed"],
    [encodeText({ ended: "1969-01-01T00:00:00Z" }), "ended before it began"],
    [encodeText({ every_seconds: 0 }), "every_seconds"],
    ["[]", ""],
  ])("are not believed in part: %s", (json, words) => {
    expect(() => decodeLockRun(Buffer.from(json))).toThrow(words);
  });
});

function encodeText(changed: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...(JSON.parse(Buffer.from(encodeLockRun(FIELDS)).toString()) as object), ...changed });
}
