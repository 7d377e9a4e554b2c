import { beforeAll, describe, expect, test } from "vitest";
import {
  backUp,
  noise,
  scratchFolder,
  writeFiles,
  RecordingBackend,
  check,
  contentOfSnapshot,
  namesOf,
  NEVER,
  newRepository,
  through,
} from "../../test/backup-lab.ts";
import { copyOf, cutOffEverywhere, flipBit, idsOf, makeGood, packsWith, type Good } from "../../test/damaged/good.ts";
import { Copy } from "../copy/copy.ts";
import { forgetSnapshots } from "../forget/forgotten.ts";
import type { Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots } from "../repository/snapshots.ts";
import { executeRefill, planRefill, remainingLosses, type RefillPlan } from "./refill.ts";
import { executePackRepair, planPackRepair } from "./repair-packs.ts";

const PACKS = { packSizeBytes: 64 * 1024, compression: "auto" } as const;
let good: Good;
let second: Repository;

beforeAll(async () => {
  good = await makeGood();
  second = await newRepository();
  await copyAll(good.repository, second);
});

async function copyAll(from: Repository, to: Repository): Promise<void> {
  const snapshots = await listSnapshots(from, { signal: NEVER });
  await new Copy({ from, to, snapshots, ...PACKS, workers: 1, dryRun: false, signal: NEVER, onEvent: () => {} }).run();
}

/** Everything that `repair packs --from-repo` does. */
async function repair(
  repository: Repository,
  other: Repository | undefined,
  ids: readonly Id[] = [],
): Promise<RefillPlan> {
  const packs = await planPackRepair(repository, ids, { withSuspects: true, signal: NEVER });
  const plan = await planRefill(repository, packs, other, { signal: NEVER });
  await executeRefill(repository, plan, { ...PACKS, signal: NEVER });
  await executePackRepair(repository, packs, { ...PACKS, signal: NEVER, onBackup: async () => {} });
  return plan;
}

async function contents(repository: Repository): Promise<unknown[]> {
  const snapshots = await listSnapshots(repository, { signal: NEVER });
  return Promise.all(snapshots.map(({ snapshot }) => contentOfSnapshot(repository, snapshot.tree, "")));
}

/** A copy of the good repository without its packs of one kind. */
async function without(type: "data" | "tree"): Promise<Repository> {
  const repository = await copyOf(good.repository);
  for (const id of await packsWith(repository, type)) await repository.removeFile("pack", id, { signal: NEVER });
  return repository;
}

