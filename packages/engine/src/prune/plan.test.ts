/** What a plan says of repositories in memory, and that executing it does just that and keeps all that is needed. */
import { bytesSource, loadBytes } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { check, copyOf, namesOf, noise, storedBlobs, through } from "../../test/backup-lab.ts";
import { Author, newRepository, signal } from "../../test/made-repository.ts";
import { contentOfAll, plan, prune, store, TimedBackend } from "../../test/model/prune-lab.ts";
import { forgetSnapshots } from "../forget/forgotten.ts";
import type { Id } from "../format/id.ts";
import { idToBytes } from "../format/id.ts";
import { encodeIndexFile } from "../index/index-file.ts";
import { loadIndex } from "../repository/load-index.ts";
import { Repository } from "../repository/repository.ts";
import { prunedPacks } from "./plan.ts";

const NOTHING = { kind: "bytes", bytes: 0 } as const;
const HOUR = 3_600_000;

/** A repository with two snapshots, of which the second was forgotten; they share no blob but nothing's. */
async function withForgotten(
  repository = newRepository(),
): Promise<{ repository: Repository; kept: Id; forgotten: Id }> {
  const kept = await store(repository, { one: "1", two: "2" });
  const forgotten = await store(repository, { one: noise(1000, 1), three: "3" });
  await forgetSnapshots(repository, [forgotten], { signal });
  return { repository, kept, forgotten };
}

/** One pack of ten blobs of which the snapshot that is left needs some; the other is forgotten. */
async function withHalfUsedPack(needed: number): Promise<Repository> {
  const repository = newRepository();
  const author = new Author(repository);
  const all = [];
  for (let n = 0; n < 10; n++) all.push(await author.file(`f${n}`, [noise(1000, n)]));
  const whole = await author.tree(all);
  const part = await author.tree(all.slice(0, needed));
  await author.finish();
  const first = await author.snapshot(whole);
  await author.snapshot(part);
  await forgetSnapshots(repository, [first], { signal });
  return repository;
}

async function firstOf(repository: Repository, type: "index" | "pack" | "snapshot" | "forgotten"): Promise<Id> {
  return (await namesOf(repository.backend, type))[0] as Id;
}

async function damage(
  repository: Repository,
  type: "index" | "pack" | "snapshot" | "forgotten",
  name: Id,
  at = 20,
): Promise<void> {
  const bytes = await loadBytes(repository.backend, { type, name }, undefined, { signal });
  bytes[at] = (bytes[at] as number) ^ 1;
  await repository.backend.save({ type, name }, bytesSource(bytes), { signal });
}

async function expectClean(repository: Repository): Promise<void> {
  expect(await check(repository)).toMatchObject({ healthy: true, findings: [], unusedBlobs: 0 });
  expect(await plan(repository, { maxUnused: NOTHING })).toMatchObject({ isNeeded: false });
}

