import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { node } from "../../test/made-repository.ts";
import { idFromBytes, idOf, type Id } from "../format/id.ts";
import { encodeNode } from "../format/node.ts";
import { decodeTree, TreeEncoder } from "../format/tree.ts";
import { TreeReferences } from "./tree-references.ts";

/** References as `d` or `t` and the id, in stored order. */
function referencesOf(bytes: Uint8Array): string[] {
  const found: string[] = [];
  new TreeReferences({
    data: (id) => found.push(`d ${idFromBytes(id)}`),
    tree: (id) => found.push(`t ${idFromBytes(id)}`),
  }).read(bytes);
  return found;
}

function referencesIn(json: string): string[] {
  return referencesOf(Buffer.from(json));
}

const A = "ab".repeat(32);
const B = "12".repeat(32);
const id = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes): Id => idOf(bytes));
const name = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.constantFrom('"content":["', '","subtree":"', "\\", "}]}", "ü\udc80"),
);
const entry = fc.oneof(
  fc.record({ name, content: fc.array(id, { maxLength: 4 }) }).map(({ name: of, content }) => node(of, { content })),
  fc.record({ name, subtree: id }).map(({ name: of, subtree }) => node(of, { type: "dir", subtree })),
  fc.record({ name, linkTarget: name }).map(({ name: of, linkTarget }) => node(of, { type: "symlink", linkTarget })),
);

describe("what a tree refers to", () => {
  test("is what its nodes refer to, whatever names and values hold", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), fc.boolean(), (nodes, isSpaced) => {
        const encoder = new TreeEncoder();
        for (const each of nodes) encoder.append(encodeNode(each));
        const compact = encoder.finish();
        const expected = decodeTree(compact).flatMap((each) => [
          ...(each.content ?? []).map((of) => `d ${of}`),
          ...(each.subtree === undefined ? [] : [`t ${each.subtree}`]),
        ]);
        const text = Buffer.from(compact).toString("utf8");
        const bytes = isSpaced ? Buffer.from(JSON.stringify(JSON.parse(text), null, 1)) : compact;
        expect(referencesOf(bytes)).toEqual(expected);
      }),
    );
  });

  test.for<[json: string, references: string[]]>([
    [`{"nodes":[]}`, []],
    [`{"nodes":null}`, []],
    [` { "other" : [ { "content" : [ "x" ] } ] , "nodes" : [ { "subtree" : "${A}" } ] } \n`, [`t ${A}`]],
    [`{"nodes":[{"subtree":null,"content":null},{"content":[]}]}`, []],
    [`{"nodes":[{"content":["${A}","${B}"],"name":"x","subtree":"${B}"}]}`, [`d ${A}`, `d ${B}`, `t ${B}`]],
    [`{"nodes":[{"\\u0063ontent":["${A}"]}]}`, [`d ${A}`]],
    [`{"NODES":[{"Content":["${A.toUpperCase()}"],"SubTree":"${B}"}]}`, [`d ${A}`, `t ${B}`]],
    [`{"nodes":[{"x":{"content":["no"],"subtree":"no"},"y":[[],{"subtree":"]}"}],"z":-1.5e3}]}`, []],
    [`{"nodes":[{"name":"\\\\","subtree":"${A}"},{"name":"\\"","subtree":"${B}"}]}`, [`t ${A}`, `t ${B}`]],
    [`{"nodes":[{"type":"symlink","content":["${A}"]}]}`, [`d ${A}`]],
    [`{"nodes":[{"subtree":"${A}"}],"nodes":[{"subtree":"${B}"}]}`, [`t ${A}`, `t ${B}`]],
  ])("%s", ([json, references]) => {
    expect(referencesIn(json)).toEqual(references);
  });

  test.for([
    ``,
    `null`,
    `[]`,
    `{}`,
    `{"nodes":{}}`,
    `{"nodes":[1]}`,
    `{"nodes":[null]}`,
    `{"nodes":[{"subtree":"${A}"}]`,
    `{"nodes":[{"subtree":"${A}"}]}}`,
    `{"nodes":[{"subtree":"${A.slice(2)}"}]}`,
    `{"nodes":[{"subtree":"${A}ab"}]}`,
    `{"nodes":[{"subtree":"g${A.slice(1)}"}]}`,
    `{"nodes":[{"subtree":7}]}`,
    `{"nodes":[{"content":"${A}"}]}`,
    `{"nodes":[{"content":[null]}]}`,
    `{"nodes":[{"content":["${A}"}]}`,
    `{"nodes":[{"content"["${A}"]}]}`,
    `{"nodes":[{"a":1"subtree":"${A}"}]}`,
    `{"nodes":[{"a":}]}`,
    `{"nodes":[{"a":"open}]}`,
    `{"nodes":[{"a":{]}`,
  ])("%s is malformed", (json) => {
    expect(() => referencesIn(json)).toThrow(expect.objectContaining({ code: "ENGINE_MALFORMED" }));
  });

  test("a tree that is cut anywhere is malformed, and never read as a smaller one", () => {
    const json = `{"nodes":[{"name":"a","content":["${A}"]},{"name":"b","subtree":"${B}"}]}`;
    for (let length = 0; length < json.length; length++) {
      expect(() => referencesIn(json.slice(0, length)), String(length)).toThrow(
        expect.objectContaining({ code: "ENGINE_MALFORMED" }),
      );
    }
  });
});
