/** That a place which keeps what is locked ends no prune, and that what stays is told. */
import { type CallOptions, type FileKey, type FileType, ForwardingBackend, storageError } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { check, namesOf, noise, through } from "../../test/backup-lab.ts";
import { newRepository, signal } from "../../test/made-repository.ts";
import { contentOfAll, plan, store } from "../../test/model/prune-lab.ts";
import { forgetSnapshots } from "../forget/forgotten.ts";
import type { Repository } from "../repository/repository.ts";
import { executePrune, type PruneResult } from "./execute.ts";

/** Keeps files of some types, as a server does on which they are locked; hides what it removes where it is told to. */
class LockingBackend extends ForwardingBackend {
  readonly locked: ReadonlySet<FileType>;
  readonly hidesRemoved: boolean;

  constructor(inner: Repository["backend"], locked: readonly FileType[], hidesRemoved = false) {
    super(inner);
    this.locked = new Set(locked);
    this.hidesRemoved = hidesRemoved;
  }

  override get capabilities() {
    return { ...super.capabilities, hidesRemoved: this.hidesRemoved };
  }

  override async remove(key: FileKey, options: CallOptions): Promise<void> {
    if (!this.locked.has(key.type)) return super.remove(key, options);
    throw storageError("STORAGE_RETAINED", { location: this.location, ...key, until: "2026-12-01T00:00:00Z" });
  }
}

async function made(): Promise<Repository> {
  const repository = newRepository();
  const going = await store(repository, { gone: noise(900, 1) });
  await store(repository, { stays: noise(800, 2) });
  await forgetSnapshots(repository, [going], { signal });
  return repository;
}

async function pruned(repository: Repository): Promise<PruneResult> {
  const planned = await plan(repository, { maxUnused: { kind: "bytes", bytes: 0 }, graceMs: 0 });
  return executePrune(repository, planned, { signal });
}

describe("a prune of a place that keeps what is locked", () => {
  test("removes no pack before the index files that list it, and finishes when the locks are over", async () => {
    const plain = await made();
    const before = await contentOfAll(plain);
    const packs = await namesOf(plain.backend, "pack");
    const result = await pruned(through(plain, new LockingBackend(plain.backend, ["index"])));
    expect(result).toMatchObject({ removedPacks: 0, removedBytes: 0, removedIndexes: 0 });
    expect(result.lockedIndexes).toBeGreaterThan(0);
    expect(await namesOf(plain.backend, "pack")).toEqual(packs);
    expect((await check(plain)).healthy).toBe(true);
    expect((await pruned(plain)).removedPacks).toBeGreaterThan(0);
    expect(await contentOfAll(plain)).toEqual(before);
    expect((await check(plain)).healthy).toBe(true);
  });

  test("counts packs that stay, and none of their bytes as removed", async () => {
    const plain = await made();
    const packs = await namesOf(plain.backend, "pack");
    const result = await pruned(through(plain, new LockingBackend(plain.backend, ["pack", "forgotten"])));
    expect(result).toMatchObject({ removedPacks: 0, removedBytes: 0, lockedIndexes: 0, expiredSnapshots: 0 });
    expect([result.lockedPacks > 0, result.lockedBytes > 0]).toEqual([true, true]);
    expect(await namesOf(plain.backend, "pack")).toEqual(packs);
    expect((await check(plain)).healthy).toBe(true);
  });

  test("says that what is removed is only hidden", async () => {
    const plain = await made();
    expect(await pruned(through(plain, new LockingBackend(plain.backend, [], true)))).toMatchObject({ isHidden: true });
    const other = await made();
    expect(await pruned(other)).toMatchObject({ isHidden: false });
  });
});
