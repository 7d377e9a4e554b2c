import { isHoldfastError } from "@holdfast/base";
import { bytesSource, type CallOptions, type FileKey, loadBytes } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { describe, expect, test } from "vitest";
import { newMasterKey } from "../crypto/master-key.ts";
import { idOf, idToBytes, type BlobType, type Id } from "../format/id.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { Compressor } from "../platform/zstd.ts";
import { BlobReader } from "./blob-reader.ts";
import { Repository } from "./repository.ts";
import { resolvePath, TreeReader } from "./tree-reader.ts";

const { signal } = new AbortController();
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

/** A backend that counts loads, and questions for a size. */
class CountingBackend extends MemoryBackend {
  loads = 0;
  stats = 0;

  override stat: MemoryBackend["stat"] = (key, options) => {
    this.stats++;
    return super.stat(key, options);
  };

  override load: MemoryBackend["load"] = (key, range, consume, options) => {
    this.loads++;
    return super.load(key, range, consume, options);
  };
}

class Store {
  readonly backend = new CountingBackend();
  readonly index = BlobIndex.create();
  readonly repository: Repository;
  readonly reader: BlobReader;

  constructor() {
    const keyId = idOf(new Uint8Array(1));
    const config = { version: 2, id: keyId, chunkerPolynomial: 0n } as const;
    this.repository = new Repository({ backend: this.backend, config, masterKey: newMasterKey(), keyId });
    this.reader = new BlobReader(this.repository, this.index, { maxBytes: 1_000_000 });
  }

  /** Stores a pack of these blobs. `claimed` overrides what the index says of the first one's plain size. */
  async pack(
    name: string,
    type: BlobType,
    blobs: readonly Uint8Array[],
    { compressed = false, claimed = -1 } = {},
  ): Promise<FileKey> {
    const key = { type: "pack", name: idOf(Buffer.from(name)) } as const;
    const number = this.index.addPack(key.name);
    const parts: Uint8Array[] = [];
    let offset = 0;
    for (const [n, blob] of blobs.entries()) {
      const sealed = this.repository.sealer.seal(compressed ? new Compressor("auto").compress(blob) : blob);
      const plain = n === 0 && claimed >= 0 ? claimed : compressed ? blob.length : 0;
      this.index.add(type, idToBytes(idOf(blob)), 0, number, offset, sealed.length, plain);
      parts.push(sealed);
      offset += sealed.length;
    }
    await this.backend.save(key, bytesSource(...parts), { signal });
    return key;
  }

  async damage(key: FileKey, at: number): Promise<void> {
    const bytes = await loadBytes(this.backend, key, undefined, { signal });
    bytes[at] = (bytes[at] as number) ^ 4;
    await this.backend.save(key, bytesSource(bytes), { signal });
  }
}

const text = (content: string): Uint8Array => new Uint8Array(Buffer.from(content));
const options: CallOptions = { signal };

