import { beforeAll, describe, expect, test } from "vitest";
import type { FindingCode } from "../../src/check/findings.ts";
import type { Id } from "../../src/format/id.ts";
import { executePackRepair, planPackRepair } from "../../src/repair/repair-packs.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import { check, contentOfFolder, contentOfSnapshot, NEVER } from "../backup-lab.ts";
import {
  bytesOf,
  copyOf,
  cutTo,
  flipBit,
  idsOf,
  listedBlobs,
  makeGood,
  packsWith,
  saveIndex,
  type Good,
} from "./good.ts";
import { repairAll } from "./repair-all.ts";

let good: Good;

beforeAll(async () => {
  good = await makeGood();
});

/** The older of the two snapshots. */
async function oldest(repository: Repository): Promise<Id> {
  return (await listSnapshots(repository, { signal: NEVER }))[0]?.id as Id;
}

async function pack(repository: Repository, type: "data" | "tree"): Promise<Id> {
  return (await packsWith(repository, type))[0] as Id;
}

interface Case {
  readonly damage: string;
  /** Codes of all findings, each once. */
  readonly codes: FindingCode[];
  readonly breakIt: (repository: Repository) => Promise<unknown>;
}

const cases: Case[] = [
  {
    damage: "a flipped bit in a snapshot",
    codes: ["snapshot-damaged"],
    breakIt: async (repository) =>
      flipBit(repository.backend, { type: "snapshot", name: await oldest(repository) }, 40),
  },
  {
    damage: "an empty snapshot file",
    codes: ["snapshot-damaged"],
    breakIt: async (repository) => cutTo(repository.backend, { type: "snapshot", name: await oldest(repository) }, 0),
  },
  {
    damage: "a flipped bit in a data pack",
    codes: ["blob-damaged", "pack-hash"],
    breakIt: async (repository) =>
      flipBit(repository.backend, { type: "pack", name: await pack(repository, "data") }, 1000),
  },
  {
    damage: "a flipped bit in a tree pack",
    codes: ["blob-damaged", "pack-hash"],
    breakIt: async (repository) =>
      flipBit(repository.backend, { type: "pack", name: await pack(repository, "tree") }, 300),
  },
  {
    damage: "a flipped bit in a pack's header",
    codes: ["pack-hash", "pack-header"],
    breakIt: async (repository) =>
      flipBit(repository.backend, { type: "pack", name: await pack(repository, "data") }, -20),
  },
  {
    damage: "a flipped bit in the length of a pack's header",
    codes: ["pack-hash", "pack-header"],
    breakIt: async (repository) =>
      flipBit(repository.backend, { type: "pack", name: await pack(repository, "data") }, -1),
  },
  {
    damage: "a pack cut in half",
    codes: ["blob-damaged", "pack-hash", "pack-header", "pack-size"],
    breakIt: async (repository) => {
      const key = { type: "pack", name: await packOfMany(repository) } as const;
      await cutTo(repository.backend, key, Math.floor((await bytesOf(repository.backend, key)).length / 2));
    },
  },
  {
    damage: "an empty pack",
    codes: ["blob-damaged", "pack-hash", "pack-header", "pack-size"],
    breakIt: async (repository) => cutTo(repository.backend, { type: "pack", name: await pack(repository, "tree") }, 0),
  },
  {
    damage: "a missing data pack",
    codes: ["pack-missing"],
    breakIt: async (repository) => repository.removeFile("pack", await pack(repository, "data"), { signal: NEVER }),
  },
  {
    damage: "a missing tree pack",
    codes: ["pack-missing"],
    breakIt: async (repository) => repository.removeFile("pack", await pack(repository, "tree"), { signal: NEVER }),
  },
  {
    damage: "an index that points past the end of a pack",
    codes: ["blob-damaged", "pack-header", "pack-size"],
    breakIt: async (repository) => {
      const blob = {
        id: "cd".repeat(32) as Id,
        type: "data",
        offset: 4_000_000_000,
        lengthBytes: 200,
        uncompressedBytes: 0,
      } as const;
      await saveIndex(repository, [{ id: await pack(repository, "data"), blobs: [blob] }]);
    },
  },
];

async function packOfMany(repository: Repository): Promise<Id> {
  const lines = await listedBlobs(repository);
  const count = (id: Id): number => lines.filter((line) => line.includes(` ${id} `)).length;
  return (await packsWith(repository, "data")).sort((a, b) => count(b) - count(a))[0] as Id;
}

