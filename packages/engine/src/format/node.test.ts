import { readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { decodePath } from "../filesystem/path-bytes.ts";
import { GO_ZERO_TIME_NS } from "./go-time.ts";
import { idOf } from "./id.ts";
import { decodeNode, encodeNode, encodeNodeHead, nodeNameProblem, parseNode, type TreeNode } from "./node.ts";

const ownZone = process.env["TZ"];
beforeAll(() => {
  process.env["TZ"] = "UTC";
});
afterAll(() => {
  if (ownZone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = ownZone;
});

const { nodes } = JSON.parse(readFileSync(new URL("./testdata/go-encodings.json", import.meta.url), "utf8")) as {
  nodes: string[];
};
const ID = idOf(new Uint8Array(0));
const FILE: TreeNode = {
  name: "a",
  type: "file",
  mode: 0o644,
  mtimeNs: 0n,
  atimeNs: 0n,
  ctimeNs: 0n,
  uid: 0,
  gid: 0,
  user: "",
  group: "",
  inode: 0n,
  deviceId: 0n,
  size: 0,
  links: 0,
  linkTarget: "",
  extendedAttributes: [],
  device: 0n,
  content: [],
  subtree: undefined,
  error: "",
  genericAttributes: undefined,
};
const T0 = "1970-01-01T00:00:00Z";

describe("encodeNode", () => {
  test.for(nodes)("gives back what restic wrote: %s", (json) => {
    expect(encodeNode(parseNode(json))).toBe(json);
  });

  test("leaves out what is empty, but never times, owner and content", () => {
    expect(encodeNode({ ...FILE, mode: 0 })).toBe(
      `{"name":"a","type":"file","mtime":"${T0}","atime":"${T0}","ctime":"${T0}","uid":0,"gid":0,"content":[]}`,
    );
  });

  test("the type of an entry and its special bits become bits of Go's mode", () => {
    const modeOf = (type: TreeNode["type"], mode: number): string | undefined =>
      /"mode":(\d+)/.exec(encodeNode({ ...FILE, type, mode }))?.[1];
    expect(modeOf("dir", 0o1777)).toBe(String(2 ** 31 + 2 ** 20 + 0o777));
    expect(modeOf("file", 0o6755)).toBe(String(2 ** 23 + 2 ** 22 + 0o755));
    expect(modeOf("symlink", 0o777)).toBe(String(2 ** 27 + 0o777));
    expect(modeOf("dev", 0)).toBe(String(2 ** 26));
    expect(modeOf("chardev", 0)).toBe(String(2 ** 26 + 2 ** 21));
    expect(modeOf("fifo", 0)).toBe(String(2 ** 25));
    expect(modeOf("socket", 0)).toBe(String(2 ** 24));
    expect(modeOf("irregular", 0)).toBe(String(2 ** 19));
  });

  test("the text of the owner follows the node, not the one before", () => {
    const texts = [
      { ...FILE, uid: 1, user: "a" },
      { ...FILE, uid: 1, user: "b" },
      { ...FILE, gid: 1, user: "b" },
      { ...FILE, group: "g" },
    ].map((node) => /"uid".*(?=,"content)/.exec(encodeNode(node))?.[0]);
    expect(texts).toEqual([
      '"uid":1,"gid":0,"user":"a"',
      '"uid":1,"gid":0,"user":"b"',
      '"uid":0,"gid":1,"user":"b"',
      '"uid":0,"gid":0,"group":"g"',
    ]);
  });

  test("a link target that is not UTF-8 is also stored as bytes", () => {
    const linkTarget = decodePath(Uint8Array.of(0x61, 0xff));
    const json = encodeNode({ ...FILE, type: "symlink", linkTarget, content: null });
    expect(json).toContain(String.raw`"linktarget":"a\ufffd","linktarget_raw":"Yf8=",`);
    expect(parseNode(json).linkTarget).toBe(linkTarget);
  });

  test("the head is all that stands before the content", () => {
    for (const json of nodes) {
      const head = encodeNodeHead(parseNode(json));
      expect(json.startsWith(`${head}"content":`)).toBe(true);
    }
  });
});

describe("parseNode", () => {
  const parse = (fields: string): TreeNode => parseNode(`{"name":"n","type":"file"${fields}}`);

  test("fields that are absent or null have their empty value", () => {
    const empty = {
      ...FILE,
      name: "n",
      mode: 0,
      mtimeNs: GO_ZERO_TIME_NS,
      atimeNs: GO_ZERO_TIME_NS,
      ctimeNs: GO_ZERO_TIME_NS,
      content: null,
    };
    expect(parse("")).toEqual(empty);
    expect(parse(',"inode":null,"user":null,"content":null,"extended_attributes":null,"subtree":null')).toEqual(empty);
  });

  test("numbers past 2^53 keep every digit", () => {
    expect(parse(',"inode":18446744073709551615,"device_id":9007199254740993,"device":9007199254740995')).toMatchObject(
      {
        inode: 18446744073709551615n,
        deviceId: 9007199254740993n,
        device: 9007199254740995n,
      },
    );
  });

  test("a value that was parsed with loss is refused, not stored wrongly", () => {
    expect(() => decodeNode(JSON.parse('{"name":"n","type":"file","inode":9007199254740993}'))).toThrow(
      expect.objectContaining({ code: "ENGINE_MALFORMED" }),
    );
  });

  test.for([
    ',"inode":18446744073709551616',
    ',"inode":-1',
    ',"inode":1.5',
    ',"inode":"1"',
    `,"inode":${"9".repeat(5000)}`,
    ',"size":9007199254740993',
    ',"size":-1',
    ',"uid":4294967296',
    ',"mode":4294967296',
    ',"links":true',
    ',"mtime":"yesterday"',
    ',"mtime":0',
    ',"user":1',
    ',"content":"x"',
    ',"content":["x"]',
    `,"content":["${ID}",null]`,
    ',"subtree":"x"',
    ',"linktarget_raw":"!"',
    ',"extended_attributes":{}',
    ',"extended_attributes":[1]',
    ',"extended_attributes":[{"name":"a","value":"x"}]',
    ',"generic_attributes":[]',
    ',"type":"door"',
    ',"type":"__proto__"',
    ',"name":"\\\\q"',
    ',"name":7',
    ",",
  ])("refuses %s", (fields) => {
    expect(() => parse(fields)).toThrow(expect.objectContaining({ code: "ENGINE_MALFORMED" }));
  });

  test.for(["null", "[]", "1", "", '{"name":"n"}', '{"type":"file"}'])("refuses %j as a node", (json) => {
    expect(() => parseNode(json)).toThrow(expect.objectContaining({ code: "ENGINE_MALFORMED" }));
  });
});

describe("nodeNameProblem", () => {
  test.for(["", ".", "..", "a/b", "/", "../x", "a\0b"])("%j must not be used as a path", (name) => {
    expect(nodeNameProblem(name)).toBeTypeOf("string");
  });

  test.for(["a", "...", ".a", "a..", "\\", "\n", " ", "\udcff"])("%j may be used", (name) => {
    expect(nodeNameProblem(name)).toBeUndefined();
  });
});
