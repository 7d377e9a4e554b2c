/** The check of repositories that backups made: healthy ones, subsets, filters, unused space, and how it ends. */
import { unlinkSync } from "node:fs";
import { join } from "node:path";
import { bytesSource } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import type { DataSubset } from "../src/check/options.ts";
import type { Finding } from "../src/check/findings.ts";
import { Check } from "../src/check/check.ts";
import type { Repository } from "../src/repository/repository.ts";
import {
  backUp,
  check,
  copyOf,
  namesOf,
  NEVER,
  newRepository,
  noise,
  scratchFolder,
  through,
  writeFiles,
} from "./backup-lab.ts";

const folder = scratchFolder();
let repository: Repository;
let first: Awaited<ReturnType<typeof backUp>>;
let second: typeof first;

beforeAll(async () => {
  const files = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`d${n % 3}/f${n}`, noise(25_000, n)]));
  writeFiles(folder, { ...files, "d0/deep/er/text": "text" });
  repository = await newRepository();
  first = await backUp(repository, [folder]);
  writeFiles(folder, { "d1/f1": noise(25_000, 100) });
  unlinkSync(join(folder, "d2/f2"));
  second = await backUp(repository, [folder], { tags: ["second"] });
});

describe("a healthy repository", () => {
  test("has no findings, and everything in it is used", async () => {
    const result = await check(repository, { workers: 3 });
    expect(result).toMatchObject({
      healthy: true,
      findings: [],
      affected: [],
      snapshots: 2,
      unusedBlobs: 0,
      unusedBytes: 0,
    });
    expect(result.packs).toBe((await namesOf(repository.backend, "pack")).length);
    expect(result.packsRead).toBe(result.packs);
  });

  test.for<[subset: DataSubset, atLeast: number, atMost: number]>([
    [{ kind: "none" }, 0, 0],
    [{ kind: "percent", percent: 20 }, 1, 4],
    [{ kind: "bytes", bytes: 70_000 }, 1, 2],
  ])("is read in part: %o", async ([readData, atLeast, atMost]) => {
    const none = await check(repository, { readData: { kind: "none" } });
    const { healthy, packsRead } = await check(repository, { readData });
    expect(healthy).toBe(true);
    expect(packsRead - none.packsRead).toBeGreaterThanOrEqual(atLeast);
    expect(packsRead - none.packsRead).toBeLessThanOrEqual(atMost);
  });

  test("is read whole by all parts together", async () => {
    const none = await check(repository, { readData: { kind: "none" } });
    let read = 0;
    for (let n = 1; n <= 3; n++)
      read += (await check(repository, { readData: { kind: "part", n, of: 3 } })).packsRead - none.packsRead;
    expect(read).toBe(none.packs - none.packsRead);
  });

  test("shows what only other snapshots use, when it is asked for some", async () => {
    const result = await check(repository, { filter: { tags: [["second"]] } });
    expect(result).toMatchObject({ healthy: true, snapshots: 1 });
    expect(result.unusedBlobs).toBeGreaterThanOrEqual(3);
    expect(result.unusedBytes).toBeGreaterThan(25_000);
  });

  test("tells how far it is", async () => {
    const run = new Check(repository, { readData: { kind: "all" }, workers: 1, signal: NEVER, onFinding: () => {} });
    await run.run();
    const progress = run.progress();
    expect(progress).toMatchObject({
      phase: "done",
      findings: 0,
      packsDone: progress.packsTotal,
      bytesDone: progress.bytesTotal,
    });
  });

  test("that is empty is healthy", async () => {
    expect(await check(await newRepository())).toMatchObject({ healthy: true, findings: [], blobs: 0, packs: 0 });
  });
});

