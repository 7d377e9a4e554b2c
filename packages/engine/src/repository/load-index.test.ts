import { isHoldfastError } from "@holdfast/base";
import { bytesSource } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { describe, expect, test } from "vitest";
import { newMasterKey } from "../crypto/master-key.ts";
import { idOf, idToBytes, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { encodeIndexFile } from "../index/index-file.ts";
import { loadIndex } from "./load-index.ts";
import { Repository } from "./repository.ts";

const { signal } = new AbortController();
const blob = (name: string): Id => idOf(Buffer.from(name));

function repository(onIndex: (index: BlobIndex) => void = () => {}): Repository {
  const keyId = blob("key");
  const config = { version: 2, id: keyId, chunkerPolynomial: 0n } as const;
  return new Repository({ backend: new MemoryBackend(), config, masterKey: newMasterKey(), keyId, onIndex });
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
