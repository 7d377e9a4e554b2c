import { setTimeout as sleep } from "node:timers/promises";
import { isHoldfastError } from "@holdfast/base";
import { bytesSource } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { describe, expect, test } from "vitest";
import { newMasterKey } from "../crypto/master-key.ts";
import { idOf, idToBytes, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { encodeIndexFile } from "../index/index-file.ts";
import { withIndexBeside } from "./index-beside.ts";
import { loadIndex } from "./load-index.ts";
import { Repository } from "./repository.ts";
import { listSnapshots, type OnListed } from "./snapshots.ts";

const { signal } = new AbortController();
const blob = (name: string): Id => idOf(Buffer.from(name));

function repository(
  onIndex: (index: BlobIndex) => void = () => {},
  seenSnapshots?: Promise<ReadonlySet<Id> | undefined>,
): Repository {
  const keyId = blob("key");
  const config = { version: 2, id: keyId, chunkerPolynomial: 0n } as const;
  return new Repository({
    backend: new MemoryBackend(),
    config,
    masterKey: newMasterKey(),
    keyId,
    onIndex,
    seenSnapshots,
  });
}

function saveIndex(to: Repository, pack: string, blobs: readonly string[]): Promise<Id> {
  const listed = blobs.map(
    (name, n) => ({ id: blob(name), type: "data", offset: 50 * n, lengthBytes: 50, uncompressedBytes: 0 }) as const,
  );
  return to.saveDocument("index", encodeIndexFile([{ id: blob(pack), blobs: listed }]), { signal });
}

describe("loading the index", () => {
  test("takes every file, and tells how far it is", async () => {
    const repo = repository();
    for (let n = 0; n < 9; n++) await saveIndex(repo, `pack ${n}`, [`blob ${n}`, "in all"]);
    const seen: string[] = [];
    const index = await loadIndex(repo, { signal, onFile: (done, total) => seen.push(`${done}/${total}`) });
    expect(seen).toEqual(Array.from({ length: 9 }, (_, n) => `${n + 1}/9`));
    for (let n = 0; n < 9; n++) expect(index.has("data", idToBytes(blob(`blob ${n}`)), 0)).toBe(true);
    expect(index.findAll("data", idToBytes(blob("in all")), 0)).toHaveLength(9);
  });

  test("hands the index on, once and whole", async () => {
    const seen: BlobIndex[] = [];
    const onIndex = (index: BlobIndex): number => seen.push(index);
    const repo = repository(onIndex);
    await saveIndex(repo, "pack", ["a", "b"]);
    const index = await loadIndex(repo, { signal });
    expect(seen).toEqual([index]);
    expect(seen[0]?.count).toBe(2);
  });

  test("of an empty repository is an empty index", async () => {
    expect((await loadIndex(repository(), { signal })).count).toBe(0);
  });

  test("starts again when a file vanishes, for another one has taken its place", async () => {
    const repo = repository();
    const old = await saveIndex(repo, "old pack", ["a", "b"]);
    const load = repo.loadDocument.bind(repo);
    let replaced = false;
    repo.loadDocument = async (type, id, options) => {
      if (!replaced) {
        replaced = true;
        await saveIndex(repo, "new pack", ["b"]);
        await repo.removeFile("index", old, options);
      }
      return load(type, id, options);
    };
    const index = await loadIndex(repo, { signal });
    expect(index.packNumber(blob("new pack"))).toBeDefined();
    expect(index.packNumber(blob("old pack"))).toBeUndefined();
  });

  test("gives up when files vanish again and again", async () => {
    const repo = repository();
    await saveIndex(repo, "pack", ["a"]);
    let attempts = 0;
    const load = repo.loadDocument.bind(repo);
    repo.loadDocument = (type, _, options) => {
      attempts++;
      return load(type, blob("gone"), options);
    };
    await expect(loadIndex(repo, { signal })).rejects.toSatisfy((error) => isHoldfastError(error, "STORAGE_NOT_FOUND"));
    expect(attempts).toBe(3);
  });

  test.for<[what: string, save: (repo: Repository) => Promise<unknown>, code: string]>([
    [
      "has a wrong hash",
      (repo) => repo.backend.save({ type: "index", name: blob("x") }, bytesSource(new Uint8Array(60)), { signal }),
      "ENGINE_WRONG_HASH",
    ],
    [
      "is not authentic",
      (repo) =>
        repo.backend.save({ type: "index", name: idOf(new Uint8Array(60)) }, bytesSource(new Uint8Array(60)), {
          signal,
        }),
      "ENGINE_UNAUTHENTIC",
    ],
    [
      "is malformed",
      (repo) => repo.saveDocument("index", Buffer.from('{"packs":[{"id":"no"}]}'), { signal }),
      "ENGINE_MALFORMED",
    ],
  ])("a file that %s is an error, or told to whoever asks", async ([, save, code]) => {
    const repo = repository();
    await saveIndex(repo, "pack", ["a"]);
    await save(repo);
    const failure: unknown = await loadIndex(repo, { signal }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "ENGINE_INDEX_DAMAGED", kind: "corrupt", cause: { code } });
    expect(failure).toHaveProperty("hint", expect.stringContaining("`holdfast repair index`"));
    const told: string[] = [];
    const index = await loadIndex(repo, {
      signal,
      onDamaged: (_, error) => told.push(isHoldfastError(error) ? error.code : "?"),
    });
    expect(told).toEqual([code]);
    expect(index.has("data", idToBytes(blob("a")), 0)).toBe(true);
  });
});

