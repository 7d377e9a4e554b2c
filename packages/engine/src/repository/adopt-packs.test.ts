import { randomBytes } from "node:crypto";
import { bytesSource, type FileInfo, type FileType, loadBytes, storageError } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { describe, expect, test } from "vitest";
import { newMasterKey } from "../crypto/master-key.ts";
import { hashInto, idOf, idToBytes, type Id } from "../format/id.ts";
import { encodePackHeader, type PackEntry } from "../format/pack-header.ts";
import { BlobIndex } from "../index/blob-index.ts";
import type { IndexedPack } from "../index/index-file.ts";
import { PackPool, PackSealer } from "../packs/pack-pool.ts";
import { adoptPacks, listPacks } from "./adopt-packs.ts";
import { Repository } from "./repository.ts";

const { signal } = new AbortController();
const NOW = 1_800_000_000_000;
const DAY = 24 * 60 * 60_000;

/** A backend that says when each pack came. */
class DatedBackend extends MemoryBackend {
  receivedAtMs: number | undefined = NOW;

  override async *list(type: FileType, options: { signal: AbortSignal }): AsyncIterable<FileInfo> {
    for await (const info of super.list(type, options)) {
      yield this.receivedAtMs === undefined ? info : { ...info, receivedAtMs: this.receivedAtMs };
    }
  }
}

function start(): { repository: Repository; backend: DatedBackend; index: BlobIndex } {
  const backend = new DatedBackend();
  const keyId = idOf(new Uint8Array(1));
  const config = { version: 2, id: keyId, chunkerPolynomial: 0n } as const;
  return {
    backend,
    repository: new Repository({ backend, config, masterKey: newMasterKey(), keyId }),
    index: BlobIndex.create(),
  };
}

/** Stores a pack of so many blobs as a backup does. */
async function storePack({ masterKey, backend }: Repository, blobs: number): Promise<{ name: Id; ids: Uint8Array[] }> {
  const pool = PackPool.create({ packSizeBytes: 1024 * 1024, slots: 4 });
  const ids: Uint8Array[] = [];
  const packs: { id: Id; bytes: Uint8Array }[] = [];
  const sealer = new PackSealer(pool, masterKey, (pack) =>
    packs.push({ id: pack.id, bytes: pool.bytesOf(pack).slice() }),
  );
  for (let n = 0; n < blobs; n++) {
    const blob = randomBytes(40);
    const id = new Uint8Array(32);
    hashInto(blob, id, 0);
    sealer.store("tree", id, 0, blob, n % 3 === 0 ? 77 : 0);
    ids.push(id);
  }
  sealer.flush();
  const [pack] = packs;
  if (pack === undefined) throw new Error("no pack");
  await backend.save({ type: "pack", name: pack.id }, bytesSource(pack.bytes), { signal });
  return { name: pack.id, ids };
}

async function adopt(
  repository: Repository,
  index: BlobIndex,
  options: { maxPacks?: number } = {},
): Promise<IndexedPack[]> {
  const taken: IndexedPack[] = [];
  const take = (pack: IndexedPack): Promise<void> => Promise.resolve(void taken.push(pack));
  const { adopted } = await adoptPacks(repository, index, { signal, nowMs: NOW, take, ...options });
  expect(adopted).toBe(taken.length);
  return taken;
}

