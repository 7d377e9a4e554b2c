import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { TreeNode } from "../format/node.ts";
import { llistxattr, lsetxattr } from "../platform/extended-attributes.ts";
import { applyMetadata } from "./apply-metadata.ts";
import { metadataDifferences } from "./compare-metadata.ts";
import { createNode } from "./create-node.ts";
import { lstatNs, readNode } from "./read-metadata.ts";

const root = process.geteuid?.() === 0;
const hasAclTools = spawnSync("setfacl", ["--version"]).status === 0;
const folder = mkdtempSync(join(tmpdir(), "holdfast-apply-"));
// Other users get at it in the tests of unprivileged restores.
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let paths = 0;
const newPath = (): string => join(folder, `path-${paths++}`);
const newFile = (): string => {
  const path = newPath();
  writeFileSync(path, "");
  return path;
};
const nodeOf = (path: string, changes: Partial<TreeNode> = {}): TreeNode => ({
  ...readNode(path, "x", lstatNs(path), { withAtime: true }).node,
  ...changes,
});

describe("applyMetadata", () => {
  test.each([
    ["the present", 1_700_000_000_123_456_789n],
    ["before 1970", -86_400_000_000_001n],
  ])("mode, attributes and times of %s come back", (_name, mtimeNs) => {
    const wanted = nodeOf(newFile(), {
      mode: 0o640,
      mtimeNs,
      atimeNs: mtimeNs - 1n,
      extendedAttributes: [{ name: "user.a", value: Uint8Array.of(1, 0, 2) }],
    });
    const target = newFile();
    expect(applyMetadata(target, wanted)).toEqual([]);
    expect(metadataDifferences(target, wanted)).toEqual([]);
    expect(lstatNs(target).atimeNs).toBe(mtimeNs - 1n);
  });

  test("attributes that the node does not have are removed", () => {
    const target = newFile();
    const wanted = nodeOf(target);
    lsetxattr(target, "user.old", Uint8Array.of(1));
    expect(applyMetadata(target, wanted)).toEqual([]);
    expect(llistxattr(target)).not.toContain("user.old");
  });

  test("a link gets its own times, and its target is left alone", () => {
    const file = newFile();
    const before = nodeOf(file);
    const link = newPath();
    symlinkSync(file, link);
    const wanted = nodeOf(link, { mtimeNs: 3n, atimeNs: 2n });
    expect(applyMetadata(link, wanted)).toEqual([]);
    expect(metadataDifferences(link, wanted)).toEqual([]);
    expect(metadataDifferences(file, before)).toEqual([]);
  });

  test("a problem with one aspect does not keep the others from being applied", () => {
    const target = newFile();
    const extendedAttributes = [
      { name: "nonsense", value: Uint8Array.of(1) },
      { name: "user.good", value: Uint8Array.of(2) },
    ];
    const wanted = nodeOf(target, { mode: 0o604, mtimeNs: 9n, extendedAttributes });
    expect(applyMetadata(target, wanted)).toEqual([
      {
        aspect: "extended attribute",
        code: "ENOTSUP",
        reason: "the extended attribute nonsense cannot be set: ENOTSUP: operation not supported",
      },
    ]);
    expect(metadataDifferences(target, wanted)).toEqual(["extended attribute nonsense is missing"]);
  });

  test("a path that does not exist is a problem for each aspect, not a throw", () => {
    const wanted = nodeOf(newFile());
    const problems = applyMetadata(join(folder, "absent"), wanted);
    expect(problems.map(({ aspect, code }) => `${aspect} ${code}`)).toEqual([
      "owner ENOENT",
      "extended attribute ENOENT",
      "mode ENOENT",
      "times ENOENT",
    ]);
  });

  test.skipIf(!root)("setuid and setgid survive the change of owner (needs root)", () => {
    for (const mode of [0o4755, 0o2755, 0o6711]) {
      const target = newFile();
      const wanted = nodeOf(target, { uid: 12_345, gid: 23_456, mode });
      expect(applyMetadata(target, wanted)).toEqual([]);
      expect(metadataDifferences(target, wanted)).toEqual([]);
    }
  });

  test.skipIf(!root)("file capabilities survive the change of owner (needs root)", () => {
    const target = newFile();
    // Version 2, effective, CAP_NET_BIND_SERVICE.
    const value = Buffer.from("0100000200040000000000000000000000000000", "hex");
    const wanted = nodeOf(target, { uid: 12_345, extendedAttributes: [{ name: "security.capability", value }] });
    expect(applyMetadata(target, wanted)).toEqual([]);
    expect(metadataDifferences(target, wanted)).toEqual([]);
  });

  test.skipIf(!root)("with owners left alone, a file of another owner loses setuid and says so (needs root)", () => {
    const target = newFile();
    const wanted = nodeOf(target, { uid: 12_345, mode: 0o4755 });
    expect(applyMetadata(target, wanted, { owner: false })).toMatchObject([{ aspect: "mode", code: "EPERM" }]);
    expect(lstatNs(target)).toMatchObject({ uid: 0, mode: 0o755 });
    expect(applyMetadata(target, { ...wanted, uid: 0 }, { owner: false })).toEqual([]);
    expect(lstatNs(target).mode).toBe(0o4755);
  });

  test.skipIf(!hasAclTools)("access and default ACLs come back with the mode that shows them (needs setfacl)", () => {
    const source = newPath();
    mkdirSync(source);
    execFileSync("setfacl", ["-m", "u:12345:rwx,g:23456:r,d:u:12345:rx,m::rx", source]);
    const wanted = nodeOf(source);
    expect(wanted.extendedAttributes.map(({ name }) => name).sort()).toEqual([
      "system.posix_acl_access",
      "system.posix_acl_default",
    ]);
    const target = newPath();
    mkdirSync(target);
    expect(applyMetadata(target, wanted)).toEqual([]);
    expect(metadataDifferences(target, wanted)).toEqual([]);
    const acl = (path: string): string => execFileSync("getfacl", ["-cnp", path], { encoding: "utf8" });
    expect(acl(target)).toBe(acl(source));
  });

  test.skipIf(!hasAclTools)("an ACL that a new file inherits is removed when the node has none (needs setfacl)", () => {
    const parent = newPath();
    mkdirSync(parent);
    const wanted = nodeOf(newFile(), { mode: 0o664 });
    execFileSync("setfacl", ["-m", "d:u:12345:rwx", parent]);
    const target = join(parent, "new");
    writeFileSync(target, "");
    expect(llistxattr(target)).toContain("system.posix_acl_access");
    expect(applyMetadata(target, wanted)).toEqual([]);
    expect(metadataDifferences(target, wanted)).toEqual([]);
  });
});

