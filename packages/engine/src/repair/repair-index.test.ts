import { beforeAll, describe, expect, test } from "vitest";
import { check, contentOfFolder, contentOfLatest, NEVER } from "../../test/backup-lab.ts";
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
  saveIndex,
  type Good,
} from "../../test/damaged/good.ts";
import type { Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import { executeIndexRepair, planIndexRepair, type IndexRepairPlan } from "./repair-index.ts";

let good: Good;
let listed: string[];

beforeAll(async () => {
  good = await makeGood();
  listed = await listedBlobs(good.repository);
});

function plan(repository: Repository, readAllPacks = false): Promise<IndexRepairPlan> {
  return planIndexRepair(repository, { readAllPacks, signal: NEVER });
}

async function repair(repository: Repository, readAllPacks = false): Promise<IndexRepairPlan> {
  const planned = await plan(repository, readAllPacks);
  await executeIndexRepair(repository, planned, { signal: NEVER });
  return planned;
}

async function removeAll(repository: Repository, type: "index" | "pack", ids: readonly Id[]): Promise<void> {
  for (const id of ids) await repository.removeFile(type, id, { signal: NEVER });
}

/** Ways to break the index alone; all packs stay as they are. */
const breakings: [string, (repository: Repository) => Promise<unknown>][] = [
  ["no index file is left", async (repository) => removeAll(repository, "index", await idsOf(repository, "index"))],
  [
    "one index file is gone",
    async (repository) => removeAll(repository, "index", (await idsOf(repository, "index")).slice(0, 1)),
  ],
  [
    "one index file is damaged",
    async (repository) =>
      flipBit(repository.backend, { type: "index", name: (await idsOf(repository, "index"))[0] as Id }, 60),
  ],
  [
    "one index file is cut off",
    async (repository) =>
      cutTo(repository.backend, { type: "index", name: (await idsOf(repository, "index"))[0] as Id }, 100),
  ],
  [
    "an index lists a pack that does not exist",
    (repository) => saveIndex(repository, [packOf("ab".repeat(32) as Id, 100)]),
  ],
  [
    "an index puts a blob past the end of its pack",
    async (repository) => saveIndex(repository, [packOf((await idsOf(repository, "pack"))[0] as Id, 2_000_000_000)]),
  ],
];

function packOf(id: Id, offset: number): Parameters<typeof saveIndex>[1][number] {
  return { id, blobs: [{ id: "cd".repeat(32) as Id, type: "data", offset, lengthBytes: 200, uncompressedBytes: 0 }] };
}

describe("repairing the index", () => {
  test.each([false, true])("changes nothing where nothing is wrong (all headers read: %s)", async (readAllPacks) => {
    const repository = await copyOf(good.repository);
    const before = await idsOf(repository, "index");
    const planned = await repair(repository, readAllPacks);
    expect(planned).toMatchObject({ isNeeded: false, readPacks: [], missingPacks: [], rewrittenIndexes: [] });
    expect(planned.headersRead).toBe(readAllPacks ? (await idsOf(repository, "pack")).length : 0);
    expect(await idsOf(repository, "index")).toEqual(before);
  });

  describe.each(breakings)("when %s", (_, breakIt) => {
    test.each([false, true])(
      "lists exactly the blobs of all packs again (all headers read: %s)",
      async (readAllPacks) => {
        const repository = await copyOf(good.repository);
        await breakIt(repository);
        const packs = await idsOf(repository, "pack");
        expect((await repair(repository, readAllPacks)).isNeeded).toBe(true);
        expect(await listedBlobs(repository)).toEqual(listed);
        expect(await idsOf(repository, "pack")).toEqual(packs);
        expect((await check(repository)).findings).toEqual([]);
        expect((await plan(repository)).isNeeded).toBe(false);
      },
    );

    test("loses nothing wherever it is cut off, and finishes when run again", async () => {
      const broken = await copyOf(good.repository);
      await breakIt(broken);
      const known = (await listedBlobs(broken)).filter((line) => listed.includes(line));
      let cuts = 0;
      for await (const { repository, step } of cutOffEverywhere(broken, repair)) {
        cuts++;
        expect({ step, left: await listedBlobs(repository) }).toEqual({ step, left: expect.arrayContaining(known) });
        await repair(repository);
        expect({ step, found: await listedBlobs(repository) }).toEqual({ step, found: listed });
      }
      expect(cuts).toBeGreaterThan(0);
    });
  });

  test("stops listing a pack that does not exist, and says so", async () => {
    const repository = await copyOf(good.repository);
    const [lost] = await packsWith(repository, "data");
    await removeAll(repository, "pack", [lost as Id]);
    const planned = await repair(repository);
    expect(planned.missingPacks).toEqual([lost]);
    expect(await listedBlobs(repository)).toEqual(listed.filter((line) => !line.includes(` ${lost} `)));
  });

  test("finds entries that only the headers contradict when it reads them all", async () => {
    const repository = await copyOf(good.repository);
    const { blobs, id } = await onePack(repository);
    const [first, second] = blobs;
    if (first === undefined || second === undefined) throw new Error("too few blobs");
    await removeAll(repository, "index", await idsOf(repository, "index"));
    await repair(repository);
    const others = (await idsOf(repository, "pack")).length;
    // The right sum of lengths, wrong ids.
    const swapped = [{ ...first, id: second.id }, { ...second, id: first.id }, ...blobs.slice(2)];
    await removeAll(repository, "index", await idsOf(repository, "index"));
    await saveIndex(repository, [{ id, blobs: swapped }]);
    await executeIndexRepair(repository, await plan(repository), { signal: NEVER });
    expect((await plan(repository)).isNeeded).toBe(false);
    const planned = await repair(repository, true);
    expect(planned.readPacks).toMatchObject([{ id, reason: "mismatch", blobs: blobs.length }]);
    expect(planned.headersRead).toBe(others);
    expect(await listedBlobs(repository)).toEqual(listed);
  });

  test("leaves out a pack whose header is damaged, and says how many blobs it listed", async () => {
    const repository = await copyOf(good.repository);
    const [id] = await packsWith(repository, "data");
    await cutTo(repository.backend, { type: "pack", name: id as Id }, 5000);
    const blobs = listed.filter((line) => line.includes(` ${id} `)).length;
    expect((await repair(repository)).unreadablePacks).toMatchObject([{ id, listedBlobs: blobs }]);
    expect(await listedBlobs(repository)).toHaveLength(listed.length - blobs);
  });

  test("restores a repository without any index completely", async () => {
    const repository = await copyOf(good.repository);
    await removeAll(repository, "index", await idsOf(repository, "index"));
    await repair(repository);
    expect(await contentOfLatest(repository, good.folder)).toEqual(contentOfFolder(good.folder));
  });
});

async function onePack(repository: Repository): Promise<Parameters<typeof saveIndex>[1][number]> {
  const [, , id] =
    listed.find((line) => listed.filter((other) => other.includes(` ${line.split(" ")[2]} `)).length > 2)?.split(" ") ??
    [];
  const blobs = listed
    .map((line) => line.split(" "))
    .filter(([, , pack]) => pack === id)
    .map(([type, blob, , offset, length, plain]) => ({
      id: blob as Id,
      type: type as "data" | "tree",
      offset: Number(offset),
      lengthBytes: Number(length),
      uncompressedBytes: Number(plain),
    }));
  await bytesOf(repository.backend, { type: "pack", name: id as Id });
  return { id: id as Id, blobs };
}