describe("what a check proves", () => {
  const ids = (snapshots: readonly { id: string }[]): unknown[] => snapshots.map(({ id }) => id);
  const both = (): unknown[] => [first.snapshotId, second.snapshotId];

  test.for<[subset: DataSubset, isAll: boolean]>([
    [{ kind: "all" }, true],
    [{ kind: "part", n: 1, of: 1 }, true],
    [{ kind: "percent", percent: 100 }, true],
    [{ kind: "bytes", bytes: 2 ** 40 }, true],
    [{ kind: "percent", percent: 50 }, false],
    [{ kind: "part", n: 1, of: 1_000_000 }, false],
    [{ kind: "bytes", bytes: 70_000 }, false],
    [{ kind: "none" }, false],
  ])("all snapshots when all data was read, whatever it was called: %o", async ([readData, isAll]) => {
    const { proven, damaged, healthy } = await check(repository, { readData });
    expect({ proven: ids(proven), damaged, healthy }).toEqual({
      proven: isAll ? both() : [],
      damaged: [],
      healthy: true,
    });
  });

  test("is only what it was asked to check", async () => {
    expect(ids((await check(repository, { filter: { tags: [["second"]] } })).proven)).toEqual([second.snapshotId]);
  });

  test("is nothing when it finds damage, which it tells of all snapshots, asked for or not", async () => {
    const backend = await copyOf(repository.backend);
    // What only the second snapshot needs was stored last.
    const { packs } = await check(repository, { filter: { tags: [["none"]] } });
    expect(packs).toBeGreaterThan(2);
    const later = await packsOnlyOfSecond(backend);
    for (const name of later) await backend.remove({ type: "pack", name }, { signal: NEVER });
    const broken = through(repository, backend);
    for (const filter of [{}, { tags: [["none"]] }, { tags: [["second"]] }]) {
      const { proven, damaged } = await check(broken, { filter });
      expect({ proven, damaged: ids(damaged) }).toEqual({ proven: [], damaged: [second.snapshotId] });
    }
    expect(ids((await check(broken, { readData: { kind: "none" } })).damaged)).toEqual([second.snapshotId]);
  });
});

/** Packs that the repository did not have after the first backup. */
async function packsOnlyOfSecond(backend: Repository["backend"]): Promise<string[]> {
  const alone = await copyOf(backend);
  await alone.remove({ type: "snapshot", name: second.snapshotId ?? "" }, { signal: NEVER });
  const unused: string[] = [];
  for (const name of await namesOf(backend, "pack")) {
    const lacking = await copyOf(alone);
    await lacking.remove({ type: "pack", name }, { signal: NEVER });
    if ((await check(through(repository, lacking))).damaged.length === 0) unused.push(name);
  }
  return unused;
}

describe("a check", () => {
  test("tells each finding when it is made, and lists it", async () => {
    const backend = await copyOf(repository.backend);
    const [name] = await namesOf(backend, "pack");
    await backend.remove({ type: "pack", name: name ?? "" }, { signal: NEVER });
    const told: Finding[] = [];
    const result = await check(through(repository, backend), { onFinding: (finding) => told.push(finding) });
    expect(told).toEqual(result.findings);
    expect(told.map(({ code }) => code)).toContain("pack-missing");
  });

  test("counts files without an index entry, which cost space and nothing else", async () => {
    const backend = await copyOf(repository.backend);
    await backend.save({ type: "pack", name: "ab".repeat(32) }, bytesSource(new Uint8Array(100)), { signal: NEVER });
    const result = await check(through(repository, backend));
    expect(result.healthy).toBe(true);
    expect(result.findings).toMatchObject([{ code: "pack-unindexed" }]);
  });

  test("of a snapshot whose tree nobody has says so", async () => {
    const backend = await copyOf(repository.backend);
    for (const name of await namesOf(backend, "index"))
      await backend.remove({ type: "index", name }, { signal: NEVER });
    const result = await check(through(repository, backend));
    expect(result.findings.filter(({ code }) => code === "tree-missing")).toHaveLength(2);
    expect(result.affected).toMatchObject([
      { path: "/", snapshots: [first.snapshotId] },
      { path: "/", snapshots: [second.snapshotId] },
    ]);
  });

  test("ends with the signal's reason, wherever it is", async () => {
    const reason = new Error("enough");
    await expect(check(repository, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const interruption = new AbortController();
    const backend = await copyOf(repository.backend);
    const load = backend.load.bind(backend);
    let packs = 0;
    backend.load = (key, ...rest) => {
      if (key.type === "pack" && ++packs === 3) interruption.abort(reason);
      return load(key, ...rest);
    };
    await expect(check(through(repository, backend), { signal: interruption.signal })).rejects.toBe(reason);
  });

  test("fails when the store is out of reach, which is no damage", async () => {
    const backend = await copyOf(repository.backend);
    backend.list = () => {
      throw new Error("no network");
    };
    await expect(check(through(repository, backend))).rejects.toThrow("no network");
  });
});
