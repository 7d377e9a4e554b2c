import { isHoldfastError } from "@holdfast/base";
import { type Fault, type FaultRule, FaultyBackend, scriptedFaults, storageError } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { check, NEVER, namesOf, newRepository, RecordingBackend, storedBlobs, through } from "../../test/backup-lab.ts";
import { bytesOf, copyOf, cutTo, flipBit, forge, makeGood, packsWith, type Good } from "../../test/damaged/good.ts";
import { PacksOfIndex } from "../check/packs-of-index.ts";
import { idOf, type Id } from "../format/id.ts";
import { newMasterKey } from "../crypto/master-key.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { adoptPacks } from "../repository/adopt-packs.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { loadIndex } from "../repository/load-index.ts";
import { Repository } from "../repository/repository.ts";
import { type LostTransfer, transferBlobs, type TransferOptions, withTransfer } from "./transfer.ts";

let good: Good;
beforeAll(async () => {
  good = await makeGood();
});

const FAIL: Fault = { kind: "fail", when: "before" };
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

function* everything(index: BlobIndex): Generator<{ pack: number; entries: Uint32Array }> {
  const byPack = new PacksOfIndex(index);
  for (let pack = 0; pack < index.packCount; pack++) yield { pack, entries: byPack.entriesOf(pack) };
}

type Changes = Partial<TransferOptions>;

async function optionsFor(from: Repository, to: Repository, changes: Changes = {}): Promise<TransferOptions> {
  const fromIndex = await loadIndex(from, { signal: NEVER });
  return {
    from,
    fromIndex,
    to,
    toIndex: from === to ? fromIndex : BlobIndex.create(),
    packSizeBytes: 256 * 1024,
    compression: "auto",
    recompress: "never",
    workers: 2,
    signal: NEVER,
    ...changes,
  };
}

/** A repository of version 1: no blob in it may be compressed. */
async function versionOne(): Promise<Repository> {
  const { backend, masterKey, keyId, config } = await newRepository();
  return new Repository({ backend, masterKey, keyId, config: { ...config, version: 1 } });
}

/** Every blob that an index file lists can be read. */
async function readAll(repository: Repository): Promise<void> {
  const index = await loadIndex(repository, { signal: NEVER });
  const reader = new BlobReader(repository, index);
  for (let entry = 0; entry < index.count; entry++) {
    await reader.load(index.typeAt(entry), index.idAt(entry), { signal: NEVER });
  }
}

async function compressedShare(repository: Repository): Promise<number> {
  const index = await loadIndex(repository, { signal: NEVER });
  const flags = Array.from({ length: index.count }, (_, n) => (index.locationAt(n)?.uncompressedBytes ?? 0) > 0);
  return flags.filter(Boolean).length / flags.length;
}

function through2(repository: Repository, rules: readonly FaultRule[]): Repository {
  return through(repository, new FaultyBackend(repository.backend, scriptedFaults(rules)));
}