describe("loading the index beside snapshots", () => {
  /** Reading a snapshot waits until the index is asked for, so nothing comes of one after the other. */
  async function slowReading(): Promise<{ repo: Repository; calls: string[] }> {
    const repo = repository();
    await saveIndex(repo, "pack", ["a"]);
    await repo.saveDocument("snapshot", Buffer.from("{}"), { signal });
    const calls: string[] = [];
    const asked = Promise.withResolvers<void>();
    const { backend } = repo;
    const [load, list] = [backend.load.bind(backend), backend.list.bind(backend)];
    backend.load = async (key, ...rest) => {
      if (key.type === "snapshot") await asked.promise;
      calls.push(`read ${key.type}`);
      return load(key, ...rest);
    };
    backend.list = async function* (type, options) {
      if (type === "index") asked.resolve();
      calls.push(`list ${type}`);
      yield* list(type, options);
      calls.push(`listed ${type}`);
    };
    return { repo, calls };
  }

  test("does not wait for them to be read, but for them to be listed", async () => {
    const { repo, calls } = await slowReading();
    const find = (onListed: OnListed, inner: AbortSignal): Promise<unknown> =>
      listSnapshots(repo, { signal: inner, onListed, onDamaged: () => {} });
    const { index } = await withIndexBeside(repo, find, { signal });
    expect(index.count).toBe(1);
    expect(calls.indexOf("listed snapshot")).toBeLessThan(calls.indexOf("list index"));
    expect(calls.indexOf("list index")).toBeLessThan(calls.indexOf("read snapshot"));
  });

  test("begins when what lists no snapshots has ended", async () => {
    const { repo, calls } = await slowReading();
    const { found, index } = await withIndexBeside(repo, async () => "none", { signal });
    expect([found, index.count, calls]).toEqual(["none", 1, ["list index", "listed index", "read index"]]);
  });

  test("ends with the failure of either, and with the signal", async () => {
    const { repo } = await slowReading();
    const failing = withIndexBeside(repo, () => Promise.reject(new Error("no such snapshot")), { signal });
    await expect(failing).rejects.toThrow("no such snapshot");
    const id = await repo.saveDocument("index", Buffer.from("{}"), { signal });
    await repo.backend.remove({ type: "index", name: id }, { signal });
    await repo.backend.save({ type: "index", name: id }, bytesSource(Buffer.alloc(100)), { signal });
    let wasAborted = false;
    const find = async (onListed: OnListed, inner: AbortSignal): Promise<void> => {
      onListed([]);
      await sleep(60_000, undefined, { signal: inner }).catch(() => {
        wasAborted = true;
        throw inner.reason;
      });
    };
    await expect(withIndexBeside(repo, find, { signal })).rejects.toSatisfy((error) =>
      isHoldfastError(error, "ENGINE_INDEX_DAMAGED"),
    );
    expect(wasAborted).toBe(true);
    const ended = withIndexBeside(repo, find, { signal: AbortSignal.abort(new Error("enough")) });
    await expect(ended).rejects.toThrow("enough");
  });

  describe("where they were seen before", () => {
    const snapshot = idOf(Buffer.from("snapshot"));

    /** Finds a snapshot after a while, in which somebody else may have made one. */
    const finding =
      (meanwhile: () => Promise<unknown>) =>
      async (onListed: OnListed): Promise<string> => {
        await sleep(20);
        await meanwhile();
        onListed([snapshot]);
        return "found";
      };

    test("does not wait for them to be listed again", async () => {
      const loaded: number[] = [];
      const repo = repository((index) => loaded.push(index.count), Promise.resolve(new Set([snapshot])));
      await saveIndex(repo, "pack", ["a"]);
      const before = finding(() => Promise.resolve(expect(loaded).toEqual([1])));
      const { found, index } = await withIndexBeside(repo, before, { signal });
      expect([found, index.count, loaded]).toEqual(["found", 1, [1]]);
    });

    test("begins again when there is a new one: its index may have come since", async () => {
      const loaded: number[] = [];
      const repo = repository((index) => loaded.push(index.count), Promise.resolve(new Set()));
      await saveIndex(repo, "pack", ["a"]);
      const damaged = Buffer.alloc(100);
      await repo.backend.save({ type: "index", name: idOf(damaged) }, bytesSource(damaged), { signal });
      const told: Id[] = [];
      const onDamaged = (id: Id): void => void told.push(id);
      const made = finding(() => saveIndex(repo, "pack 2", ["b"]));
      const { index } = await withIndexBeside(repo, made, { signal, onDamaged });
      expect([index.count, loaded, told]).toEqual([2, [1, 2], [idOf(damaged)]]);
    });

    test("waits as ever when it is not known what was there", async () => {
      const loaded: number[] = [];
      const repo = repository((index) => loaded.push(index.count), Promise.resolve(undefined));
      const made = finding(() => saveIndex(repo, "pack", ["a"]));
      expect((await withIndexBeside(repo, made, { signal })).index.count).toBe(1);
      expect(loaded).toEqual([1]);
    });

    test("ends with the failure of either", async () => {
      const repo = repository(() => {}, Promise.resolve(new Set()));
      const failing = withIndexBeside(repo, () => Promise.reject(new Error("no such snapshot")), { signal });
      await expect(failing).rejects.toThrow("no such snapshot");
      const damaged = Buffer.alloc(100);
      await repo.backend.save({ type: "index", name: idOf(damaged) }, bytesSource(damaged), { signal });
      await expect(
        withIndexBeside(
          repo,
          finding(() => Promise.resolve()),
          { signal },
        ),
      ).rejects.toSatisfy((error) => isHoldfastError(error, "ENGINE_INDEX_DAMAGED"));
    });
  });
});
