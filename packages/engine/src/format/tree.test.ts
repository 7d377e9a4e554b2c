import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decodePath, encodePath } from "../filesystem/path-bytes.ts";
import { idOf } from "./id.ts";
import { encodeNode, parseNode, type TreeNode } from "./node.ts";
import { decodeTree, iterateTree, treeSlices, TreeEncoder } from "./tree.ts";

const MALFORMED = expect.objectContaining({ code: "ENGINE_MALFORMED" });
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const nodeJson = (name: string): string => encodeNode({ ...parseNode('{"name":"x","type":"file"}'), name });

const node: fc.Arbitrary<TreeNode> = fc
  .record({
    name: fc.oneof(fc.string({ unit: "grapheme" }), fc.uint8Array({ maxLength: 9 }).map(decodePath)),
    linkTarget: fc.constantFrom("", 'q"\\]}{[,', "é"),
    inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    attributes: fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 3 }),
    blobs: fc.nat(3),
  })
  .map(({ name, linkTarget, inode, attributes, blobs }) => ({
    ...parseNode('{"name":"x","type":"file"}'),
    name: decodePath(encodePath(name)),
    linkTarget,
    inode,
    extendedAttributes: attributes.map((value, n) => ({ name: `user.${n}`, value })),
    content: Array.from({ length: blobs }, (_, n) => idOf(Uint8Array.of(n))),
  }));

function encode(nodes: readonly string[]): Uint8Array {
  const encoder = new TreeEncoder();
  for (const json of nodes) encoder.append(json);
  expect(encoder.count).toBe(nodes.length);
  return encoder.finish();
}

describe("TreeEncoder", () => {
  test("writes the nodes as a list, and a newline", () => {
    expect(encode([])).toEqual(Buffer.from('{"nodes":[]}\n'));
    expect(encode(['{"a":1}', '{"b":"é"}'])).toEqual(Buffer.from('{"nodes":[{"a":1},{"b":"é"}]}\n'));
  });

  test("joins its chunks without losing or doubling a byte", () => {
    const nodes = Array.from({ length: 30_000 }, (_, n) => `{"n":${n},"x":"${"é".repeat(n % 300)}"}`);
    expect(Buffer.from(encode(nodes)).equals(Buffer.from(`{"nodes":[${nodes.join(",")}]}\n`))).toBe(true);
  });
});

describe("reading trees", () => {
  test("all ways of reading agree with what was written", () => {
    fc.assert(
      fc.property(fc.array(node, { maxLength: 8 }), fc.boolean(), (nodes, shared) => {
        const texts = nodes.map(encodeNode);
        const plain = encode(texts);
        const bytes = shared ? new Uint8Array(new SharedArrayBuffer(plain.length)) : plain;
        bytes.set(plain);
        const slices = [...treeSlices(bytes)];
        expect(slices.map(({ name }) => name)).toEqual(nodes.map(({ name }) => name));
        expect(slices.map(({ start, end }) => Buffer.from(bytes.slice(start, end)).toString())).toEqual(texts);
        expect(decodeTree(bytes)).toEqual(nodes);
        expect([...iterateTree(bytes)]).toEqual(nodes);
      }),
    );
  });

  test.for([
    ` { "v" : [1,{"nodes":[]},"]}"] , "nodes" :\n[ {"name" : "a","type":"file"} ,\t{"type":"file","name":"b"} ] , "z":null , "y":"x" }\n\n`,
    '{"v":1.5e3,"nodes":[{"name":"a","type":"file"},{"type":"file","x":{"name":"z"},"name":"\\u0062"}],"w":true}',
  ])("unknown fields, white space and another order of fields are read: %s", (text) => {
    const bytes = bytesOf(text);
    expect([...treeSlices(bytes)].map(({ name }) => name)).toEqual(["a", "b"]);
    expect(decodeTree(bytes)).toEqual([...iterateTree(bytes)]);
  });

  test("a name is unquoted as in the node, whatever stands in other texts", () => {
    const names = ['a"b', "\\", "tab\t", decodePath(Uint8Array.of(0xff)), '"},{"name":"x', "é"];
    expect([...treeSlices(encode(names.map(nodeJson)))].map(({ name }) => name)).toEqual(names);
  });

  test("a tree that is cut off anywhere is malformed, and what stands before is still found", () => {
    const whole = encode([nodeJson("a"), nodeJson("b\\")]);
    const end = whole.length - 1;
    for (let length = 0; length < end; length++) {
      const cut = whole.subarray(0, length);
      const found: string[] = [];
      expect(() => {
        for (const { name } of treeSlices(cut)) found.push(name);
      }).toThrow(MALFORMED);
      expect(["a", "b\\"].slice(0, found.length)).toEqual(found);
      expect(() => decodeTree(cut)).toThrow(MALFORMED);
    }
  });

  test.for([
    "[]",
    "{}",
    "null",
    '{"nodes":null}',
    '{"nodes":{}}',
    '{"nodes":[1]}',
    '{"nodes":["name"]}',
    '{"nodes":[{"name":"a","type":"file"},]}',
    '{"nodes":[{"name":"a","type":"file"}{"name":"b","type":"file"}]}',
    '{"nodes":[{"name":"\\\\q","type":"file"}]}',
    '{"nodes":[{"type":"file"}]}',
    '{"nodes":[]}{}',
    '{"nodes":[] "x":1}',
    '{"nodes":[],"x":nonsense}',
    '{"x":1 "nodes":[]}',
    "{nodes:[]}",
  ])("%s is malformed", (text) => {
    const bytes = bytesOf(text);
    expect(() => [...treeSlices(bytes)]).toThrow(MALFORMED);
    expect(() => decodeTree(bytes)).toThrow(MALFORMED);
  });

  test("damage gives nodes or an error that says so, never anything else", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\\\{}[],:')))), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(fc.array(node, { maxLength: 3 }), damage, (nodes, changes) => {
        const bytes = encode(nodes.map(encodeNode));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        for (const read of [
          decodeTree,
          (all: Uint8Array) => [...iterateTree(all)],
          (all: Uint8Array) => [...treeSlices(all)],
        ]) {
          try {
            read(bytes);
          } catch (error) {
            expect(error).toMatchObject({ code: "ENGINE_MALFORMED" });
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("deep nesting in an unknown field is passed without recursion", () => {
    const deep = `{"x":${"[".repeat(100_000)}${"]".repeat(100_000)},"nodes":[${nodeJson("a")}]}`;
    expect([...treeSlices(bytesOf(deep))].map(({ name }) => name)).toEqual(["a"]);
  });
});