describe("a transfer", () => {
  test("into a repository with another key brings every blob once, in packs and index files that check finds in order", async () => {
    const to = await newRepository();
    const progress: number[] = [];
    const onProgress = ({ blobs }: { blobs: number }): void => void progress.push(blobs);
    const options = await optionsFor(good.repository, to, { onProgress });
    const result = await transferBlobs(everything(options.fromIndex), options);
    expect(await storedBlobs(to)).toEqual(await storedBlobs(good.repository));
    expect(result).toMatchObject({ blobs: options.fromIndex.count, lost: 0 });
    expect(progress.at(-1)).toBe(result.blobs);
    expect([...result.newPacks].sort()).toEqual(await namesOf(to.backend, "pack"));
    expect((await check(to)).findings).toEqual([]);
    expect(options.toIndex.count).toBe(result.blobs);
    await readAll(to);
  });

  test("within one repository makes new packs beside the old ones, and both are listed", async () => {
    const repository = await copyOf(good.repository);
    const before = await storedBlobs(repository);
    const options = await optionsFor(repository, repository);
    const { newPacks } = await transferBlobs([...everything(options.fromIndex)], options);
    expect(await storedBlobs(repository)).toEqual([...before, ...before].sort());
    const index = await loadIndex(repository, { signal: NEVER });
    expect(index.count).toBe(2 * before.length);
    expect(newPacks.every((id) => index.packNumber(id) !== undefined)).toBe(true);
    expect((await check(repository)).findings).toEqual([]);
  });

  test("reads each pack once, and only what is wanted of it", async () => {
    const reads: number[] = [];
    const counting = new RecordingBackend(good.repository.backend);
    const load = counting.load.bind(counting);
    counting.load = (key, range, consume, options) => {
      reads.push(range?.length ?? -1);
      return load(key, range, consume, options);
    };
    const options = await optionsFor(through(good.repository, counting), await newRepository());
    reads.length = 0;
    await transferBlobs(everything(options.fromIndex), options);
    expect(reads.length).toBe(options.fromIndex.packCount);
    reads.length = 0;
    const { pack, lengthBytes } = options.fromIndex.locationAt(0) ?? { pack: -1, lengthBytes: -1 };
    await transferBlobs([{ pack, entries: Uint32Array.of(0) }], options);
    expect(reads).toEqual([lengthBytes]);
  });

  test("stores nothing compressed in a repository of version 1, and compresses what comes from there when asked", async () => {
    const one = await versionOne();
    await transferBlobs(...(await whole(good.repository, one)));
    expect(await compressedShare(one)).toBe(0);
    await readAll(one);
    const kept = await newRepository();
    await transferBlobs(...(await whole(one, kept)));
    expect(await compressedShare(kept)).toBe(0);
    const again = await newRepository();
    await transferBlobs(...(await whole(one, again, { recompress: "uncompressed" })));
    // Also what does not become smaller: otherwise each prune would try it again.
    expect(await compressedShare(again)).toBe(1);
    await readAll(again);
    const off = await newRepository();
    await transferBlobs(...(await whole(one, off, { recompress: "uncompressed", compression: "off" })));
    const trees = (await storedBlobs(off)).filter((blob) => blob.startsWith("tree")).length;
    const all = (await storedBlobs(off)).length;
    expect(await compressedShare(off)).toBeCloseTo(trees / all);
    const undone = await newRepository();
    await transferBlobs(...(await whole(again, undone, { recompress: "always", compression: "off" })));
    expect(await compressedShare(undone)).toBeCloseTo(trees / all);
    await readAll(undone);
  });

  test("fills packs across lots, and what was settled is listed", async () => {
    const to = await newRepository();
    const options = await optionsFor(good.repository, to, { packSizeBytes: 64 * 1024 * 1024 });
    const listed: number[] = [];
    await withTransfer(options, async (transfer) => {
      for (const lot of everything(options.fromIndex)) await transfer.move([lot]);
      expect(await namesOf(to.backend, "pack")).toEqual([]);
      await transfer.settle();
      listed.push((await loadIndex(to, { signal: NEVER })).count);
      await transfer.move(everything(options.fromIndex));
    });
    expect(listed).toEqual([options.fromIndex.count]);
    expect((await namesOf(to.backend, "pack")).length).toBe(4);
  });
});

async function whole(from: Repository, to: Repository, changes: Changes = {}) {
  const options = await optionsFor(from, to, changes);
  return [everything(options.fromIndex), options] as const;
}

describe("what is lost is reported, and the rest is moved:", () => {
  const damages: [string, (repository: Repository, pack: Id) => Promise<void>, RegExp][] = [
    ["a flipped bit", (r, name) => flipBit(r.backend, { type: "pack", name }, 40), /authentication code/],
    ["a pack that was cut off", (r, name) => cutTo(r.backend, { type: "pack", name }, 5_000), /ends before byte/],
    ["an empty pack", (r, name) => cutTo(r.backend, { type: "pack", name }, 0), /ends before byte/],
    ["a pack that is gone", (r, name) => r.removeFile("pack", name, { signal: NEVER }), /there is no pack file/],
  ];
  test.for(damages)("%s", async ([, damage, reason]) => {
    const from = await copyOf(good.repository);
    const [name] = await packsWith(from, "data");
    await damage(from, name as Id);
    const to = await newRepository();
    const lost: LostTransfer[] = [];
    const result = await transferBlobs(...(await whole(from, to, { onLost: (blob) => void lost.push(blob) })));
    expect(result.lost).toBe(lost.length);
    expect(lost.length).toBeGreaterThan(0);
    for (const blob of lost) expect(blob.reason).toMatch(reason);
    const saved = await storedBlobs(to);
    expect([...saved, ...lost.map(({ type, id }) => `${type} ${id}`)].sort()).toEqual(
      await storedBlobs(good.repository),
    );
    await readAll(to);
  });

  test("one read that fails costs nothing when the blobs can be read one by one", async () => {
    const reluctant = new RecordingBackend(good.repository.backend);
    const asked = new Set<string>();
    const load = reluctant.load.bind(reluctant);
    const index = await loadIndex(good.repository, { signal: NEVER });
    const byPack = new PacksOfIndex(index);
    reluctant.load = (key, range, consume, options) => {
      const pack = key.type === "pack" ? index.packNumber(key.name as Id) : undefined;
      const refused = pack !== undefined && byPack.entriesOf(pack).length > 1 && !asked.has(key.name);
      asked.add(key.name);
      if (refused) return Promise.reject(storageError("STORAGE_FAILED", { location: "disk", reason: "a bad sector" }));
      return load(key, range, consume, options);
    };
    const from = through(good.repository, reluctant);
    const to = await newRepository();
    const result = await transferBlobs(...(await whole(from, to)));
    expect(result.lost).toBe(0);
    expect(await storedBlobs(to)).toEqual(await storedBlobs(good.repository));
  });

  test("forged blobs: a wrong hash, a wild size, a seal over something else", async () => {
    const from = await copyOf(good.repository);
    const bytes = Buffer.from("hello");
    const forged = await forge(from, [
      { type: "data", id: idOf(bytes), payload: bytes, claimedBytes: 0 },
      { type: "data", id: idOf(Buffer.from("other")), payload: bytes, claimedBytes: 0 },
      { type: "data", id: idOf(Buffer.from("wild")), payload: bytes, claimedBytes: 0xffff_ffff },
      { type: "tree", id: idOf(Buffer.from("junk")), payload: bytes, claimedBytes: 77 },
    ]);
    const to = await newRepository();
    const lost: LostTransfer[] = [];
    const options = await optionsFor(from, to, { onLost: (blob) => void lost.push(blob) });
    const pack = options.fromIndex.packNumber(forged.id) as number;
    const entries = new PacksOfIndex(options.fromIndex).entriesOf(pack);
    expect(await transferBlobs([{ pack, entries }], options)).toMatchObject({ blobs: 1, lost: 3 });
    expect(lost.map(({ reason }) => reason).join("\n")).toMatch(/hash(.|\n)*claims 4294967295(.|\n)*decompress/);
    expect(await storedBlobs(to)).toEqual([`data ${idOf(bytes)}`]);
  });
});

