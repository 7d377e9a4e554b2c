import { FaultyBackend, type Fault } from "@holdfast/storage";
import { isHoldfastError } from "@holdfast/base";
import { beforeAll, describe, expect, test } from "vitest";
import { check, contentOfFolder, contentOfLatest, NEVER, through } from "../../test/backup-lab.ts";
import {
  bytesOf,
  copyOf,
  cutOffEverywhere,
  cutTo,
  flipBit,
  idsOf,
  listedBlobs,
  makeGood,
  packsWith,
  type Good,
} from "../../test/damaged/good.ts";
import { parseId, type Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import { executePackRepair, planPackRepair, type PackRepairPlan } from "./repair-packs.ts";

let good: Good;
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

beforeAll(async () => {
  good = await makeGood();
});

async function repair(
  repository: Repository,
  ids: readonly Id[],
  backups = new Map<Id, number>(),
): Promise<PackRepairPlan> {
  const plan = await planPackRepair(repository, ids, { signal: NEVER });
  const onBackup = async (id: Id, bytes: Uint8Array): Promise<void> => void backups.set(id, bytes.length);
  await executePackRepair(repository, plan, { signal: NEVER, onBackup });
  return plan;
}

/** Type and id of every blob that is listed, without its place. */
async function blobs(repository: Repository): Promise<Set<string>> {
  return new Set((await listedBlobs(repository)).map((line) => line.split(" ").slice(0, 2).join(" ")));
}

/** The data pack with the most blobs: not the one that a few large blobs fill. */
async function packOfMany(repository: Repository): Promise<Id> {
  const lines = await listedBlobs(repository);
  const count = (id: Id): number => lines.filter((line) => line.includes(` ${id} `)).length;
  const packs = await packsWith(repository, "data");
  return packs.sort((a, b) => count(b) - count(a))[0] as Id;
}

describe("repairing packs", () => {
  test("moves every blob of a sound pack and removes it", async () => {
    const repository = await copyOf(good.repository);
    const before = await blobs(repository);
    const packs = await idsOf(repository, "pack");
    const backups = new Map<Id, number>();
    const plan = await repair(repository, packs, backups);
    expect(plan.packs.flatMap(({ lost }) => lost)).toEqual([]);
    expect([...backups.keys()].sort()).toEqual(packs);
    expect(await blobs(repository)).toEqual(before);
    expect((await idsOf(repository, "pack")).filter((id) => packs.includes(id))).toEqual([]);
    expect((await check(repository)).findings).toEqual([]);
    expect(await contentOfLatest(repository, good.folder)).toEqual(contentOfFolder(good.folder));
  });

  test.for([
    { packSizeBytes: undefined, most: 4 },
    { packSizeBytes: 64 * 1024, most: 64 },
  ])("makes packs of the size that is asked for ($packSizeBytes bytes)", async ({ packSizeBytes, most }) => {
    const repository = await copyOf(good.repository);
    const plan = await planPackRepair(repository, await idsOf(repository, "pack"), { signal: NEVER });
    const settings = packSizeBytes === undefined ? {} : { packSizeBytes };
    await executePackRepair(repository, plan, { signal: NEVER, onBackup: async () => {}, ...settings });
    const packs = (await idsOf(repository, "pack")).length;
    expect(packs).toBeGreaterThan(most / 16);
    expect(packs).toBeLessThanOrEqual(most);
  });

  test("loses the one blob in which a bit is wrong, and nothing else", async () => {
    const repository = await copyOf(good.repository);
    const id = await packOfMany(repository);
    const before = await blobs(repository);
    await flipBit(repository.backend, { type: "pack", name: id }, 40);
    const plan = await repair(repository, [id]);
    const lost = plan.packs[0]?.lost ?? [];
    expect(lost).toMatchObject([{ type: "data", hasOtherCopy: false }]);
    expect(lost[0]?.reason).toMatch(/authentication code/);
    before.delete(`data ${lost[0]?.id}`);
    expect(await blobs(repository)).toEqual(before);
    const { findings, affected } = await check(repository);
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(["data-missing"]));
    expect(affected).not.toEqual([]);
  });

  test("saves what stands before the cut of a pack, by the index alone", async () => {
    const repository = await copyOf(good.repository);
    const id = await packOfMany(repository);
    const { length } = await bytesOf(repository.backend, { type: "pack", name: id });
    await cutTo(repository.backend, { type: "pack", name: id }, Math.floor(length / 2));
    const { packs } = await repair(repository, [id]);
    expect(packs[0]?.salvagedBlobs).toBeGreaterThan(2);
    expect(packs[0]?.lost.length).toBeGreaterThan(2);
    expect(await idsOf(repository, "pack")).not.toContain(id);
    expect((await check(repository)).findings.every(({ code }) => code === "data-missing")).toBe(true);
  });

  test("saves blobs that only the pack's header knows", async () => {
    const repository = await copyOf(good.repository);
    const before = await blobs(repository);
    const packs = await idsOf(repository, "pack");
    for (const id of await idsOf(repository, "index")) await repository.removeFile("index", id, { signal: NEVER });
    await repair(repository, packs);
    expect(await blobs(repository)).toEqual(before);
  });

  test("a blob with another copy in a sound pack is not lost", async () => {
    const repository = await copyOf(good.repository);
    const id = await packOfMany(repository);
    const whole = await bytesOf(repository.backend, { type: "pack", name: id });
    await repair(repository, [id]);
    await repository.backend.save(
      { type: "pack", name: id },
      { sizeBytes: whole.length, open: () => [whole] },
      { signal: NEVER },
    );
    await flipBit(repository.backend, { type: "pack", name: id }, 40);
    const { packs } = await repair(repository, [id]);
    expect(packs[0]?.lost).toMatchObject([{ hasOtherCopy: true }]);
    expect((await check(repository)).findings).toEqual([]);
  });

  test("a pack that does not exist is dropped from the index, one that nobody knows is refused", async () => {
    const repository = await copyOf(good.repository);
    const [id] = (await packsWith(repository, "data")) as [Id];
    await repository.removeFile("pack", id, { signal: NEVER });
    const { packs } = await repair(repository, [id]);
    expect(packs).toMatchObject([{ id, sizeBytes: undefined, salvagedBlobs: 0 }]);
    expect((await check(repository)).findings.every(({ code }) => code === "data-missing")).toBe(true);
    const unknown = parseId("ab".repeat(32));
    await expect(repair(repository, [unknown])).rejects.toEqual(failsWith("ENGINE_ID_NOT_FOUND"));
  });

  test("nothing is done when the index is damaged or the copy cannot be kept", async () => {
    const repository = await copyOf(good.repository);
    const [id] = (await packsWith(repository, "data")) as [Id];
    const before = [await idsOf(repository, "pack"), await idsOf(repository, "index")];
    const plan = await planPackRepair(repository, [id], { signal: NEVER });
    const failure = new Error("disk full");
    const onBackup = (): Promise<void> => Promise.reject(failure);
    await expect(executePackRepair(repository, plan, { signal: NEVER, onBackup })).rejects.toBe(failure);
    await flipBit(repository.backend, { type: "index", name: (await idsOf(repository, "index"))[0] as Id }, 50);
    await expect(repair(repository, [id])).rejects.toEqual(failsWith("ENGINE_INDEX_DAMAGED"));
    expect([await idsOf(repository, "pack"), await idsOf(repository, "index")]).toEqual(before);
  });

  test("a pack with bad sectors is read around them; a store out of reach is no damaged pack", async () => {
    const repository = await copyOf(good.repository);
    const [id] = (await packsWith(repository, "data")) as [Id];
    const unreadable = (share: (call: number) => boolean): Repository => {
      let call = 0;
      const next = (operation: string, type: string | undefined): Fault | undefined =>
        operation === "load" && type === "pack" && share(call++) ? { kind: "fail", when: "before" } : undefined;
      return through(repository, new FaultyBackend(repository.backend, { next }));
    };
    // The whole file, and of its pieces the first.
    const partly = await planPackRepair(
      unreadable((call) => call < 2),
      [id],
      { signal: NEVER },
    );
    expect(partly.packs).toMatchObject([{ unreadableBytes: 65_536 }]);
    await expect(
      planPackRepair(
        unreadable(() => true),
        [id],
        { signal: NEVER },
      ),
    ).rejects.toEqual(failsWith("STORAGE_UNAVAILABLE"));
    // What the plan saw must still be there when it is carried out.
    const plan = await planPackRepair(repository, [id], { signal: NEVER });
    const onBackup = (): Promise<void> => Promise.resolve();
    // The copy for the user is read first, then the pack is read again.
    const failing = unreadable((call) => call === 1 || call === 2);
    await expect(executePackRepair(failing, plan, { signal: NEVER, onBackup })).rejects.toEqual(
      failsWith("ENGINE_REPAIR_STALE"),
    );
    expect(await idsOf(repository, "pack")).toContain(id);
    expect((await check(repository)).healthy).toBe(true);
  });

  test("loses no more wherever it is cut off, and finishes when run again", async () => {
    const broken = await copyOf(good.repository);
    const id = await packOfMany(broken);
    await flipBit(broken.backend, { type: "pack", name: id }, 40);
    const whole = await copyOf(broken);
    await repair(whole, [id]);
    const saved = await blobs(whole);
    let cuts = 0;
    for await (const { repository, step } of cutOffEverywhere(broken, (target) => repair(target, [id]))) {
      cuts++;
      expect({ step, left: [...(await blobs(repository))] }).toEqual({
        step,
        left: expect.arrayContaining([...saved]),
      });
      // When only the answer to the last removal was lost, there is nothing left to repair.
      if ((await idsOf(repository, "pack")).includes(id)) await repair(repository, [id]);
      const { findings } = await check(repository);
      // A pack that was stored just before the end, and that nothing lists, costs space only.
      const codes = new Set(findings.map(({ code }) => code));
      codes.delete("pack-unindexed");
      expect({ step, codes: [...codes] }).toEqual({ step, codes: ["data-missing"] });
      expect({ step, found: await blobs(repository) }).toEqual({ step, found: saved });
    }
    expect(cuts).toBeGreaterThan(6);
  });
});