describe("a pack that no index lists", () => {
  test.for([1, 10, 2_000])("of %i blobs is taken with all of them and their places", async (blobs) => {
    const { repository, index } = start();
    const { name, ids } = await storePack(repository, blobs);
    const [pack, ...others] = await adopt(repository, index);
    expect(others).toEqual([]);
    expect(pack?.id).toBe(name);
    expect(pack?.blobs.map(({ id }) => id)).toEqual(ids.map((id) => Buffer.from(id).toString("hex")));
    let offset = 0;
    for (const [n, blob] of (pack?.blobs ?? []).entries()) {
      expect(blob).toMatchObject({ type: "tree", offset, lengthBytes: 72, uncompressedBytes: n % 3 === 0 ? 77 : 0 });
      offset += blob.lengthBytes;
    }
  });

  test("is passed over when an index lists it, or when it holds nothing new", async () => {
    const { repository, index } = start();
    const listed = await storePack(repository, 3);
    index.addPack(listed.name);
    const known = await storePack(repository, 3);
    const elsewhere = index.addPack((await storePack(repository, 1)).name);
    for (const id of known.ids) index.add("tree", id, 0, elsewhere, 0, 72, 0);
    const half = await storePack(repository, 3);
    index.add("tree", half.ids[0] as Uint8Array, 0, elsewhere, 0, 72, 0);
    expect((await adopt(repository, index)).map(({ id }) => id)).toEqual([half.name]);
  });

  test("is passed over when it is older than seven days", async () => {
    const { repository, backend, index } = start();
    await storePack(repository, 3);
    backend.receivedAtMs = NOW - 7 * DAY - 1;
    expect(await adopt(repository, index)).toEqual([]);
    backend.receivedAtMs = NOW - 7 * DAY;
    expect(await adopt(repository, index)).toHaveLength(1);
    backend.receivedAtMs = undefined;
    expect(await adopt(repository, index)).toHaveLength(1);
  });

  test("of many is one of so many that are taken at once", async () => {
    const { repository, index } = start();
    for (let n = 0; n < 5; n++) await storePack(repository, 1);
    expect(await adopt(repository, index, { maxPacks: 3 })).toHaveLength(3);
  });

  const HARM: [what: string, harm: (bytes: Uint8Array, repository: Repository) => Uint8Array][] = [
    ["has a wrong bit in a blob", (bytes) => bytes.map((byte, at) => (at === 30 ? byte ^ 1 : byte))],
    ["has a wrong bit in its header", (bytes) => bytes.map((byte, at) => (at === bytes.length - 30 ? byte ^ 1 : byte))],
    ["has a wrong header length", (bytes) => bytes.map((byte, at) => (at === bytes.length - 4 ? byte ^ 1 : byte))],
    ["is cut at the end", (bytes) => bytes.subarray(0, bytes.length - 1)],
    ["is cut at the beginning", (bytes) => bytes.subarray(1)],
    ["has bytes before it", (bytes) => Buffer.concat([new Uint8Array(9), bytes])],
    ["is empty", () => new Uint8Array(0)],
    ["has three bytes", () => new Uint8Array(3)],
    ["was sealed with another key", (bytes) => bytes],
    ["is noise", (bytes) => new Uint8Array(randomBytes(bytes.length))],
  ];

  test.for(HARM)("that %s is not taken, also under the name of what it holds now", async ([what, harm]) => {
    const { repository, backend, index } = start();
    const { name } = await storePack(what.includes("another key") ? through(repository) : repository, 3);
    const bytes = harm(await loadBytes(backend, { type: "pack", name }, undefined, { signal }), repository);
    await backend.save({ type: "pack", name }, bytesSource(bytes), { signal });
    expect(await adopt(repository, index)).toEqual([]);
    await backend.remove({ type: "pack", name }, { signal });
    await backend.save({ type: "pack", name: idOf(bytes) }, bytesSource(bytes), { signal });
    // A true hash shows that nothing changed since; whether a blob is good shows when it is read.
    expect(await adopt(repository, index)).toHaveLength(what === "has a wrong bit in a blob" ? 1 : 0);
  });

  test("with an authentic header that does not account for its bytes is not taken", async () => {
    const { repository, backend, index } = start();
    const entry: PackEntry = { type: "data", id: idOf(Buffer.from("x")), offset: 0, lengthBytes: 1000, plainBytes: 0 };
    const header = repository.sealer.seal(encodePackHeader([entry]));
    const length = new Uint8Array(new Uint32Array([header.length]).buffer);
    const bytes = Buffer.concat([new Uint8Array(999), header, length]);
    await backend.save({ type: "pack", name: idOf(bytes) }, bytesSource(bytes), { signal });
    expect(await adopt(repository, index)).toEqual([]);
  });

  test("that vanishes, or that the store does not hand out, is done without", async () => {
    const { repository, backend, index } = start();
    await storePack(repository, 3);
    const good = await storePack(repository, 3);
    const load = backend.load.bind(backend);
    backend.load = async (key, range, consume, options) => {
      if (key.name !== good.name) await backend.remove(key, options).catch(() => {});
      return load(key, range, consume, options);
    };
    expect((await adopt(repository, index)).map(({ id }) => id)).toEqual([good.name]);
    expect(index.has("tree", idToBytes(idOf(Buffer.from("x"))), 0)).toBe(false);
  });
});

