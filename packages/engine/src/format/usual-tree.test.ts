import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareNames } from "../filesystem/path-bytes.ts";
import { idFromBytes, idOf, type Id } from "./id.ts";
import { encodeNode, nodeNameProblem, parseNode, type TreeNode } from "./node.ts";
import { decodeTree, TreeEncoder } from "./tree.ts";
import { USUAL_FILE, USUAL_FOLDER, USUAL_OTHER, UsualTreeReader } from "./usual-tree.ts";

interface Entry {
  readonly name: string;
  readonly kind: number;
  readonly sizeBytes: number;
  readonly content: Id[];
  readonly subtrees: Id[];
}

/** What the reader makes of a tree; `undefined` when the layout is not the usual one. */
function read(bytes: Uint8Array): Entry[] | undefined {
  const entries: Entry[] = [];
  const reader = new UsualTreeReader({
    entry(kind, sizeBytes, nameStart, nameEnd) {
      const name = Buffer.from(bytes.subarray(nameStart, nameEnd)).toString("latin1");
      entries.push({ name, kind, sizeBytes, content: [], subtrees: [] });
    },
    data: (id) => void entries.at(-1)?.content.push(idFromBytes(id)),
    subtree: (id) => void entries.at(-1)?.subtrees.push(idFromBytes(id)),
  });
  return reader.read(bytes) ? entries : undefined;
}

function summaryOf({ name, type, size, content, subtree }: TreeNode): Entry {
  const kind = type === "file" ? USUAL_FILE : type === "dir" ? USUAL_FOLDER : USUAL_OTHER;
  return { name, kind, sizeBytes: size, content: content ?? [], subtrees: subtree === undefined ? [] : [subtree] };
}

function encode(nodes: readonly TreeNode[]): Uint8Array {
  const encoder = new TreeEncoder();
  for (const node of nodes) encoder.append(encodeNode(node));
  return encoder.finish();
}

const EMPTY = parseNode('{"name":"x","type":"file"}');
const times = fc.bigInt({ min: -1_000_000_000_000_000_000n, max: 4_000_000_000_000_000_000n });
const small = fc.nat(0xffff_ffff);