describe("a plan", () => {
  test("for a repository in which all is needed does nothing", async () => {
    const repository = newRepository();
    await store(repository, { one: "1", two: "2" });
    const made = await plan(repository);
    expect(made).toMatchObject({ isNeeded: false, rewritesIndex: false });
    expect(made.blobs).toMatchObject({ used: 4, duplicate: 0, unused: 0, removeTotal: 0 });
    expect(made.packs).toMatchObject({ used: 2, keep: 2, remove: 0, repack: 0, total: 2 });
    const sizes = await Promise.all(
      (await namesOf(repository.backend, "pack")).map(
        async (name) => (await repository.backend.stat({ type: "pack", name }, { signal }))?.sizeBytes ?? 0,
      ),
    );
    expect(made.bytes).toMatchObject({ total: sizes.reduce((a, b) => a + b), removeTotal: 0, remainUnused: 0 });
  });

  test("for an empty repository does nothing", async () => {
    expect(await plan(newRepository())).toMatchObject({ isNeeded: false, packs: { total: 0 } });
  });

  test("removes what only forgotten snapshots need", async () => {
    const { repository, kept, forgotten } = await withForgotten();
    const before = await contentOfAll(repository);
    expect(await storedBlobs(repository)).toHaveLength(8);
    const { plan: made, result } = await prune(repository);
    expect(made.blobs).toMatchObject({ used: 4, unused: 4, remove: 4, removeTotal: 4, remain: 4 });
    expect(made.packs).toMatchObject({ keep: 2, remove: 2, removeTotal: 2, repack: 0 });
    expect(made.expired).toEqual([forgotten]);
    expect(result).toMatchObject({ removedPacks: 2, removedBytes: made.bytes.removeTotal, newPacks: 0, newIndexes: 1 });
    expect(await storedBlobs(repository)).toHaveLength(4);
    expect(await namesOf(repository.backend, "forgotten")).toEqual([]);
    expect(await contentOfAll(repository)).toEqual(before);
    expect(Object.keys(before)).toEqual([kept]);
    await expectClean(repository);
  });

  test("keeps what forgotten snapshots need while they can be brought back", async () => {
    const { repository } = await withForgotten();
    // The store in memory does not know when: then they stay.
    const made = await plan(repository, { graceMs: 1 });
    expect(made).toMatchObject({ isNeeded: false, expired: [], snapshots: { live: 1, inGrace: 1 } });
    expect(made.blobs).toMatchObject({ used: 8, unused: 0 });
  });

  test("gives forgotten snapshots up when their time is over", async () => {
    const made = newRepository();
    const timed = new TimedBackend(made.backend, 10 * HOUR);
    const { repository, forgotten } = await withForgotten(through(made, timed));
    expect(await plan(repository, { graceMs: 5 * HOUR, nowMs: 14 * HOUR })).toMatchObject({ expired: [] });
    expect(await plan(repository, { graceMs: 5 * HOUR, nowMs: 9 * HOUR })).toMatchObject({ expired: [] });
    const { plan: late } = await prune(repository, { graceMs: 5 * HOUR, nowMs: 15 * HOUR });
    expect(late.expired).toEqual([forgotten]);
    expect(await namesOf(repository.backend, "forgotten")).toEqual([]);
  });

  test("names the packs that go", async () => {
    const { repository } = await withForgotten();
    const made = await plan(repository);
    const before = new Set(await namesOf(repository.backend, "pack"));
    await prune(repository);
    for (const name of await namesOf(repository.backend, "pack")) before.delete(name);
    expect([...prunedPacks(made, "remove")].sort()).toEqual([...before].sort());
    expect([...prunedPacks(made, "repack")]).toEqual([]);
  });

  test("after everything was forgotten leaves no pack and no index", async () => {
    const { repository, kept } = await withForgotten();
    await forgetSnapshots(repository, [kept], { signal });
    await prune(repository);
    expect(await namesOf(repository.backend, "pack")).toEqual([]);
    expect(await namesOf(repository.backend, "index")).toEqual([]);
    await expectClean(repository);
  });
});

describe("a pack of which a part is needed", () => {
  test("is packed anew when more than allowed is unneeded", async () => {
    const repository = await withHalfUsedPack(5);
    const before = await contentOfAll(repository);
    const { plan: made, result } = await prune(repository);
    expect(made.packs).toMatchObject({ repack: 2, partlyUsed: 2, keep: 0 });
    expect(made.blobs).toMatchObject({ repack: 12, repackRemove: 6 });
    expect(result).toMatchObject({ movedBlobs: 6, newPacks: 2, removedPacks: 2 });
    expect(await storedBlobs(repository)).toHaveLength(6);
    expect(await contentOfAll(repository)).toEqual(before);
    await expectClean(repository);
  });

  test("stays when as much as that may be unneeded; packs with trees never do", async () => {
    const repository = await withHalfUsedPack(5);
    const made = await plan(repository, { maxUnused: { kind: "percent", percent: 60 }, packSizeBytes: 1024 });
    expect(made.packs).toMatchObject({ repack: 1, keep: 1 });
    expect(made.staysUnused).toMatchObject({ repackLimit: 0, dataPacks: 0 });
    expect(made.staysUnused.tolerated).toBe(5 * (1000 + 32));
    expect(made.bytes.remainUnused).toBe(made.staysUnused.tolerated);
    const unlimited = await plan(repository, { maxUnused: { kind: "unlimited" }, packSizeBytes: 1024 });
    expect(unlimited.packs).toMatchObject({ repack: 1, keep: 1 });
  });

  test("stays when as much was packed anew as allowed", async () => {
    const repository = await withHalfUsedPack(5);
    const made = await plan(repository, { maxRepackBytes: 5000 });
    expect(made.packs).toMatchObject({ repack: 1, keep: 1 });
    expect(made.staysUnused.repackLimit).toBe(5 * (1000 + 32));
    expect((await plan(repository, { maxRepackBytes: 0 })).packs).toMatchObject({ repack: 0, keep: 2 });
  });

  test("stays when it holds only data, and only packs with trees are to be packed anew", async () => {
    const made = await plan(await withHalfUsedPack(5), { repackCacheableOnly: true });
    expect(made.packs).toMatchObject({ repack: 1, keep: 1 });
    expect(made.staysUnused.dataPacks).toBe(5 * (1000 + 32));
  });
});

