/** Whatever save of a backup fails: the repository stays correct, and the next run stores nothing twice. */
import { isHoldfastError } from "@holdfast/base";
import { type Fault, FaultyBackend } from "@holdfast/storage";
import { describe, expect, test, vi } from "vitest";
import {
  backUp,
  check,
  contentOfFolder,
  contentOfLatest,
  namesOf,
  RecordingBackend,
  storedBlobs,
  through,
} from "../backup-lab.ts";
import { oneFault } from "./one-fault.ts";
import { sampleForFaults } from "./sample.ts";

// Dozens of runs in one test.
vi.setConfig({ testTimeout: 240_000 });

const sample = sampleForFaults();

const FAILURES: readonly Fault[] = [
  { kind: "fail", when: "before" },
  { kind: "fail", when: "middle" },
  { kind: "fail", when: "after" },
];

describe("a save that fails", () => {
  test("packs are stored before the index that lists them, and the snapshot last", async () => {
    const { repository, backend } = await sample.fresh();
    const recording = new RecordingBackend(backend);
    await backUp(through(repository, recording), [sample.folder]);
    const types = recording.saves.map(({ type }) => type);
    expect(types.length).toBeGreaterThanOrEqual(5);
    expect(types).toEqual([...Array<string>(types.length - 2).fill("pack"), "index", "snapshot"]);
  });

  test.for(FAILURES)("%o: ends the run, harms nothing, and what was stored is used by the next", async (fault) => {
    for (let call = 1; ; call++) {
      const { repository, backend } = await sample.fresh();
      const plan = oneFault({ operation: "save", call, fault });
      const run = backUp(through(repository, new FaultyBackend(backend, plan)), [sample.folder]);
      const failure: unknown = await run.then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!plan.fired) {
        expect(failure).toBeUndefined();
        expect(call).toBeGreaterThan(5);
        return;
      }
      expect(isHoldfastError(failure, "STORAGE_UNAVAILABLE"), `save ${call}`).toBe(true);
      const left = await storedBlobs(repository);
      expect((await check(repository)).healthy, `after save ${call}`).toBe(true);

      const next = await backUp(repository, [sample.folder]);
      expect(await contentOfLatest(repository, sample.folder), `save ${call}`).toEqual(contentOfFolder(sample.folder));
      const all = await storedBlobs(repository);
      expect(new Set(all).size, `stored twice after save ${call}`).toBe(all.length);
      expect(all.length - left.length).toBe(next.counts.dataBlobs + next.counts.treeBlobs);
      expect((await check(repository)).findings).toEqual([]);
    }
  });

  test("packs of a failed run are listed in an index as far as that can be stored", async () => {
    const { repository, backend } = await sample.fresh();
    const plan = oneFault({ operation: "save", type: "snapshot", call: 1, fault: { kind: "fail", when: "before" } });
    await expect(backUp(through(repository, new FaultyBackend(backend, plan)), [sample.folder])).rejects.toThrow();
    expect(await namesOf(backend, "index")).toHaveLength(2);
    const next = await backUp(repository, [sample.folder]);
    expect(next.counts.dataBlobs).toBe(0);
    expect(next.adoptedPacks).toBe(0);
  });

  test("an index that could not be stored is tried once more before the run ends", async () => {
    const { repository, backend } = await sample.fresh();
    const plan = oneFault({ operation: "save", type: "index", call: 1, fault: { kind: "fail", when: "before" } });
    await expect(backUp(through(repository, new FaultyBackend(backend, plan)), [sample.folder])).rejects.toThrow();
    expect(await namesOf(backend, "index")).toHaveLength(2);
    expect((await check(repository)).findings).toEqual([]);
  });
});