/** A node such as restic and Holdfast write for the files, folders and links of most people. */
const usualNode: fc.Arbitrary<TreeNode> = fc
  .record({
    name: fc.stringMatching(/^[!#-%'-.0-;=?-[\]-~]{1,12}$/).filter((name) => nodeNameProblem(name) === undefined),
    type: fc.constantFrom("file" as const, "dir" as const, "symlink" as const),
    mode: fc.nat(0o7777),
    mtimeNs: times,
    ctimeNs: times,
    uid: small,
    gid: small,
    user: fc.constantFrom("", "root"),
    group: fc.constantFrom("", "users"),
    inode: fc.bigInt({ min: 0n, max: 10n ** 15n - 1n }),
    size: fc.nat(),
    links: fc.nat(3),
    blobs: fc.nat(3),
  })
  .map(({ blobs, ...node }) => ({
    ...EMPTY,
    ...node,
    atimeNs: node.mtimeNs,
    linkTarget: node.type === "symlink" ? "../to" : "",
    content: node.type === "file" ? Array.from({ length: blobs }, (_, n) => idOf(Uint8Array.of(n))) : null,
    subtree: node.type === "dir" ? idOf(Uint8Array.of(blobs)) : undefined,
  }));

const usualTree = fc
  .uniqueArray(usualNode, { maxLength: 6, selector: ({ name }) => name })
  .map((nodes) => nodes.toSorted((a, b) => compareNames(a.name, b.name)));

describe("the usual layout of trees", () => {
  test("what we write is read, and says what decoding says", () => {
    fc.assert(
      fc.property(usualTree, fc.boolean(), (nodes, shared) => {
        const plain = encode(nodes);
        const bytes = shared ? new Uint8Array(new SharedArrayBuffer(plain.length)) : plain;
        bytes.set(plain);
        expect(read(bytes)).toEqual(nodes.map(summaryOf));
      }),
      { numRuns: 300 },
    );
  });

  test("whatever is changed in a tree: what is still accepted, decoding accepts and reads alike", () => {
    let accepted = 0;
    const change = fc.record({
      at: fc.nat(),
      kind: fc.constantFrom("replace", "remove", "insert", "double"),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('0129",:{}[]-.TZ+\\/null '))),
    });
    fc.assert(
      fc.property(usualTree, fc.array(change, { minLength: 1, maxLength: 2 }), (nodes, changes) => {
        let bytes: Uint8Array = encode(nodes);
        for (const { at, kind, byte } of changes) {
          const place = at % bytes.length;
          const rest = kind === "replace" || kind === "remove" ? place + 1 : place;
          const put = kind === "remove" ? [] : kind === "double" ? bytes.subarray(place, place + 20) : [byte];
          bytes = Uint8Array.from([...bytes.subarray(0, place), ...put, ...bytes.subarray(rest)]);
        }
        const entries = read(bytes);
        if (entries === undefined) return;
        accepted++;
        const decoded = decodeTree(bytes);
        expect(entries).toEqual(decoded.map(summaryOf));
        for (const { name } of decoded) expect(nodeNameProblem(name)).toBeUndefined();
      }),
      { numRuns: 4000 },
    );
    // Digits of times and sizes can be changed without harm, so that some must be left.
    expect(accepted).toBeGreaterThan(100);
  });

  const node = (fields: Partial<TreeNode>): TreeNode => ({ ...EMPTY, content: [], ...fields });
  const unusual: [string, TreeNode[]][] = [
    ["names out of order", [node({ name: "b" }), node({ name: "a" })]],
    ["a name that is there twice", [node({ name: "a" }), node({ name: "a" })]],
    ["a name that begins another, behind it", [node({ name: "ab" }), node({ name: "a" })]],
    ["the name of the folder above", [node({ name: ".." })]],
    ["the name of the folder itself", [node({ name: "." })]],
    ["no name", [node({ name: "" })]],
    ["a name with a slash", [node({ name: "a/b" })]],
    ["a name that is escaped", [node({ name: 'a"' })]],
    ["a file without a list of content", [node({ content: null })]],
    ["a folder without a tree", [node({ type: "dir", content: null })]],
    ["a device", [node({ type: "dev", content: null, device: 5n })]],
    ["extended attributes", [node({ extendedAttributes: [{ name: "user.a", value: Uint8Array.of(1) }] })]],
    ["an error", [node({ error: "cannot be read" })]],
    ["a number that is not exact as a double", [node({ inode: 2n ** 64n - 1n })]],
  ];
  test.each(unusual)("left to others: %s", (_, nodes) => {
    expect(read(encode(nodes))).toBeUndefined();
  });

  test.each(["2026-02-29", "2026-13-01", "2026-04-31", "1900-02-29", "2026-00-10", "2026-01-00"])(
    "a day that does not exist: %s",
    (day) => {
      const tree = encode([node({ mtimeNs: 1_000_000_000_000_000_000n })]);
      const text = Buffer.from(tree)
        .toString()
        .replaceAll(/"mtime":"[^T]+T/g, `"mtime":"${day}T`);
      expect(read(Buffer.from(text))).toBeUndefined();
    },
  );

  test.each(["2024-02-29", "2000-02-29", "2026-12-31", "2026-04-30"])("a day at the end of a month: %s", (day) => {
    const tree = encode([node({ mtimeNs: 1_000_000_000_000_000_000n })]);
    const text = Buffer.from(tree)
      .toString()
      .replaceAll(/"mtime":"[^T]+T/g, `"mtime":"${day}T`);
    expect(read(Buffer.from(text))).toHaveLength(1);
  });
});
