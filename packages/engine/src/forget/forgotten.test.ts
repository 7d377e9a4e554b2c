import { mkdtempSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesSource, FaultyBackend, openLocal, type Fault } from "@holdfast/storage";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { contentOfFolder, contentOfSnapshot, NEVER, through } from "../../test/backup-lab.ts";
import {
  bytesOf,
  change,
  copyOf,
  cutOffEverywhere,
  flipBit,
  idsOf,
  makeGood,
  type Good,
} from "../../test/damaged/good.ts";
import { oneFault } from "../../test/faults/one-fault.ts";
import { idOf, parseId, type Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots } from "../repository/snapshots.ts";
import { forgetSnapshots, giveUpForgotten, listForgotten, unforgetSnapshots } from "./forgotten.ts";

const NOWHERE = parseId("ab".repeat(32));
let good: Good;
let first: Id;
let second: Id;

beforeAll(async () => {
  good = await makeGood();
  const stored = await listSnapshots(good.repository, { signal: NEVER });
  [first, second] = stored.map(({ id }) => id) as [Id, Id];
});

const liveIds = async (repository: Repository) =>
  (await listSnapshots(repository, { signal: NEVER })).map(({ id }) => id);
const forgottenIds = async (repository: Repository) =>
  (await listForgotten(repository, { signal: NEVER })).map(({ id }) => id);

describe("forgetting", () => {
  test("moves the file as it is: the same name, the same bytes, and no other file is touched", async () => {
    const repository = await copyOf(good.repository);
    const bytes = await bytesOf(repository.backend, { type: "snapshot", name: first });
    const told: string[] = [];
    await forgetSnapshots(repository, [first, first], {
      signal: NEVER,
      onForgotten: (id, done) => told.push(`${id} ${done}`),
    });
    expect(told).toEqual([`${first} 1`]);
    expect(await liveIds(repository)).toEqual([second]);
    expect(await forgottenIds(repository)).toEqual([first]);
    const kept = await bytesOf(repository.backend, { type: "forgotten", name: first });
    expect(Buffer.compare(kept, bytes)).toBe(0);
    expect(idOf(kept)).toBe(first);
    for (const type of ["index", "pack", "key"] as const) {
      expect(await idsOf(repository, type)).toEqual(await idsOf(good.repository, type));
    }
  });

  test("passes over a snapshot that is gone already", async () => {
    const repository = await copyOf(good.repository);
    await forgetSnapshots(repository, [NOWHERE, first], { signal: NEVER });
    expect(await liveIds(repository)).toEqual([second]);
    expect(await forgottenIds(repository)).toEqual([first]);
  });

  test("refuses a snapshot that is damaged, which might be mended yet", async () => {
    const repository = await copyOf(good.repository);
    await flipBit(repository.backend, { type: "snapshot", name: first }, 40);
    await expect(forgetSnapshots(repository, [first], { signal: NEVER })).rejects.toMatchObject({
      code: "ENGINE_WRONG_HASH",
    });
    expect(await idsOf(repository, "snapshot")).toContain(first);
    expect(await idsOf(repository, "forgotten")).toEqual([]);
  });

  test("renews a copy that is there, so that its grace begins anew", async () => {
    const repository = await copyOf(good.repository);
    await forgetSnapshots(repository, [first], { signal: NEVER });
    const stale = await bytesOf(repository.backend, { type: "forgotten", name: first });
    await unforgetSnapshots(repository, [first], { signal: NEVER });
    // What an unforget that was cut off leaves.
    await change(repository.backend, { type: "snapshot", name: first }, () => stale);
    let saves = 0;
    const counting = { next: (operation: string) => (operation === "save" ? void saves++ : undefined) };
    await forgetSnapshots(through(repository, new FaultyBackend(repository.backend, counting)), [first], {
      signal: NEVER,
    });
    expect(saves).toBe(1);
    expect(await forgottenIds(repository)).toEqual([first]);
  });

  const LIES: readonly Fault[] = [{ kind: "lie" }, { kind: "truncate", keepBytes: 50 }, { kind: "flip", bit: 777 }];
  test.for(LIES)("finds out a store that does not keep the copy, before anything is removed: %o", async (fault) => {
    const repository = await copyOf(good.repository);
    const lying = oneFault({ operation: "save", type: "forgotten", call: 1, fault });
    const run = forgetSnapshots(through(repository, new FaultyBackend(repository.backend, lying)), [first], {
      signal: NEVER,
    });
    await expect(run).rejects.toMatchObject({ code: "ENGINE_COPY_DIFFERS" });
    expect(await liveIds(repository)).toEqual([first, second]);
  });

  test("moves files in a folder without a copy, and refuses damaged ones there as well", async () => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-forget-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const local = openLocal(folder);
    await local.initialize({ signal: NEVER });
    for (const id of [first, second]) {
      const bytes = await bytesOf(good.repository.backend, { type: "snapshot", name: id });
      await local.save({ type: "snapshot", name: id }, bytesSource(bytes), { signal: NEVER });
    }
    const repository = through(good.repository, local);
    await flipBit(local, { type: "snapshot", name: second }, 40);
    await expect(forgetSnapshots(repository, [first, second], { signal: NEVER })).rejects.toMatchObject({
      code: "ENGINE_WRONG_HASH",
    });
    expect(await idsOf(repository, "snapshot")).toEqual([first, second].toSorted());
    const file = statSync(join(folder, "snapshots", first)).ino;
    await forgetSnapshots(repository, [first], { signal: NEVER });
    expect(statSync(join(folder, "holdfast/forgotten", first)).ino).toBe(file);
    const [forgotten] = await listForgotten(repository, { signal: NEVER });
    expect(forgotten).toMatchObject({ id: first });
    expect(Date.now() - (forgotten?.forgottenAtMs ?? 0)).toBeLessThan(60_000);
  });

  test("what the store cannot move is copied: a name that is there already gets a new time", async () => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-forget-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const local = openLocal(folder);
    await local.initialize({ signal: NEVER });
    const bytes = await bytesOf(good.repository.backend, { type: "snapshot", name: first });
    for (const type of ["snapshot", "forgotten"] as const) {
      await local.save({ type, name: first }, bytesSource(bytes), { signal: NEVER });
    }
    utimesSync(join(folder, "holdfast/forgotten", first), 1, 1);
    const repository = through(good.repository, local);
    await forgetSnapshots(repository, [first], { signal: NEVER });
    const [forgotten] = await listForgotten(repository, { signal: NEVER });
    expect(Date.now() - (forgotten?.forgottenAtMs ?? 0)).toBeLessThan(60_000);
  });

  test("cut off at any write, each snapshot is there or can be brought back, and the next run finishes", async () => {
    let ends = 0;
    for await (const { repository, step } of cutOffEverywhere(good.repository, (each) =>
      forgetSnapshots(each, [first, second], { signal: NEVER }),
    )) {
      ends++;
      const [live, forgotten] = [await liveIds(repository), await forgottenIds(repository)];
      expect([...live, ...forgotten].toSorted(), step).toEqual([first, second].toSorted());
      await forgetSnapshots(repository, [first, second], { signal: NEVER });
      expect(await liveIds(repository), step).toEqual([]);
      expect((await forgottenIds(repository)).toSorted(), step).toEqual([first, second].toSorted());
    }
    expect(ends).toBe(8);
  });
});