describe("a pack that the index lists and the store does not have", () => {
  async function withListed(): Promise<ReturnType<typeof start> & { id: Uint8Array; name: Id }> {
    const all = start();
    const { name, ids } = await storePack(all.repository, 1);
    const id = ids[0] as Uint8Array;
    all.index.add("tree", id, 0, all.index.addPack(name), 0, 72, 0);
    return { ...all, id, name };
  }
  const take = (): Promise<void> => Promise.resolve();

  test("is counted, and its blobs are unknown from then on", async () => {
    const { repository, backend, index, id, name } = await withListed();
    expect(await adoptPacks(repository, index, { signal, take })).toEqual({ adopted: 0, missing: 0 });
    expect(index.has("tree", id, 0)).toBe(true);
    await backend.remove({ type: "pack", name }, { signal });
    expect(await adoptPacks(repository, index, { signal, take })).toEqual({ adopted: 0, missing: 1 });
    expect(index.has("tree", id, 0)).toBe(false);
  });

  test("is none while the packs cannot be listed", async () => {
    const { repository, backend, index, id } = await withListed();
    // oxlint-disable-next-line require-yield -- it fails before the first
    backend.list = async function* () {
      throw storageError("STORAGE_UNAVAILABLE", { location: "here", reason: "planned" });
    };
    expect(await adoptPacks(repository, index, { signal, take })).toEqual({ adopted: 0, missing: 0 });
    expect(index.has("tree", id, 0)).toBe(true);
  });
});

describe("packs that were listed before the index", () => {
  const take = (): Promise<void> => Promise.resolve();

  test("are not listed again", async () => {
    const { repository, backend, index } = start();
    const { name } = await storePack(repository, 3);
    const listed = await listPacks(repository, { signal });
    backend.list = () => {
      throw new Error("listed again");
    };
    const taken: Id[] = [];
    const note = (pack: IndexedPack): Promise<void> => Promise.resolve(void taken.push(pack.id));
    expect(await adoptPacks(repository, index, { signal, nowMs: NOW, listed, take: note })).toEqual({
      adopted: 1,
      missing: 0,
    });
    expect(taken).toEqual([name]);
  });

  test("are, when one seems to be missing: it may have come since, or be gone", async () => {
    const { repository, backend, index } = start();
    const listed = await listPacks(repository, { signal });
    const { name, ids } = await storePack(repository, 1);
    const id = ids[0] as Uint8Array;
    index.add("tree", id, 0, index.addPack(name), 0, 72, 0);
    expect(await adoptPacks(repository, index, { signal, listed, take })).toEqual({ adopted: 0, missing: 0 });
    expect(index.has("tree", id, 0)).toBe(true);
    await backend.remove({ type: "pack", name }, { signal });
    expect(await adoptPacks(repository, index, { signal, listed, take })).toEqual({ adopted: 0, missing: 1 });
    expect(index.has("tree", id, 0)).toBe(false);
  });

  test("are left to be listed later when they are many, or cannot be listed", async () => {
    const { repository, backend } = start();
    for (let n = 0; n < 3; n++) await storePack(repository, 1);
    expect(await listPacks(repository, { signal, most: 3 })).toHaveLength(3);
    expect(await listPacks(repository, { signal, most: 2 })).toBeUndefined();
    // oxlint-disable-next-line require-yield -- it fails before the first
    backend.list = async function* () {
      throw storageError("STORAGE_UNAVAILABLE", { location: "here", reason: "planned" });
    };
    expect(await listPacks(repository, { signal })).toBeUndefined();
  });
});

describe("adopting", () => {
  test("ends with the signal's reason", async () => {
    const { repository, index } = start();
    await storePack(repository, 3);
    const reason = new Error("enough");
    const take = (): Promise<void> => Promise.resolve();
    await expect(adoptPacks(repository, index, { signal: AbortSignal.abort(reason), take })).rejects.toBe(reason);
  });

  test("fails when a pack cannot be taken", async () => {
    const { repository, index } = start();
    await storePack(repository, 3);
    const take = (): Promise<void> => Promise.reject(new Error("the disk is full"));
    await expect(adoptPacks(repository, index, { signal, nowMs: NOW, take })).rejects.toThrow("the disk is full");
  });
});

/** The same store under another key. */
function through({ backend, config, keyId }: Repository): Repository {
  return new Repository({ backend, config, masterKey: newMasterKey(), keyId });
}