describe("a blob that is stored twice", () => {
  test("is kept once, in the pack of which more is needed", async () => {
    const repository = newRepository();
    await store(repository, { a: noise(500, 1), b: noise(500, 2) });
    const other = await store(repository, { a: noise(500, 1), c: noise(500, 3), d: noise(500, 4) });
    await forgetSnapshots(repository, [other], { signal });
    const before = await contentOfAll(repository);
    const { plan: made } = await prune(repository, { maxUnused: NOTHING });
    expect(made.blobs).toMatchObject({ used: 4, duplicate: 1, unused: 4 });
    expect(made.packs).toMatchObject({ keep: 2, remove: 2, repack: 0 });
    expect(await contentOfAll(repository)).toEqual(before);
    await expectClean(repository);
  });

  test("is not moved when another copy stays anyway", async () => {
    const repository = newRepository();
    // The pack of the first snapshot is whole, but the better one is the larger of the third, which is packed anew for its trees.
    await store(repository, { a: noise(500, 1), b: noise(500, 2) });
    await store(repository, { a: noise(500, 1), b: noise(500, 2) });
    const before = await contentOfAll(repository);
    const { plan: made, result } = await prune(repository, { maxUnused: NOTHING });
    expect(made.blobs).toMatchObject({ used: 4, duplicate: 4, unused: 0 });
    expect(result.movedBlobs).toBe(0);
    expect(await storedBlobs(repository)).toHaveLength(4);
    expect(await contentOfAll(repository)).toEqual(before);
    await expectClean(repository);
  });
});

describe("a forgotten snapshot of which another program has removed data", () => {
  async function withLack(): Promise<Repository> {
    const { repository } = await withForgotten();
    const known = new Set(await namesOf(repository.backend, "forgotten"));
    const copy = through(repository, await copyOf(repository.backend));
    // restic's prune sees no forgotten snapshot, and so does this one.
    for (const name of known) await copy.removeFile("forgotten", name as Id, { signal });
    await prune(copy);
    for (const name of known) {
      const bytes = await loadBytes(repository.backend, { type: "forgotten", name }, undefined, { signal });
      await copy.backend.save({ type: "forgotten", name }, bytesSource(bytes), { signal });
    }
    return copy;
  }

  test("stops nothing", async () => {
    const repository = await withLack();
    const before = await contentOfAll(repository);
    const { plan: made } = await prune(repository, { graceMs: HOUR });
    expect(made.snapshots).toEqual({ live: 1, inGrace: 1, isForgottenComplete: false });
    expect(await namesOf(repository.backend, "forgotten")).toHaveLength(1);
    expect(await contentOfAll(repository)).toEqual(before);
  });

  test("keeps packs that no index lists, which may hold what it lacks", async () => {
    const repository = await withLack();
    await repository.backend.save({ type: "pack", name: "ab".repeat(32) }, bytesSource(new Uint8Array(100)), {
      signal,
    });
    const made = await plan(repository, { graceMs: HOUR });
    expect(made.packs).toMatchObject({ unlisted: 0, unlistedLeft: 1 });
    expect((await plan(repository)).packs).toMatchObject({ unlisted: 1, unlistedLeft: 0 });
  });
});

