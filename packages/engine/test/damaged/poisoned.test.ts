/**
 * Attack 9: who has the key of a shared repository stores garbage under the id of a blob that others will need, in a pack whose name
 * is the hash of its bytes. The others find the blob in the index, and store nothing.
 */
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { idOf, type Id } from "../../src/format/id.ts";
import { executePackRepair, planPackRepair } from "../../src/repair/repair-packs.ts";
import type { Repository } from "../../src/repository/repository.ts";
import {
  NEVER,
  backUp,
  check,
  contentOfFolder,
  contentOfLatest,
  newRepository,
  noise,
  scratchFolder,
  writeFiles,
} from "../backup-lab.ts";
import { forge } from "./good.ts";

const FILES = 20;
const folder = join(scratchFolder(), "source");
/** Each file is one blob. */
const contents = Array.from({ length: FILES }, (_, n) => noise(3000 + n, n));
writeFiles(folder, Object.fromEntries(contents.map((bytes, n) => [`f${n}`, bytes])));

let repository: Repository;
let poisoned: Id;
let pack: Id;

beforeEach(async () => {
  repository = await newRepository();
  const content = contents[7] as Uint8Array;
  poisoned = idOf(content);
  // The attacker knows the file, such as one of a new release that everybody is going to install.
  ({ id: pack } = await forge(repository, [
    { type: "data", id: poisoned, payload: noise(content.length, 99), claimedBytes: 0 },
  ]));
});

describe("garbage under the name of a blob", () => {
  test("is relied upon by a backup that trusts the index, and is found by a check that reads all data", async () => {
    const { present } = await backUp(repository, [folder]);
    expect(present).toBeUndefined();
    await expect(contentOfLatest(repository, folder)).rejects.toMatchObject({ code: "ENGINE_WRONG_HASH" });
    const { findings, affected } = await check(repository);
    expect(findings.map(({ code }) => code)).toEqual(["blob-damaged"]);
    expect(affected.map(({ path }) => path)).toEqual([join(folder, "f7")]);
  });

  test("is found by a backup that verifies what was there, which makes its snapshot all the same", async () => {
    const { present, snapshotId } = await backUp(repository, [folder], { verifyPresentBytes: 1024 * 1024 });
    expect(snapshotId).toBeDefined();
    expect(present).toMatchObject({
      blobs: 0,
      damaged: [{ type: "data", id: poisoned, packs: [pack] }],
      unread: undefined,
    });
  });

  test("is mended by repairing the pack and backing up again", async () => {
    await backUp(repository, [folder]);
    const plan = await planPackRepair(repository, [pack], { signal: NEVER });
    await executePackRepair(repository, plan, { signal: NEVER, onBackup: async () => {} });
    const { present } = await backUp(repository, [folder], {
      parent: { kind: "none" },
      verifyPresentBytes: 1024 * 1024,
    });
    expect(present?.damaged).toEqual([]);
    // All files but the one that had to be stored, and trees.
    expect(present?.blobs).toBeGreaterThanOrEqual(FILES - 1);
    expect((await check(repository)).healthy).toBe(true);
    expect(await contentOfLatest(repository, folder)).toEqual(contentOfFolder(folder));
  });
});

describe("what a backup verifies", () => {
  test("is nothing of what it has stored itself", async () => {
    const fresh = await newRepository();
    const twice = join(scratchFolder(), "twice");
    writeFiles(twice, { a: noise(3000, 1), b: noise(3000, 1) });
    expect((await backUp(fresh, [twice], { verifyPresentBytes: 1024 * 1024 })).present).toMatchObject({
      blobs: 0,
      damaged: [],
    });
  });

  test.for([
    [1, 1],
    [3 * 3100, 3],
    [1024 * 1024, FILES],
  ] as const)("is at most %i bytes: %i blobs, drawn at random", async ([maxBytes, blobs]) => {
    const fresh = await newRepository();
    await backUp(fresh, [folder]);
    const again = { parent: { kind: "none" }, verifyPresentBytes: maxBytes } as const;
    const { present } = await backUp(fresh, [folder], again);
    // The trees are among them.
    expect(present?.damaged).toEqual([]);
    if (blobs < FILES) expect(present?.bytes).toBeLessThanOrEqual(Math.max(maxBytes, 4000));
    else expect(present?.blobs).toBeGreaterThanOrEqual(FILES);
    expect(present?.blobs).toBeGreaterThanOrEqual(1);
  });
});
