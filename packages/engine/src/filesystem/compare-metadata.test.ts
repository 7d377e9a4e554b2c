import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { TreeNode } from "../format/node.ts";
import { lsetxattr } from "../platform/extended-attributes.ts";
import { utimensat } from "../platform/special-files.ts";
import { metadataDifferences } from "./compare-metadata.ts";
import { lstatNs, readNode } from "./read-metadata.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-compare-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, "file");
writeFileSync(file, "abc");
chmodSync(file, 0o640);
lsetxattr(file, "user.a", Uint8Array.of(1));
utimensat(file, 0n, -1n);
const link = join(folder, "link");
symlinkSync("there", link);
const nodeOf = (path: string): TreeNode => readNode(path, "x", lstatNs(path), { withAtime: false }).node;

describe("metadataDifferences", () => {
  test.each([file, link, folder, "/dev/null"])("a path does not differ from itself", (path) => {
    expect(metadataDifferences(path, nodeOf(path))).toEqual([]);
  });

  const uid = nodeOf(file).uid;
  test.each<[string, Partial<TreeNode>, string[]]>([
    ["type", { type: "fifo" }, ["it is a file instead of a fifo"]],
    ["mode", { mode: 0o4755 }, ["mode is 0640 instead of 4755"]],
    ["owner", { uid: uid + 1 }, [`owner is ${uid} instead of ${uid + 1}`]],
    ["size", { size: 4 }, ["size is 3 instead of 4"]],
    ["one nanosecond", { mtimeNs: 0n }, ["modification time is -0.000000001 instead of 0.000000000"]],
    [
      "a value",
      { extendedAttributes: [{ name: "user.a", value: Uint8Array.of(2) }] },
      ["extended attribute user.a has another value"],
    ],
    [
      "names",
      { extendedAttributes: [{ name: "user.\udcff", value: Uint8Array.of(1) }] },
      ["extended attribute user.\\xff is missing", "extended attribute user.a should not be there"],
    ],
    [
      "what no restore keeps",
      { inode: 1n, ctimeNs: 1n, atimeNs: 1n, links: 7, deviceId: 1n, user: "?", group: "?" },
      [],
    ],
  ])("tells a difference in %s", (_name, changes, differences) => {
    expect(metadataDifferences(file, { ...nodeOf(file), ...changes })).toEqual(differences);
  });

  test("tells the targets of links, and ignores their mode", () => {
    const wanted = { ...nodeOf(link), linkTarget: "elsewhere", mode: 0 };
    expect(metadataDifferences(link, wanted)).toEqual(["link target is 'there' instead of 'elsewhere'"]);
  });

  test("tells the numbers of devices", () => {
    const node = nodeOf("/dev/null");
    expect(metadataDifferences("/dev/null", { ...node, device: 1n })).toEqual([
      `device is ${node.device} instead of 1`,
    ]);
  });
});