describe("what is lost and another repository has", () => {
  test.for(["data", "tree"] as const)("comes back whole: every pack of %s", async (type) => {
    const repository = await without(type);
    const plan = await repair(repository, second);
    expect(plan.blobs).toBeGreaterThan(0);
    expect(plan.unavailable).toEqual([]);
    expect((await check(repository)).findings).toEqual([]);
    expect(await contents(repository)).toEqual(await contents(good.repository));
  });

  test("is planned as it is then done, and planning writes nothing", async () => {
    const repository = await without("data");
    const recording = new RecordingBackend(repository.backend);
    const watched = through(repository, recording);
    const packs = await planPackRepair(watched, [], { withSuspects: true, signal: NEVER });
    const plan = await planRefill(watched, packs, second, { signal: NEVER });
    expect([recording.saves, recording.removes]).toEqual([[], []]);
    const done = await executeRefill(watched, plan, { ...PACKS, signal: NEVER });
    expect([done.blobs, done.bytes]).toEqual([plan.blobs, plan.bytes]);
    // What it does is only to add.
    expect(recording.removes).toEqual([]);
  });

  test("is not asked for when nothing is lacking", async () => {
    const repository = await copyOf(good.repository);
    const plan = await repair(repository, second);
    expect(plan).toMatchObject({ absent: 0, blobs: 0, bytes: 0, unavailable: [] });
    expect(await idsOf(repository, "pack")).toEqual(await idsOf(good.repository, "pack"));
  });

  test("comes back as well for forgotten snapshots that can be brought back", async () => {
    const repository = await copyOf(good.repository);
    const snapshots = await listSnapshots(repository, { signal: NEVER });
    await forgetSnapshots(
      repository,
      snapshots.map(({ id }) => id),
      { signal: NEVER },
    );
    for (const id of await packsWith(repository, "tree")) await repository.removeFile("pack", id, { signal: NEVER });
    expect((await repair(repository, second)).blobs).toBeGreaterThan(0);
    for (const { snapshot } of snapshots) await contentOfSnapshot(repository, snapshot.tree, "");
  });

  test("is not taken twice: neither what nothing needs, nor what another pack has", async () => {
    const repository = await copyOf(good.repository);
    for (const { id } of await listSnapshots(repository, { signal: NEVER })) {
      await repository.removeFile("snapshot", id, { signal: NEVER });
    }
    for (const id of await packsWith(repository, "data")) await repository.removeFile("pack", id, { signal: NEVER });
    expect(await repair(repository, second)).toMatchObject({ absent: 0, blobs: 0 });
  });

  test("comes back in part from a copy that has lost things itself, and the rest is named", async () => {
    const repository = await without("data");
    const partial = await copyOf(second);
    const [pack] = await packsWith(partial, "data");
    await flipBit(partial.backend, { type: "pack", name: pack as Id }, 40);
    const packs = await planPackRepair(repository, [], { withSuspects: true, signal: NEVER });
    const plan = await planRefill(repository, packs, partial, { signal: NEVER });
    const { unreadable } = await executeRefill(repository, plan, { ...PACKS, signal: NEVER });
    await executePackRepair(repository, packs, { ...PACKS, signal: NEVER, onBackup: async () => {} });
    expect(unreadable.length).toBe(1);
    const losses = await remainingLosses(repository, plan, { signal: NEVER, isExecuted: true });
    const named = new Set(losses.flatMap(({ parts }) => parts.flatMap(({ blobs }) => blobs)));
    expect([...named]).toEqual(unreadable.map(({ id }) => id));
    const { affected } = await check(repository);
    expect(new Set(affected.map(({ path }) => path))).toEqual(
      new Set(losses.flatMap(({ parts }) => parts.map(({ path }) => path))),
    );
  });

  test("from a repository that has nothing of it changes nothing, and says so", async () => {
    const repository = await without("data");
    const stranger = await newRepository();
    const plan = await repair(repository, stranger);
    expect(plan.blobs).toBe(0);
    expect(plan.unavailable.length).toBe(plan.absent);
    expect(plan.absent).toBeGreaterThan(10);
  });

  test("can be taken from a copy of the same files, with the same key", async () => {
    const twin = await copyOf(good.repository);
    const repository = await without("data");
    await repair(repository, twin);
    expect((await check(repository)).findings).toEqual([]);
    expect(await contents(repository)).toEqual(await contents(good.repository));
  });
});

test(
  "a repair that is cut off at any write loses nothing, and the next one finishes",
  { timeout: 240_000 },
  async () => {
    const folder = scratchFolder();
    writeFiles(folder, { "a/one": noise(20_000, 1), "b/two": noise(15_000, 2) });
    const small = await newRepository();
    await backUp(small, [folder]);
    const other = await newRepository();
    await copyAll(small, other);
    const broken = await copyOf(small);
    for (const id of await packsWith(broken, "tree")) await broken.removeFile("pack", id, { signal: NEVER });
    const [data] = await packsWith(broken, "data");
    await flipBit(broken.backend, { type: "pack", name: data as Id }, 1000);
    const expected = await contents(small);
    let ends = 0;
    for await (const { repository, step } of cutOffEverywhere(broken, (it) => repair(it, other, [data as Id]))) {
      ends++;
      const there = new Set(await namesOf(repository.backend, "pack"));
      await repair(repository, other, there.has(data as string) ? [data as Id] : []);
      expect({ step, healthy: (await check(repository)).healthy }).toEqual({ step, healthy: true });
      expect(await contents(repository)).toEqual(expected);
    }
    expect(ends).toBeGreaterThan(6);
  },
);