describe("packs that no index lists", () => {
  async function withUnlisted(): Promise<{ repository: Repository; timed: TimedBackend }> {
    const made = newRepository();
    const timed = new TimedBackend(made.backend, 10 * HOUR);
    const repository = through(made, timed);
    await store(repository, { one: "1" });
    timed.nowMs = 20 * HOUR;
    await timed.save({ type: "pack", name: "ab".repeat(32) }, bytesSource(new Uint8Array(100)), { signal });
    return { repository, timed };
  }

  test("go when they are older than an hour", async () => {
    const { repository } = await withUnlisted();
    const options = { unlistedGraceMs: HOUR, nowMs: 21 * HOUR };
    const { plan: made, result } = await prune(repository, options);
    expect(made.packs).toMatchObject({ unlisted: 1, unlistedLeft: 0, removeTotal: 1 });
    expect(made.rewritesIndex).toBe(false);
    expect(result).toMatchObject({ removedPacks: 1, removedBytes: 100, newIndexes: 0 });
    await expectClean(repository);
  });

  test("stay when they are younger, or from the future", async () => {
    const { repository } = await withUnlisted();
    for (const nowMs of [20.5 * HOUR, 19 * HOUR]) {
      const made = await plan(repository, { unlistedGraceMs: HOUR, nowMs });
      expect(made).toMatchObject({ isNeeded: false, packs: { unlisted: 0, unlistedLeft: 1 } });
    }
  });
});

describe("what the index says", () => {
  test("of a pack that is gone and not needed is dropped", async () => {
    const { repository } = await withForgotten();
    const [gone] = prunedPacks(await plan(repository), "remove");
    await repository.removeFile("pack", gone as Id, { signal });
    const { plan: made } = await prune(repository);
    expect(made.packs).toMatchObject({ missing: 1, remove: 1 });
    await expectClean(repository);
  });

  test("in many small files is put together", async () => {
    const repository = newRepository();
    for (let n = 0; n < 12; n++) await store(repository, { one: noise(600, n) });
    const before = await contentOfAll(repository);
    expect(await namesOf(repository.backend, "index")).toHaveLength(12);
    const { plan: made } = await prune(repository, { smallPackBytes: 0 });
    expect(made).toMatchObject({ rewritesIndex: true, packs: { keep: 24, repack: 0, remove: 0 } });
    expect(await namesOf(repository.backend, "index")).toHaveLength(1);
    expect(await contentOfAll(repository)).toEqual(before);
    expect(await check(repository)).toMatchObject({ healthy: true, findings: [] });
    expect(await plan(repository, { smallPackBytes: 0 })).toMatchObject({ isNeeded: false });
  });
});

describe("packs that could be better", () => {
  test("are put together when they are small and many, and not again after that", async () => {
    const repository = newRepository();
    for (let n = 0; n < 6; n++) await store(repository, { one: noise(600, n) });
    const before = await contentOfAll(repository);
    const { plan: made } = await prune(repository);
    expect(made.packs).toMatchObject({ repack: 12, keep: 0 });
    expect(await namesOf(repository.backend, "pack")).toHaveLength(2);
    expect(await contentOfAll(repository)).toEqual(before);
    await expectClean(repository);
    expect(await plan(repository, { smallPackBytes: 16 * 1024 * 1024 })).toMatchObject({ isNeeded: false });
  });

  test("stay when there are few of them, unless it is asked for", async () => {
    const repository = newRepository();
    for (let n = 0; n < 3; n++) await store(repository, { one: noise(600, n) });
    expect(await plan(repository)).toMatchObject({ isNeeded: false });
    expect((await plan(repository, { smallPackBytes: 1_000_000 })).packs).toMatchObject({ repack: 6 });
  });

  test("are compressed when it is asked for, and not again after that", async () => {
    const repository = newRepository();
    await store(repository, { one: "small", two: noise(5000, 1) });
    expect(await plan(repository)).toMatchObject({ isNeeded: false });
    const before = await contentOfAll(repository);
    const { plan: made } = await prune(repository, { repackUncompressed: true });
    expect(made.packs).toMatchObject({ repack: 1, keep: 1 });
    expect(await contentOfAll(repository)).toEqual(before);
    expect(await plan(repository, { repackUncompressed: true })).toMatchObject({ isNeeded: false });
  });

  test("of a version without compression cannot be compressed", async () => {
    const repository = newRepository(1);
    await store(repository, { one: "1" });
    expect(await plan(repository)).toMatchObject({ isNeeded: false });
    await expect(plan(repository, { repackUncompressed: true })).rejects.toMatchObject({
      code: "ENGINE_PRUNE_VERSION",
    });
  });
});