describe("bringing back", () => {
  async function forgotten(): Promise<Repository> {
    const repository = await copyOf(good.repository);
    await forgetSnapshots(repository, [first, second], { signal: NEVER });
    return repository;
  }

  test("gives the very same snapshot, which restores the same content", async () => {
    const repository = await forgotten();
    await unforgetSnapshots(repository, [second], { signal: NEVER });
    expect(await liveIds(repository)).toEqual([second]);
    expect(await forgottenIds(repository)).toEqual([first]);
    const [stored] = await listSnapshots(repository, { signal: NEVER });
    if (stored === undefined) throw new Error("no snapshot");
    expect(await contentOfSnapshot(repository, stored.snapshot.tree, good.folder)).toEqual(
      contentOfFolder(good.folder),
    );
  });

  test("refuses an id that is neither forgotten nor there", async () => {
    const repository = await forgotten();
    await expect(unforgetSnapshots(repository, [NOWHERE], { signal: NEVER })).rejects.toMatchObject({
      code: "ENGINE_NOT_FORGOTTEN",
    });
  });

  test("replaces a damaged snapshot of that name by the good copy, and does not lose the copy before", async () => {
    const key = { type: "snapshot", name: first } as const;
    const bytes = await bytesOf(good.repository.backend, key);
    const repository = await forgotten();
    await repository.backend.save(key, bytesSource(Buffer.from("bad")), { signal: NEVER });
    await unforgetSnapshots(repository, [first], { signal: NEVER });
    expect(await liveIds(repository)).toEqual([first]);
    expect(Buffer.compare(await bytesOf(repository.backend, key), bytes)).toBe(0);
  });

  test("keeps the forgotten copy when the store does not keep the snapshot", async () => {
    const repository = await forgotten();
    const lying = oneFault({ operation: "save", type: "snapshot", call: 1, fault: { kind: "lie" } });
    const run = unforgetSnapshots(through(repository, new FaultyBackend(repository.backend, lying)), [first], {
      signal: NEVER,
    });
    await expect(run).rejects.toMatchObject({ code: "ENGINE_COPY_DIFFERS" });
    expect(await forgottenIds(repository)).toEqual([first, second]);
  });

  test("cut off at any write, each snapshot is there or still forgotten, and the next run finishes", async () => {
    let ends = 0;
    for await (const { repository, step } of cutOffEverywhere(await forgotten(), (each) =>
      unforgetSnapshots(each, [first, second], { signal: NEVER }),
    )) {
      ends++;
      const [live, left] = [await liveIds(repository), await forgottenIds(repository)];
      expect([...live, ...left].toSorted(), step).toEqual([first, second].toSorted());
      await unforgetSnapshots(repository, [first, second], { signal: NEVER });
      expect(await liveIds(repository), step).toEqual([first, second]);
      expect(await idsOf(repository, "forgotten"), step).toEqual([]);
    }
    expect(ends).toBe(8);
  });
});

test("what is given up cannot be brought back, also when it is damaged", async () => {
  const repository = await copyOf(good.repository);
  await forgetSnapshots(repository, [first, second], { signal: NEVER });
  await flipBit(repository.backend, { type: "forgotten", name: first }, 40);
  await giveUpForgotten(repository, [first, NOWHERE], { signal: NEVER });
  expect(await forgottenIds(repository)).toEqual([second]);
  expect(await liveIds(repository)).toEqual([]);
});

describe("the list of forgotten snapshots", () => {
  test("reports what cannot be read, or throws it", async () => {
    const repository = await copyOf(good.repository);
    await forgetSnapshots(repository, [first, second], { signal: NEVER });
    await flipBit(repository.backend, { type: "forgotten", name: first }, 40);
    const damaged: Id[] = [];
    const listed = await listForgotten(repository, { signal: NEVER, onDamaged: (id) => void damaged.push(id) });
    expect(listed.map(({ id }) => id)).toEqual([second]);
    expect(damaged).toEqual([first]);
    await expect(listForgotten(repository, { signal: NEVER })).rejects.toMatchObject({ code: "ENGINE_WRONG_HASH" });
  });
});
