import fc from "fast-check";
import { isHoldfastError } from "@holdfast/base";
import { describe, expect, test } from "vitest";
import { newMasterKey } from "../crypto/master-key.ts";
import { Sealer } from "../crypto/sealing.ts";
import { compareNames } from "../filesystem/path-bytes.ts";
import { idOf, idToBytes, type Id } from "../format/id.ts";
import { encodeNode, type TreeNode } from "../format/node.ts";
import { TreeEncoder } from "../format/tree.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { Compressor, Decompressor } from "../platform/zstd.ts";
import { ParentTree, ParentTrees } from "./parent-tree.ts";

function node(name: string): TreeNode {
  return {
    name,
    type: "file",
    mode: 0o644,
    mtimeNs: 5n,
    atimeNs: 5n,
    ctimeNs: 5n,
    uid: 0,
    gid: 0,
    user: "",
    group: "",
    inode: 1n,
    deviceId: 1n,
    size: 0,
    links: 1,
    linkTarget: "",
    extendedAttributes: [],
    device: 0n,
    content: [],
    subtree: undefined,
    error: "",
    genericAttributes: undefined,
  };
}

function treeOf(names: readonly string[]): Uint8Array {
  const encoder = new TreeEncoder();
  for (const name of names) encoder.append(encodeNode(node(name)));
  return encoder.finish();
}

const names = fc
  .uniqueArray(
    fc.oneof(fc.string({ minLength: 1, maxLength: 5 }), fc.constantFrom("a", "é", "\u{1f600}", "\uff5e", "\udc80")),
    { maxLength: 30 },
  )
  .map((list) => list.filter((name) => name.isWellFormed() || name === "\udc80").sort(compareNames));

describe("a tree of the parent snapshot", () => {
  test("has every name that was stored and no other, asked for in order", () => {
    fc.assert(
      fc.property(names, names, (stored, asked) => {
        const tree = new ParentTree(treeOf(stored));
        for (const name of asked) {
          const found = tree.find(name);
          expect(found !== undefined).toBe(stored.includes(name));
          if (found !== undefined) {
            expect(found.json).toBe(encodeNode(node(name)));
            expect(found.decode()).toEqual(node(name));
          }
        }
      }),
    );
  });
});

describe("trees of the parent snapshot", () => {
  const sealer = new Sealer(newMasterKey());
  const trees = [
    treeOf(["a", "b"]),
    treeOf(["c"]),
    treeOf(Array.from({ length: 200 }, (_, n) => `n${String(n).padStart(3, "0")}`)),
  ];

  /** A pack of these trees, the last one compressed. `requests` counts how often it was fetched. */
  function pack(change: (bytes: Uint8Array) => void = () => {}): {
    trees: ParentTrees;
    ids: Id[];
    requests: () => number;
  } {
    const index = BlobIndex.create();
    const number = index.addPack(idOf(Buffer.from("pack")));
    const ids = trees.map((tree) => idOf(tree));
    const parts = trees.map((tree, n) => sealer.seal(n === 2 ? new Compressor("auto").compress(tree) : tree));
    let offset = 0;
    for (const [n, part] of parts.entries()) {
      index.add(
        "tree",
        idToBytes(ids[n] as Id),
        0,
        number,
        offset,
        part.length,
        n === 2 ? (trees[2] as Uint8Array).length : 0,
      );
      offset += part.length;
    }
    const bytes = Buffer.concat(parts);
    change(bytes);
    const shared = new SharedArrayBuffer(bytes.length);
    new Uint8Array(shared).set(bytes);
    let requests = 0;
    const requestPack = (): SharedArrayBuffer => (requests++, shared);
    const parent = new ParentTrees({
      index,
      sealer,
      decompressor: new Decompressor(),
      cacheBytes: 1_000_000,
      requestPack,
    });
    return { trees: parent, ids, requests: () => requests };
  }

  test("are read from packs that are fetched once, compressed or not", () => {
    const { trees: parent, ids, requests } = pack();
    const [first, second, third] = ids.map((id) => parent.load(id)) as [ParentTree, ParentTree, ParentTree];
    // All are open at once: a later one must not overwrite an earlier one.
    expect(third.find("n000")?.json).toContain('"n000"');
    expect(second.find("c")).toBeDefined();
    expect(first.find("b")).toBeDefined();
    expect(third.find("n199")).toBeDefined();
    expect(requests()).toBe(1);
  });

  test("that are damaged, or that no index lists, are errors of the kind 'corrupt'", () => {
    const { trees: parent, ids } = pack((bytes) => (bytes[20] = (bytes[20] as number) ^ 1));
    const corrupt = expect.toSatisfy((error: unknown) => isHoldfastError(error) && error.kind === "corrupt");
    expect(() => parent.load(ids[0] as Id)).toThrow(corrupt);
    expect(() => parent.load(idOf(Buffer.from("unknown")))).toThrow(corrupt);
    expect(parent.load(ids[1] as Id).find("c")).toBeDefined();
  });
});