describe("nothing is planned", () => {
  test.for([
    { type: "index", code: "ENGINE_INDEX_DAMAGED" },
    { type: "snapshot", code: "ENGINE_WRONG_HASH" },
    { type: "forgotten", code: "ENGINE_FORGOTTEN_DAMAGED" },
  ] as const)("when a file is damaged: $type", async ({ type, code }) => {
    const { repository } = await withForgotten();
    await damage(repository, type, await firstOf(repository, type));
    await expect(plan(repository)).rejects.toMatchObject({ code });
  });

  test("when something needed is in no index: snapshots and paths are named", async () => {
    const { repository, kept } = await withForgotten();
    const index = await loadIndex(repository, { signal });
    const id = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b" as Id;
    const pack = index.find("data", idToBytes(id), 0)?.pack as number;
    for (const name of await namesOf(repository.backend, "index"))
      await repository.removeFile("index", name as Id, { signal });
    // All but the data pack of the snapshot.
    const packs = Array.from({ length: index.packCount }, (_, n) => n).filter((n) => n !== pack);
    const entries = Array.from({ length: index.count }, (_, entry) => ({ entry, place: index.locationAt(entry) }));
    const described = packs.map((number) => ({
      id: index.packId(number),
      blobs: entries.flatMap(({ entry, place }) =>
        place?.pack === number ? [{ ...place, id: index.idAt(entry), type: index.typeAt(entry) }] : [],
      ),
    }));
    await repository.saveDocument("index", encodeIndexFile(described), { signal });
    await expect(plan(repository)).rejects.toMatchObject({
      code: "ENGINE_PRUNE_LOST",
      message: expect.stringContaining("/sub/one (snapshot"),
      details: { snapshots: 1, paths: 2, affectedSnapshots: [kept] },
    });
  });

  test.for(["missing", "cut"] as const)("when a pack that is needed is %s", async (state) => {
    const { repository } = await withForgotten();
    const going = new Set(prunedPacks(await plan(repository), "remove"));
    const name = (await namesOf(repository.backend, "pack")).find((id) => !going.has(id as Id)) as Id;
    const bytes = await loadBytes(repository.backend, { type: "pack", name }, undefined, { signal });
    await repository.removeFile("pack", name, { signal });
    if (state === "cut")
      await repository.backend.save({ type: "pack", name }, bytesSource(bytes.subarray(0, -1)), { signal });
    const code = expect.stringMatching(/^ENGINE_PRUNE_(PACKS|LOST)$/) as string;
    await expect(plan(repository)).rejects.toMatchObject({ kind: "corrupt", code });
  });

  test("when a tree cannot be read; with a second copy it is read from there", async () => {
    const repository = newRepository();
    await store(repository, { one: noise(600, 1) });
    const index = await loadIndex(repository, { signal });
    const trees = (await namesOf(repository.backend, "pack")).find((id) => index.isTreePack(id as Id)) as Id;
    const copy = through(repository, await copyOf(repository.backend));
    await store(copy, { one: noise(600, 1) });
    for (const each of [repository, copy]) await damage(each, "pack", trees);
    await expect(plan(repository)).rejects.toMatchObject({ code: "ENGINE_PRUNE_LOST", details: { paths: 1 } });
    expect((await plan(copy)).blobs).toMatchObject({ used: 3, duplicate: 3 });
  });
});
