/** Whatever load or listing of a backup goes wrong: the run ends with an error or has stored the right content. */
import { HoldfastError, isHoldfastError, messageOf } from "@holdfast/base";
import { type Fault, type FaultOperation, FaultyBackend } from "@holdfast/storage";
import { describe, expect, test, vi } from "vitest";
import type { Repository } from "../../src/repository/repository.ts";
import {
  backUp,
  check,
  contentOfFolder,
  contentOfLatest,
  copyOf,
  problemsInto,
  storedBlobs,
  through,
} from "../backup-lab.ts";
import { oneFault } from "./one-fault.ts";
import { sampleForFaults } from "./sample.ts";

// Dozens of runs in one test.
vi.setConfig({ testTimeout: 240_000 });

const sample = sampleForFaults();

const LOAD_FAULTS: readonly Fault[] = [
  { kind: "fail", when: "before" },
  { kind: "fail", when: "middle" },
  { kind: "truncate", keepBytes: 100 },
  { kind: "flip", bit: 1_003 },
];
const CASES: readonly [FaultOperation, Fault][] = [
  ...LOAD_FAULTS.map((fault): [FaultOperation, Fault] => ["load", fault]),
  ["list", { kind: "fail", when: "before" }],
  ["list", { kind: "fail", when: "middle" }],
];

/** A repository that a killed run has left: packs that no index lists, and nothing else of that run. */
async function withOrphans(): Promise<{ repository: Repository; orphans: number }> {
  left ??= leaveOrphans();
  const { repository, orphans } = await left;
  return { repository: through(repository, await copyOf(repository.backend)), orphans };
}

let left: ReturnType<typeof leaveOrphans> | undefined;

async function leaveOrphans(): Promise<{ repository: Repository; orphans: number }> {
  const { repository, backend } = await sample.fresh();
  const broken = {
    next: (operation: FaultOperation, type?: string) => (operation === "save" && type === "index" ? FAIL : undefined),
  };
  await expect(backUp(through(repository, new FaultyBackend(backend, broken)), [sample.folder])).rejects.toThrow(
    HoldfastError,
  );
  const findings = (await check(repository)).findings.map(({ code, what }) => `${code} ${what}`);
  const orphans = Number(/^pack-unindexed (\d+) packs$/.exec(findings.join())?.[1]);
  return { repository, orphans };
}
const FAIL: Fault = { kind: "fail", when: "before" };

describe("a call that goes wrong while reading", () => {
  test.for(CASES)("%s, %o", async ([operation, fault]) => {
    let succeeded = 0;
    for (let call = 1; ; call++) {
      const { repository } = await withOrphans();
      const plan = oneFault({ operation, call, fault });
      const run = backUp(through(repository, new FaultyBackend(repository.backend, plan)), [sample.folder]);
      const failure: unknown = await run.then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!plan.fired) {
        expect(call, "the sample must have such a call").toBeGreaterThan(1);
        // Reading what a killed run has left only saves work: a fault there must not end the run.
        if (operation === "load") expect(succeeded).toBeGreaterThan(3);
        return;
      }
      if (failure === undefined) {
        succeeded++;
        expect(await contentOfLatest(repository, sample.folder), `${operation} ${call}`).toEqual(
          contentOfFolder(sample.folder),
        );
      } else expect(isHoldfastError(failure), `${operation} ${call}: ${messageOf(failure)}`).toBe(true);
      expect((await check(repository)).healthy).toBe(true);
      await backUp(repository, [sample.folder]);
      expect(await contentOfLatest(repository, sample.folder)).toEqual(contentOfFolder(sample.folder));
    }
  });

  test("a snapshot that cannot be read is reported, and passed over as a parent", async () => {
    const { repository, backend } = await sample.fresh();
    const problems: string[] = [];
    const plan = oneFault({ operation: "load", type: "snapshot", call: 1, fault: { kind: "flip", bit: 77 } });
    const faulty = through(repository, new FaultyBackend(backend, plan));
    const { parentId } = await backUp(faulty, [sample.folder], { onEvent: problemsInto(problems) });
    expect(parentId).toBeUndefined();
    expect(problems).toEqual([expect.stringMatching(/^parent-tree snapshot [0-9a-f]{64}$/)]);
    expect(await contentOfLatest(repository, sample.folder)).toEqual(contentOfFolder(sample.folder));
  });

  test("a parent's trees that cannot be read cost time, not data", async () => {
    const { repository, backend } = await sample.fresh();
    const problems: string[] = [];
    const always = {
      next: (operation: FaultOperation, type?: string) => (operation === "load" && type === "pack" ? FAIL : undefined),
    };
    const faulty = through(repository, new FaultyBackend(backend, always));
    const { counts } = await backUp(faulty, [sample.folder], { onEvent: problemsInto(problems) });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.every((problem) => problem.startsWith("parent-tree "))).toBe(true);
    // The files that are unchanged are read again and found stored.
    expect(counts.filesUnmodified).toBe(0);
    const all = await storedBlobs(repository);
    expect(new Set(all).size).toBe(all.length);
    expect(await contentOfLatest(repository, sample.folder)).toEqual(contentOfFolder(sample.folder));
  });
});

const { signal } = new AbortController();

describe("packs that are gone although the index lists them", () => {
  test("are told, and what they held is stored again, so that the new snapshot is whole", async () => {
    const { repository, backend } = await sample.fresh();
    for await (const { name } of backend.list("pack", { signal })) {
      await backend.remove({ type: "pack", name }, { signal });
    }
    const { missingPacks, counts } = await backUp(repository, [sample.folder]);
    expect(missingPacks).toBeGreaterThan(0);
    expect(counts.dataBlobs).toBeGreaterThan(0);
    expect(await contentOfLatest(repository, sample.folder)).toEqual(contentOfFolder(sample.folder));
    expect((await backUp(repository, [sample.folder])).counts.dataBlobs).toBe(0);
  });
});

describe("packs that a killed run has left", () => {
  test("are used by the next run, which stores none of their blobs again", async () => {
    const { repository, orphans } = await withOrphans();
    expect(orphans).toBeGreaterThanOrEqual(4);
    const { adoptedPacks, counts } = await backUp(repository, [sample.folder]);
    expect(adoptedPacks).toBe(orphans);
    expect(counts.dataBlobs).toBe(0);
    const all = await storedBlobs(repository);
    expect(new Set(all).size).toBe(all.length);
    expect(await contentOfLatest(repository, sample.folder)).toEqual(contentOfFolder(sample.folder));
    expect((await check(repository)).findings).toEqual([]);
  });
});