/** All findings of a check that reads everything, and the paths that it says are affected. */
async function examine(
  repository: Repository,
): Promise<{ codes: string[]; affected: Set<string>; result: Awaited<ReturnType<typeof check>> }> {
  const result = await check(repository);
  for (const { reason } of result.findings) expect(reason).not.toMatch(/\n\s+at /);
  const codes = [...new Set(result.findings.map(({ code }) => code))].sort();
  return { codes, affected: new Set(result.affected.map(({ path }) => path)), result };
}

/** After a repair: no damage is left, and every file that a check did not name is what was backed up. */
async function expectRestSound(repository: Repository, affected: ReadonlySet<string>): Promise<void> {
  const { healthy, findings } = await check(repository);
  expect({ healthy, codes: findings.map(({ code }) => code).filter((code) => code !== "pack-unindexed") }).toEqual({
    healthy: true,
    codes: [],
  });
  const newest = (await listSnapshots(repository, { signal: NEVER })).at(-1);
  if (newest === undefined) throw new Error("no snapshot is left");
  const now = await contentOfSnapshot(repository, newest.snapshot.tree, good.folder);
  const isAffected = (path: string): boolean => [...affected].some((bad) => `${good.folder}${path}`.startsWith(bad));
  const sound = Object.entries(contentOfFolder(good.folder)).filter(([path]) => !isAffected(path));
  expect(now).toMatchObject(Object.fromEntries(sound));
}

describe("a check of a repository with", () => {
  test.each(cases)("$damage finds $codes", async ({ codes, breakIt }) => {
    const repository = await copyOf(good.repository);
    await breakIt(repository);
    const examined = await examine(repository);
    expect(examined.codes).toEqual(codes);
    expect(examined.result.healthy).toBe(false);
  });

  test.each(cases)("$damage can be repaired, and the rest is sound", async ({ breakIt }) => {
    const repository = await copyOf(good.repository);
    await breakIt(repository);
    const { affected, result } = await examine(repository);
    expect(result.findings).not.toEqual([]);
    await repairAll(repository, result.findings);
    await expectRestSound(repository, affected);
  });

  test("a flipped bit in an index misses what that listed, and a repair brings everything back", async () => {
    for (const id of await idsOf(good.repository, "index")) {
      const repository = await copyOf(good.repository);
      await flipBit(repository.backend, { type: "index", name: id }, 40);
      const { codes, result } = await examine(repository);
      expect(codes).toContain("index-damaged");
      expect(codes).toContain("pack-unindexed");
      await repairAll(repository, result.findings);
      await expectRestSound(repository, new Set());
    }
  });

  test("no index at all misses every tree, and a repair brings everything back", async () => {
    const repository = await copyOf(good.repository);
    for (const id of await idsOf(repository, "index")) await repository.removeFile("index", id, { signal: NEVER });
    const { codes, result } = await examine(repository);
    expect(codes).toEqual(["pack-unindexed", "tree-missing"]);
    await repairAll(repository, result.findings);
    await expectRestSound(repository, new Set());
  });

  test("a damaged data pack finds nothing when no data is read, and everything when it is", async () => {
    const repository = await copyOf(good.repository);
    await flipBit(repository.backend, { type: "pack", name: await pack(repository, "data") }, 1000);
    expect((await check(repository, { readData: { kind: "none" } })).healthy).toBe(true);
    expect((await check(repository)).affected.length).toBeGreaterThan(0);
  });

  test.each(["data", "tree"] as const)(
    "a damaged %s pack whose blobs have other copies: no file is affected",
    async (kind) => {
      const repository = await copyOf(good.repository);
      const id = await pack(repository, kind);
      const whole = await bytesOf(repository.backend, { type: "pack", name: id });
      const plan = await planPackRepair(repository, [id], { signal: NEVER });
      const onBackup = async (): Promise<void> => {};
      const blobs = (await listedBlobs(repository)).map((line) => line.split(" ")).filter(([, , of]) => of === id);
      await executePackRepair(repository, plan, { signal: NEVER, onBackup });
      await repository.backend.save(
        { type: "pack", name: id },
        { sizeBytes: whole.length, open: () => [whole] },
        { signal: NEVER },
      );
      const listed = blobs.map(([type, blob, , offset, length, plain]) => ({
        id: blob as Id,
        type: type as "data" | "tree",
        offset: Number(offset),
        lengthBytes: Number(length),
        uncompressedBytes: Number(plain),
      }));
      await saveIndex(repository, [{ id, blobs: listed }]);
      await flipBit(repository.backend, { type: "pack", name: id }, 300);
      const { codes, affected } = await examine(repository);
      expect(codes).toEqual(["blob-damaged", "pack-hash"]);
      expect([...affected]).toEqual([]);
    },
  );
});
