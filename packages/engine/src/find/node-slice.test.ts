import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { node } from "../../test/made-repository.ts";
import { idOf, type Id } from "../format/id.ts";
import { encodeNode, parseNode, type TreeNode } from "../format/node.ts";
import { TreeEncoder, treeSlices } from "../format/tree.ts";
import { jsonWithoutContent, subtreeOfSlice, typeOfSlice, wantedInSlice } from "./node-slice.ts";
import { WantedIds } from "./wanted-ids.ts";

const id = (text: string): Id => idOf(Buffer.from(text));
const WANTED = [id("wanted"), id("wanted too")];
const CONTENT = [id("wanted"), id("other"), id("wanted"), id("wanted too")];

/** What all of the functions say of the nodes of a tree. */
function look(bytes: Uint8Array): unknown[] {
  const wanted = new WantedIds(WANTED);
  return [...treeSlices(bytes)].map((slice) => ({
    type: typeOfSlice(bytes, slice, "a tree"),
    subtree: subtreeOfSlice(bytes, slice, "a tree"),
    wanted: wantedInSlice(bytes, slice, wanted, "a tree"),
    node: parseNode(jsonWithoutContent(bytes, slice, "a tree")),
  }));
}

function expected(nodes: readonly TreeNode[]): unknown[] {
  return nodes.map((each) => ({
    type: each.type === "dir" ? "folder" : each.type === "file" ? "file" : "other",
    subtree: each.subtree,
    wanted: WANTED.filter((wanted) => each.content?.includes(wanted) === true),
    node: { ...each, content: each.content === null ? null : [] },
  }));
}

const NODES: readonly TreeNode[] = [
  node("plain", { content: CONTENT, size: 4 }),
  node("empty"),
  node("one", { content: [id("wanted too")] }),
  node('quoted " \\ name', { content: CONTENT }),
  node('","type":"dir"'),
  node("é日本\udcff", { content: CONTENT }),
  node("folder", { type: "dir", subtree: id("folder") }),
  node("lost", { type: "dir", error: "could not be read" }),
  node("with error", { content: CONTENT, error: `]} "subtree":"${id("x")}"` }),
  node("folder with error", { type: "dir", subtree: id("folder"), error: "x" }),
  node("link", { type: "symlink", linkTarget: `"subtree":"${id("no")}"` }),
  node("device", { type: "dev", device: 5n }),
  node("attributes", {
    content: CONTENT,
    extendedAttributes: [{ name: "user.content", value: new Uint8Array(Buffer.from('"content":[')) }],
  }),
];

function encode(nodes: readonly TreeNode[], change: (json: string) => string = (json) => json): Uint8Array {
  const encoder = new TreeEncoder();
  for (const each of nodes) encoder.append(change(encodeNode(each)));
  return encoder.finish();
}

describe("a look at a node says what parsing it says", () => {
  test("in the layout that restic writes", () => {
    expect(look(encode(NODES))).toEqual(expected(NODES));
  });

  test("with white space in it", () => {
    const spaced = encode(NODES, (json) => JSON.stringify(JSON.parse(json), undefined, 1));
    expect(look(spaced)).toEqual(expected(NODES));
  });

  test("with its fields in any order", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(...NODES), (seed, each) => {
        const shuffled = encode([each], (json) => {
          const fields = Object.entries(JSON.parse(json) as object);
          const at = seed % fields.length;
          return JSON.stringify(Object.fromEntries([...fields.slice(at), ...fields.slice(0, at)]));
        });
        expect(look(shuffled)).toEqual(expected([each]));
      }),
      { numRuns: 300 },
    );
  });

  test("a long list of content is found from the back", () => {
    const content = Array.from({ length: 20_000 }, (_, n) => id(String(n)));
    const file = node("large", { content: [...content, id("wanted")] });
    expect(look(encode([file]))).toEqual(expected([file]));
  });

  test("damaged bytes throw a known error or give an answer, whatever they are", () => {
    const good = encode(NODES);
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const bytes = new Uint8Array(good);
        bytes[at] = value;
        try {
          look(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "ENGINE_MALFORMED" });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test("wanted ids are told from others that begin alike", () => {
  const wanted = new WantedIds(WANTED);
  const alike = `${(WANTED[0] as string).slice(0, 60)}0000`;
  expect(wanted.at(Buffer.from(`x${WANTED[0]}`), 1)).toBe(WANTED[0]);
  expect(wanted.at(Buffer.from(alike), 0)).toBeUndefined();
  expect([wanted.isEmpty, new WantedIds([]).isEmpty]).toEqual([false, true]);
});