/** Runs `applyMetadata` as another user on a file of that user. */
function applyUnprivileged(path: string, changes: object, options: object): unknown {
  const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `
    const { applyMetadata } = await import(${url("./apply-metadata.ts")});
    const { lstatNs, readNode } = await import(${url("./read-metadata.ts")});
    const revive = (key, value) => (key === "value" ? Uint8Array.from(value) : value);
    const [path, changes, options] = JSON.parse(process.argv[1], revive);
    const { node } = readNode(path, "x", lstatNs(path), { withAtime: false });
    const problems = applyMetadata(path, { ...node, ...changes }, options);
    console.log(JSON.stringify(problems.map(({ aspect, code }) => aspect + " " + code)));`;
  const args = ["--input-type=module", "--eval", script, JSON.stringify([path, changes, options])];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: {},
    uid: 54_321,
    gid: 54_321,
    cwd: "/",
  });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

describe.skipIf(!root)("without root (needs root to become somebody else)", () => {
  const ownFile = (): string => {
    const path = newFile();
    chownSync(path, 54_321, 54_321);
    return path;
  };

  test("an owner that cannot be given is not reported unless asked for", () => {
    const path = ownFile();
    expect(applyUnprivileged(path, { uid: 0, mode: 0o604 }, {})).toEqual([]);
    expect(lstatNs(path)).toMatchObject({ uid: 54_321, mode: 0o604 });
    expect(applyUnprivileged(path, { uid: 0 }, { owner: true })).toEqual(["owner EPERM"]);
  });

  test("setuid of a file that should be root's is left out and reported", () => {
    const path = ownFile();
    expect(applyUnprivileged(path, { uid: 0, mode: 0o4755 }, {})).toEqual(["mode EPERM"]);
    expect(lstatNs(path).mode).toBe(0o755);
    expect(applyUnprivileged(path, { mode: 0o4755 }, {})).toEqual([]);
    expect(lstatNs(path).mode).toBe(0o4755);
  });

  test("a read-only mode does not keep attributes from being set", () => {
    const path = ownFile();
    const extendedAttributes = [{ name: "user.a", value: [1, 2] }];
    expect(applyUnprivileged(path, { mode: 0o444, extendedAttributes }, {})).toEqual([]);
    expect(nodeOf(path)).toMatchObject({
      mode: 0o444,
      extendedAttributes: [{ name: "user.a", value: Uint8Array.of(1, 2) }],
    });
  });

  test("what belongs to others is a problem for mode and times", () => {
    const path = newFile();
    expect(applyUnprivileged(path, { mode: 0o777 }, {})).toEqual(["mode EPERM", "times EPERM"]);
  });
});

describe("createNode", () => {
  test("makes a link with the exact bytes of its target", () => {
    const path = newPath();
    const link = nodeOf("/proc/self/exe", { type: "symlink", linkTarget: "t-\udcff" });
    createNode(path, link);
    expect(nodeOf(path).linkTarget).toBe("t-\udcff");
  });

  test.skipIf(!root).each(["dev", "chardev"] as const)("makes a %s with its number (needs root)", (type) => {
    const path = newPath();
    const wanted = nodeOf("/dev/null", { type, device: 0x0010_0203n, mode: 0o660, links: 1 });
    createNode(path, wanted);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(applyMetadata(path, wanted)).toEqual([]);
    expect(metadataDifferences(path, wanted)).toEqual([]);
  });

  test.each(["fifo", "symlink"] as const)("a %s never replaces or follows what is there", (type) => {
    const victim = newFile();
    const wanted = nodeOf(victim, { type, linkTarget: "elsewhere" });
    const dangling = newPath();
    symlinkSync(join(folder, "must not appear"), dangling);
    for (const path of [victim, dangling]) {
      expect(() => createNode(path, wanted)).toThrow(expect.objectContaining({ code: "EEXIST" }));
    }
    expect(readFileSync(victim)).toHaveLength(0);
    expect(() => lstatSync(join(folder, "must not appear"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  test("a link whose target no link can have is refused by the system's code", () => {
    const path = newPath();
    const wanted = nodeOf(newFile(), { type: "symlink", linkTarget: "a\0b" });
    expect(() => createNode(path, wanted)).toThrow(expect.objectContaining({ code: "EINVAL" }));
    expect(() => lstatSync(path)).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  test.each(["file", "dir", "socket", "irregular"] as const)("a %s is not its business", (type) => {
    expect(() => createNode(newPath(), nodeOf("/dev/null", { type }))).toThrow(RangeError);
  });
});
