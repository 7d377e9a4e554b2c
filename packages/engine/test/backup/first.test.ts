/** A first backup, which begins before it is locked: what it asks for, and when it writes. */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { CallOptions, FileInfo, FileType } from "@holdfast/storage";
import { beforeEach, describe, expect, test } from "vitest";
import type { Repository } from "../../src/repository/repository.ts";
import {
  backUp,
  backupOptions,
  check,
  contentOfFolder,
  contentOfLatest,
  namesOf,
  newRepository,
  noise,
  RecordingBackend,
  scratchFolder,
  storedBlobs,
  through,
  writeFiles,
} from "../backup-lab.ts";
import { Backup } from "../../src/backup/backup.ts";

/** Writes down which types are listed, too. */
class Watched extends RecordingBackend {
  readonly lists: FileType[] = [];

  override list(type: FileType, options: CallOptions): AsyncIterable<FileInfo> {
    this.lists.push(type);
    return super.list(type, options);
  }
}

const scratch = scratchFolder();
let folder: string;
let stored: Repository;
let watched: Watched;
let repository: Repository;
let number = 0;

beforeEach(async () => {
  folder = join(scratch, String(number++));
  // More than fits into the packs that may be open at once.
  writeFiles(folder, Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`f${n}`, noise(20_000, n)])));
  stored = await newRepository();
  watched = new Watched(stored.backend);
  repository = through(stored, watched);
});

describe("a first backup", () => {
  test("writes nothing before it is locked, then packs, index and snapshot, and asks for nothing", async () => {
    const locked = Promise.withResolvers<void>();
    const backup = new Backup(repository, { ...backupOptions([folder]), asFirst: { locked: locked.promise } });
    const running = backup.run();
    while (backup.progress().bytesDone === 0) await sleep(5);
    await sleep(50);
    expect(watched.saves).toEqual([]);
    locked.resolve();
    const { snapshotId, parentId, adoptedPacks, missingPacks } = await running;
    expect([parentId, adoptedPacks, missingPacks]).toEqual([undefined, 0, 0]);
    const types = watched.saves.map(({ type }) => type);
    expect(types.indexOf("index")).toBeGreaterThan(types.lastIndexOf("pack"));
    expect(types.at(-1)).toBe("snapshot");
    expect(watched.saves.at(-1)?.name).toBe(snapshotId);
    expect(watched.lists).toEqual([]);
    expect(await contentOfLatest(stored, folder)).toEqual(contentOfFolder(folder));
    expect((await check(stored)).healthy).toBe(true);
  });

  test("that is not locked after all writes nothing, and ends with the reason", async () => {
    const reason = new Error("somebody else has it");
    const lost = new AbortController();
    const locked = Promise.withResolvers<void>();
    const asFirst = { locked: locked.promise };
    const running = backUp(repository, [folder], { asFirst, signal: lost.signal });
    await sleep(100);
    lost.abort(reason);
    locked.reject(reason);
    await expect(running).rejects.toBe(reason);
    expect(watched.saves).toEqual([]);
  });

  test("that is so small that no pack is full waits for the lock all the same", async () => {
    const locked = Promise.withResolvers<void>();
    const small = join(scratch, "small");
    writeFiles(small, { a: "a" });
    const running = backUp(repository, [small], { asFirst: { locked: locked.promise } });
    await sleep(200);
    expect(watched.saves).toEqual([]);
    locked.resolve();
    await running;
    expect(await contentOfLatest(stored, small)).toEqual(contentOfFolder(small));
  });

  test("stores once more what somebody else has stored since, and both snapshots are whole", async () => {
    await backUp(stored, [folder]);
    const once = (await storedBlobs(stored)).length;
    await backUp(repository, [folder], { asFirst: { locked: Promise.resolve() } });
    expect((await storedBlobs(stored)).length).toBe(2 * once);
    expect(await namesOf(stored.backend, "snapshot")).toHaveLength(2);
    expect((await check(stored)).healthy).toBe(true);
    expect(await contentOfLatest(stored, folder)).toEqual(contentOfFolder(folder));
  });
});