describe("a transfer ends", () => {
  test("when the source is out of reach: that is no loss", async () => {
    const backend = new MemoryBackend();
    const { config, masterKey, keyId } = good.repository;
    const gone = new Repository({ backend, config, masterKey, keyId });
    const options = { ...(await optionsFor(good.repository, await newRepository())), from: gone };
    const lost: LostTransfer[] = [];
    const run = transferBlobs(everything(options.fromIndex), { ...options, onLost: (blob) => void lost.push(blob) });
    await expect(run).rejects.toEqual(failsWith("STORAGE_NOT_FOUND"));
    expect(lost).toEqual([]);
  });

  test.for(["pack", "index"] as const)(
    "when the target does not take a file (%s), and what it took is used by the next",
    async (type) => {
      const to = await newRepository();
      const broken = through2(to, [{ operation: "save", type, call: type === "pack" ? 3 : 1, fault: FAIL }]);
      await expect(transferBlobs(...(await whole(good.repository, broken)))).rejects.toEqual(
        failsWith("STORAGE_UNAVAILABLE"),
      );
      const known = await loadIndex(to, { signal: NEVER });
      await adoptPacks(to, known, {
        signal: NEVER,
        take: async ({ id }) => void known.addPack(id),
      });
      expect((await namesOf(to.backend, "pack")).every((id) => known.packNumber(id as Id) !== undefined)).toBe(true);
      expect(known.packCount).toBeGreaterThan(0);
      await readAll(to);
    },
  );

  test("when it is aborted, with the reason, and records what is stored", async () => {
    const to = await newRepository();
    const stop = new AbortController();
    const recording = new RecordingBackend(to.backend);
    const save = recording.save.bind(recording);
    recording.save = async (key, body, options) => {
      await save(key, body, options);
      if (recording.saves.length >= 3) stop.abort(new Error("enough"));
    };
    const options = await optionsFor(good.repository, through(to, recording), {
      signal: stop.signal,
      packSizeBytes: 16 * 1024,
    });
    await expect(transferBlobs(everything(options.fromIndex), options)).rejects.toThrow("enough");
    expect((await loadIndex(to, { signal: NEVER })).packCount).toBeGreaterThanOrEqual(1);
    await readAll(to);
  });

  test("at once when it was aborted before it began", async () => {
    const to = await newRepository();
    const options = await optionsFor(good.repository, to, { signal: AbortSignal.abort(new Error("no")) });
    await expect(transferBlobs(everything(options.fromIndex), options)).rejects.toThrow("no");
    expect(await namesOf(to.backend, "pack")).toEqual([]);
  });

  test("with the wrong key nothing is moved", async () => {
    const { backend, config, keyId } = good.repository;
    const stranger = new Repository({ backend, config, keyId, masterKey: newMasterKey() });
    const options = { ...(await optionsFor(good.repository, await newRepository())), from: stranger };
    const result = await transferBlobs(everything(options.fromIndex), options);
    expect(result).toMatchObject({ blobs: 0, lost: options.fromIndex.count, newPacks: [] });
  });
});

test("bytes are counted as stored, before and after", async () => {
  const to = await newRepository();
  const options = await optionsFor(good.repository, to);
  const result = await transferBlobs(everything(options.fromIndex), options);
  const sum = (index: BlobIndex): number =>
    Array.from({ length: index.count }, (_, n) => index.locationAt(n)?.lengthBytes ?? 0).reduce((a, b) => a + b, 0);
  expect(result.bytes).toBe(sum(options.fromIndex));
  expect(result.storedBytes).toBe(sum(options.toIndex));
  const [name] = await namesOf(to.backend, "pack");
  expect((await bytesOf(to.backend, { type: "pack", name: name as string })).length).toBeGreaterThan(0);
});