describe("a blob", () => {
  test("is read as it was stored, compressed or not, data or tree", async () => {
    const store = new Store();
    await store.pack("1", "data", [text("plain"), text("x".repeat(5000))]);
    await store.pack("2", "data", [text("y".repeat(5000)), text("z".repeat(70))], { compressed: true });
    await store.pack("3", "tree", [text("plain")]);
    for (const content of ["plain", "x".repeat(5000), "y".repeat(5000), "z".repeat(70)]) {
      expect(Buffer.from(await store.reader.load("data", idOf(text(content)), options)).toString()).toBe(content);
    }
    expect(Buffer.from(await store.reader.load("tree", idOf(text("plain")), options)).toString()).toBe("plain");
    await expect(store.reader.load("tree", idOf(text("z".repeat(70))), options)).rejects.toEqual(
      failsWith("ENGINE_BLOB_MISSING"),
    );
  });

  test("whose first copy is damaged or lost comes from the second", async () => {
    for (const harm of ["damage", "remove", "cut"] as const) {
      const store = new Store();
      const blob = text("twice");
      const first = await store.pack("1", "tree", [blob]);
      await store.pack("2", "tree", [text("before"), blob]);
      if (harm === "damage") await store.damage(first, 20);
      if (harm === "remove") await store.backend.remove(first, { signal });
      if (harm === "cut") await store.backend.save(first, bytesSource(new Uint8Array(3)), { signal });
      expect(await store.reader.load("tree", idOf(blob), options), harm).toEqual(blob);
    }
  });

  test.for<[what: string, harm: (store: Store, key: FileKey) => Promise<void>, code: string]>([
    ["has a wrong bit", (store, key) => store.damage(key, 20), "ENGINE_UNAUTHENTIC"],
    [
      "lies past the end of its pack",
      (store, key) => store.backend.save(key, bytesSource(new Uint8Array(3)), { signal }),
      "STORAGE_RANGE",
    ],
    ["is in a pack that is gone", (store, key) => store.backend.remove(key, { signal }), "STORAGE_NOT_FOUND"],
  ])("that %s is an error with the code of that", async ([, harm, code]) => {
    for (const type of ["data", "tree"] as const) {
      const store = new Store();
      const key = await store.pack("1", type, [text("only")]);
      await harm(store, key);
      await expect(store.reader.load(type, idOf(text("only")), options), type).rejects.toEqual(failsWith(code));
    }
  });

  test("with the content of another one is not taken for it", async () => {
    const store = new Store();
    await store.pack("1", "data", [text("a")]);
    const place = store.index.find("data", idToBytes(idOf(text("a"))), 0);
    if (place === undefined) throw new Error("not there");
    store.index.add("data", idToBytes(idOf(text("b"))), 0, place.pack, place.offset, place.lengthBytes, 0);
    await expect(store.reader.load("data", idOf(text("b")), options)).rejects.toEqual(failsWith("ENGINE_WRONG_HASH"));
  });

  test("that claims a size it does not have, or one that nothing has, is refused before memory is taken", async () => {
    const store = new Store();
    await store.pack("1", "data", [text("c".repeat(100))], { compressed: true, claimed: 99 });
    await expect(store.reader.load("data", idOf(text("c".repeat(100))), options)).rejects.toEqual(
      failsWith("ENGINE_DECOMPRESS"),
    );
    await store.pack("2", "data", [text("d".repeat(100))], { compressed: true, claimed: 2 ** 32 - 1 });
    await expect(store.reader.load("data", idOf(text("d".repeat(100))), options)).rejects.toEqual(
      failsWith("ENGINE_MALFORMED"),
    );
  });

  test("a store out of reach is no damage: the other copy is not tried", async () => {
    const store = new Store();
    const blob = text("twice");
    await store.pack("1", "data", [blob]);
    await store.pack("2", "data", [blob]);
    store.backend.load = () => Promise.reject(new Error("no network"));
    await expect(store.reader.load("data", idOf(blob), options)).rejects.toThrow("no network");
  });

  test("trees that lie together are read together", async () => {
    const store = new Store();
    const trees = Array.from({ length: 50 }, (_, n) => text(`tree ${n}`));
    await store.pack("1", "tree", trees);
    for (const tree of trees) expect(await store.reader.load("tree", idOf(tree), options)).toEqual(tree);
    expect(store.backend.loads).toBe(1);
  });

  test("trees below the first that is wanted of a pack come with it, and nobody asks how large the pack is", async () => {
    const store = new Store();
    // As a backup stores them: a tree after those that it names.
    const trees = Array.from({ length: 50 }, (_, n) => text(`tree ${n}`));
    await store.pack("1", "tree", trees);
    for (const tree of trees.toReversed()) expect(await store.reader.load("tree", idOf(tree), options)).toEqual(tree);
    expect([store.backend.loads, store.backend.stats]).toEqual([1, 0]);
  });

  test("trees of two packs in turn are read with one call for each pack", async () => {
    const store = new Store();
    const [one, two] = ["one", "two"].map((pack) => Array.from({ length: 20 }, (_, n) => text(`${pack} ${n}`)));
    await store.pack("1", "tree", one ?? []);
    await store.pack("2", "tree", two ?? []);
    for (let n = 19; n >= 0; n--) {
      for (const trees of [one, two]) {
        const tree = trees?.[n] ?? text("");
        expect(await store.reader.load("tree", idOf(tree), options)).toEqual(tree);
      }
    }
    expect(store.backend.loads).toBe(2);
  });

  test("trees behind the first that was wanted are read together as well", async () => {
    const store = new Store();
    const trees = Array.from({ length: 50 }, (_, n) => text(`tree ${n}`));
    await store.pack("1", "tree", trees);
    for (const tree of trees.slice(20)) expect(await store.reader.load("tree", idOf(tree), options)).toEqual(tree);
    expect([store.backend.loads, store.backend.stats]).toEqual([2, 1]);
  });
});

describe("a path inside a snapshot", () => {
  const nodeJson = (name: string, type: string, more: string): string =>
    `{"name":"${name}","type":"${type}","mode":420,"mtime":"2026-01-01T00:00:00Z","atime":"2026-01-01T00:00:00Z",` +
    `"ctime":"2026-01-01T00:00:00Z","uid":0,"gid":0,${more}}`;
  const treeOf = (...nodes: string[]): Uint8Array => text(`{"nodes":[${nodes.join(",")}]}\n`);
  const inner = treeOf(nodeJson("file", "file", '"content":[]'));
  const outer = treeOf(
    nodeJson("dir", "dir", `"content":null,"subtree":"${idOf(inner)}"`),
    nodeJson("link", "symlink", '"linktarget":"dir","content":null'),
  );

  async function trees(): Promise<{ reader: TreeReader; store: Store; root: Id }> {
    const store = new Store();
    await store.pack("1", "tree", [inner, outer]);
    return { reader: new TreeReader(store.reader), store, root: idOf(outer) };
  }

  test.for<[path: string, kind: "tree" | "node", what: string]>([
    ["", "tree", idOf(outer)],
    ["/", "tree", idOf(outer)],
    ["dir", "tree", idOf(inner)],
    ["/dir/", "tree", idOf(inner)],
    ["//dir/./", "tree", idOf(inner)],
    ["dir/file", "node", "file"],
    ["link", "node", "link"],
  ])("'%s'", async ([path, kind, what]) => {
    const { reader, root } = await trees();
    const found = await resolvePath(reader, root, path, { signal });
    expect([found.kind, found.kind === "tree" ? found.id : found.node.name]).toEqual([kind, what]);
  });

  test.for(["gone", "dir/gone", "dir/file/below", "link/file", ".."])("'%s' is not found", async (path) => {
    const { reader, root } = await trees();
    await expect(resolvePath(reader, root, path, { signal })).rejects.toEqual(failsWith("ENGINE_PATH_NOT_FOUND"));
  });

  test("trees are kept decoded", async () => {
    const { reader, root, store } = await trees();
    const first = await reader.load(root, { signal });
    store.backend.load = () => Promise.reject(new Error("asked again"));
    expect(await reader.load(root, { signal })).toBe(first);
  });
});
