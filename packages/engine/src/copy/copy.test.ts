import { isHoldfastError } from "@holdfast/base";
import { ForwardingBackend, type Fault, FaultyBackend, scriptedFaults } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import {
  backUp,
  check,
  type Content,
  contentOfFolder,
  contentOfLatest,
  contentOfSnapshot,
  namesOf,
  NEVER,
  newRepository,
  noise,
  RecordingBackend,
  scratchFolder,
  storedBlobs,
  through,
  writeFiles,
} from "../../test/backup-lab.ts";
import { copyOf, cutOffEverywhere, flipBit, makeGood, packsWith, type Good } from "../../test/damaged/good.ts";
import { displayPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import { entriesByPack } from "../prune/entries-by-pack.ts";
import { loadIndex } from "../repository/load-index.ts";
import { Repository } from "../repository/repository.ts";
import { listSnapshots, type StoredSnapshot } from "../repository/snapshots.ts";
import { transferBlobs } from "../transfer/transfer.ts";
import { Copy } from "./copy.ts";
import type { CopyEvent, CopyOptions, CopyResult } from "./options.ts";

let good: Good;
let content: Content[];
beforeAll(async () => {
  good = await makeGood();
  content = await contents(good.repository);
});

/** What each snapshot holds, the oldest first. */
async function contents(repository: Repository): Promise<Content[]> {
  const snapshots = await listSnapshots(repository, { signal: NEVER });
  return Promise.all(snapshots.map(({ snapshot }) => contentOfSnapshot(repository, snapshot.tree, "")));
}

const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

async function copy(from: Repository, to: Repository, changes: Partial<CopyOptions> = {}): Promise<CopyResult> {
  const snapshots = await listSnapshots(from, { signal: NEVER });
  return new Copy({
    from,
    to,
    snapshots,
    packSizeBytes: 256 * 1024,
    compression: "auto",
    workers: 1,
    dryRun: false,
    signal: NEVER,
    onEvent: () => {},
    ...changes,
  }).run();
}

const all = (repository: Repository): Promise<StoredSnapshot[]> => listSnapshots(repository, { signal: NEVER });

describe("a copy of snapshots", () => {
  test("has the same content under another key; check finds everything in order", async () => {
    const to = await newRepository();
    const result = await copy(good.repository, to);
    expect(await contents(to)).toEqual(content);
    expect((await check(to)).findings).toEqual([]);
    expect(result.copied.length).toBe(2);
    expect(result.blobs).toBe((await storedBlobs(good.repository)).length);
    expect(await storedBlobs(to)).toEqual(await storedBlobs(good.repository));
  });

  test("keeps everything that a snapshot says, but for the parent, and tells of which it is a copy", async () => {
    const to = await newRepository();
    await copy(good.repository, to);
    const sources = await all(good.repository);
    for (const [n, { snapshot }] of (await all(to)).entries()) {
      const source = sources[n] as StoredSnapshot;
      expect(snapshot).toEqual({ ...source.snapshot, parent: undefined, original: source.id });
    }
  });

  test("made again copies nothing, and one of a copy keeps the first name", async () => {
    const [second, third] = [await newRepository(), await newRepository()];
    await copy(good.repository, second);
    const recording = new RecordingBackend(second.backend);
    const again = await copy(good.repository, through(second, recording));
    expect(again).toMatchObject({ copied: [], blobs: 0, bytes: 0, newPacks: 0 });
    expect(again.skipped.length).toBe(2);
    expect(recording.saves).toEqual([]);
    await copy(second, third);
    const sources = await all(good.repository);
    expect((await all(third)).map(({ snapshot }) => snapshot.original)).toEqual(sources.map(({ id }) => id));
    // Whichever way round: nobody copies it once more.
    expect((await copy(good.repository, third)).copied).toEqual([]);
    expect((await copy(third, good.repository)).copied).toEqual([]);
  });

  test("brings only what the target lacks", async () => {
    const to = await newRepository();
    const [first, second] = await all(good.repository);
    await copy(good.repository, to, { snapshots: [second as StoredSnapshot] });
    expect(await contents(to)).toEqual([content[1]]);
    const before = await storedBlobs(to);
    const rest = await copy(good.repository, to, { snapshots: [first as StoredSnapshot] });
    const everything = await storedBlobs(to);
    expect(everything.length).toBe(before.length + rest.blobs);
    // Nothing is there twice.
    expect(new Set(everything).size).toBe(everything.length);
    expect(await contents(to)).toEqual(content);
  });

  test("reads every pack of the source once for its blobs, however many snapshots need it", async () => {
    const reads = new Map<string, number>();
    class Counting extends ForwardingBackend {
      override load: ForwardingBackend["load"] = (key, range, consume, options) => {
        if (key.type === "pack") reads.set(key.name, (reads.get(key.name) ?? 0) + 1);
        return super.load(key, range, consume, options);
      };
    }
    const from = through(good.repository, new Counting(good.repository.backend));
    await copy(from, await newRepository());
    const trees = new Set(await packsWith(good.repository, "tree"));
    for (const name of await namesOf(good.repository.backend, "pack")) {
      // Once more to follow the trees.
      expect(reads.get(name)).toBeLessThanOrEqual(trees.has(name as Id) ? 3 : 1);
    }
  });

  test("never removes anything, and leaves snapshots of the target alone that the source no longer has", async () => {
    const to = await newRepository();
    await copy(good.repository, to);
    const from = await copyOf(good.repository);
    for (const { id } of await all(from)) await from.removeFile("snapshot", id, { signal: NEVER });
    const recording = new RecordingBackend(to.backend);
    expect(await copy(from, through(to, recording))).toMatchObject({ copied: [], skipped: [] });
    expect(recording.removes).toEqual([]);
    expect(await contents(to)).toEqual(content);
  });

  test("without writing says what would be copied", async () => {
    const to = await newRepository();
    const recording = new RecordingBackend(to.backend);
    const planned = await copy(good.repository, through(to, recording), { dryRun: true });
    expect(recording.saves).toEqual([]);
    const done = await copy(good.repository, to);
    expect([planned.blobs, planned.bytes, planned.copied.length]).toEqual([done.blobs, done.bytes, 2]);
    expect(planned.copied.every(({ id }) => id === undefined)).toBe(true);
  });

  test("into a repository that already has the data from elsewhere stores only the snapshot", async () => {
    const to = await copyOf(good.repository);
    for (const { id } of await all(to)) await to.removeFile("snapshot", id, { signal: NEVER });
    expect(await copy(good.repository, to)).toMatchObject({ blobs: 0, newPacks: 0, copied: [{}, {}] });
    expect(await contents(to)).toEqual(content);
  });

  test("between versions of the format: 2 to 1 and back", async () => {
    const { backend, masterKey, keyId, config } = await newRepository();
    const one = new Repository({ backend, masterKey, keyId, config: { ...config, version: 1 } });
    await copy(good.repository, one);
    expect(await contents(one)).toEqual(content);
    expect((await check(one)).findings).toEqual([]);
    const two = await newRepository();
    await copy(one, two);
    expect(await contents(two)).toEqual(content);
    const index = await loadIndex(two, { signal: NEVER });
    expect(index.locationAt(0)?.uncompressedBytes).toBeGreaterThan(0);
  });

  test("of nothing does nothing", async () => {
    const to = await newRepository();
    expect(await copy(good.repository, to, { snapshots: [] })).toMatchObject({ copied: [], skipped: [], blobs: 0 });
  });

  test("goes on with the packs that an interrupted one has stored", async () => {
    const to = await newRepository();
    const broken = new FaultyBackend(
      to.backend,
      scriptedFaults([{ operation: "save", type: "pack", call: 4, fault: FAIL }]),
    );
    const small = { packSizeBytes: 16 * 1024 };
    await expect(copy(good.repository, through(to, broken), small)).rejects.toEqual(failsWith("STORAGE_UNAVAILABLE"));
    expect(await all(to)).toEqual([]);
    const stored = (await namesOf(to.backend, "pack")).length;
    expect(stored).toBeGreaterThan(0);
    const rest = await copy(good.repository, to);
    const everything = await storedBlobs(to);
    expect(new Set(everything).size).toBe(everything.length);
    expect(rest.blobs).toBeLessThan(everything.length);
    expect(await contents(to)).toEqual(content);
  });

  test("takes over packs of a run that was killed", async () => {
    const to = await newRepository();
    await copy(good.repository, to);
    for (const type of ["index", "snapshot"] as const) {
      for (const name of await namesOf(to.backend, type)) await to.removeFile(type, name as Id, { signal: NEVER });
    }
    const result = await copy(good.repository, to);
    expect(result).toMatchObject({ blobs: 0, newPacks: 0, copied: [{}, {}] });
    expect(result.adoptedPacks).toBeGreaterThan(2);
    expect(await contents(to)).toEqual(content);
  });

  test("brings again what was in packs that the target has lost", async () => {
    const to = await newRepository();
    await copy(good.repository, to);
    const [pack] = await packsWith(to, "data");
    await to.removeFile("pack", pack as Id, { signal: NEVER });
    for (const name of await namesOf(to.backend, "snapshot"))
      await to.removeFile("snapshot", name as Id, { signal: NEVER });
    const events: CopyEvent[] = [];
    await copy(good.repository, to, { onEvent: (event) => void events.push(event) });
    expect(events.filter(({ kind }) => kind === "damaged")).toMatchObject([{ what: "1 packs of the target" }]);
    expect(await contents(to)).toEqual(content);
  });
});

const FAIL: Fault = { kind: "fail", when: "before" };

describe("a copy that is cut off at any write", () => {
  test("leaves a target in order, and the next one completes it", async () => {
    const folder = scratchFolder();
    writeFiles(folder, { one: noise(90_000, 1), "two/three": "text" });
    const from = await newRepository();
    await backUp(from, [folder]);
    writeFiles(folder, { "two/four": noise(70_000, 2) });
    await backUp(from, [folder]);
    const expected = await contents(from);
    let ends = 0;
    for await (const { repository, step } of cutOffEverywhere(await newRepository(), (to) =>
      copy(from, to, { packSizeBytes: 32 * 1024 }),
    )) {
      ends++;
      const damage = (await check(repository)).findings.filter(({ code }) => code !== "pack-unindexed");
      expect({ step, damage }).toEqual({ step, damage: [] });
      const there = await contents(repository);
      expect(expected.slice(0, there.length)).toEqual(there);
      await copy(from, repository, { packSizeBytes: 32 * 1024 });
      expect(await contents(repository)).toEqual(expected);
      expect((await check(repository)).findings).toEqual([]);
    }
    expect(ends).toBeGreaterThan(8);
  });
});

describe("what the source has lost", () => {
  async function damagedSource(type: "data" | "tree"): Promise<Repository> {
    const from = await copyOf(good.repository);
    const [pack] = await packsWith(from, type);
    await flipBit(from.backend, { type: "pack", name: pack as Id }, 40);
    return from;
  }

  test.for(["data", "tree"] as const)(
    "a %s blob: snapshots that need it are not copied, the others are",
    async (type) => {
      const folder = scratchFolder();
      writeFiles(folder, { small: "something else" });
      const from = await damagedSource(type);
      await backUp(from, [folder], { hostname: "other" });
      const to = await newRepository();
      const events: CopyEvent[] = [];
      const result = await copy(from, to, { onEvent: (event) => void events.push(event) });
      expect(result.incomplete.length).toBeGreaterThan(0);
      expect(result.incomplete.length + result.copied.length).toBe(3);
      expect(result.incomplete.flatMap(({ losses }) => losses.parts).map(({ path }) => displayPath(path))).not.toEqual(
        [],
      );
      expect((await check(to)).findings).toEqual([]);
      expect(await contentOfLatest(to, folder)).toEqual(contentOfFolder(folder));
      if (type === "data") expect(events.filter(({ kind }) => kind === "lost").length).toBe(result.lostBlobs);
      // A dry run reads trees and no data.
      const planned = await copy(from, await newRepository(), { dryRun: true });
      expect(planned.incomplete.length).toBe(type === "tree" ? result.incomplete.length : 0);
      // Once the source is whole again, the rest follows.
      const rest = await copy(good.repository, to);
      expect(rest.copied.length).toBe(result.incomplete.length);
      expect((await check(to)).healthy).toBe(true);
    },
  );

  test("is taken from another copy of the blob in the source, where there is one", async () => {
    const from = await copyOf(good.repository);
    const [pack] = await packsWith(from, "data");
    const index = await loadIndex(from, { signal: NEVER });
    const everything = [...entriesByPack(index, () => true)];
    const settings = { packSizeBytes: 256 * 1024, compression: "auto", recompress: "never", signal: NEVER } as const;
    await transferBlobs(everything, { ...settings, from, fromIndex: index, to: from, toIndex: index, workers: 1 });
    await flipBit(from.backend, { type: "pack", name: pack as Id }, 40);
    const reloaded = await loadIndex(from, { signal: NEVER });
    const first = Array.from({ length: reloaded.count }, (_, entry) => reloaded.locationAt(entry)?.pack);
    expect(first.indexOf(reloaded.packNumber(pack as Id))).toBeLessThan(first.length / 2);
    const to = await newRepository();
    expect(await copy(from, to)).toMatchObject({ lostBlobs: 0, incomplete: [], copied: [{}, {}] });
    expect(await contents(to)).toEqual(content);
  });

  test("an index file: said, and what only it listed is lost", async () => {
    const from = await copyOf(good.repository);
    const [name] = await namesOf(from.backend, "index");
    await flipBit(from.backend, { type: "index", name: name as string }, 40);
    const events: CopyEvent[] = [];
    const to = await newRepository();
    const result = await copy(from, to, { onEvent: (event) => void events.push(event) });
    const damaged = events.filter(({ kind }) => kind === "damaged");
    expect(damaged).toMatchObject([{ what: `index ${name} of the source` }]);
    expect(result.incomplete.length).toBeGreaterThan(0);
    expect((await check(to)).findings).toEqual([]);
  });
});

test("an index of the target that is damaged ends the copy before anything is written", async () => {
  const to = await newRepository();
  await copy(good.repository, to);
  for (const name of await namesOf(to.backend, "snapshot"))
    await to.removeFile("snapshot", name as Id, { signal: NEVER });
  const [name] = await namesOf(to.backend, "index");
  await flipBit(to.backend, { type: "index", name: name as string }, 40);
  const recording = new RecordingBackend(to.backend);
  await expect(copy(good.repository, through(to, recording))).rejects.toEqual(failsWith("ENGINE_INDEX_DAMAGED"));
  expect(recording.saves).toEqual([]);
});

test("a snapshot of the target that is damaged is said, and its source is copied again", async () => {
  const to = await newRepository();
  await copy(good.repository, to);
  const [first] = await all(to);
  await flipBit(to.backend, { type: "snapshot", name: first?.id as string }, 40);
  const events: CopyEvent[] = [];
  const result = await copy(good.repository, to, { onEvent: (event) => void events.push(event) });
  expect(result).toMatchObject({ copied: [{}], skipped: [{}], blobs: 0 });
  expect(events[0]).toMatchObject({ kind: "damaged", what: `snapshot ${first?.id} of the target` });
});
