import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { TreeNode } from "../format/node.ts";
import { lsetxattr } from "../platform/extended-attributes.ts";
import { mknod, utimensat } from "../platform/special-files.ts";
import { encodePath } from "./path-bytes.ts";
import { lstatNs, readNode } from "./read-metadata.ts";

const root = process.geteuid?.() === 0;
const hasPython = spawnSync("python3", ["--version"]).status === 0;
const folder = mkdtempSync(join(tmpdir(), "holdfast-read-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (path: string, withAtime = false): TreeNode => {
  const { node, problems } = readNode(path, "name in the tree", lstatNs(path), { withAtime });
  expect(problems).toEqual([]);
  return node;
};

test("a file has all of its metadata, and the name it is stored under", () => {
  const path = join(folder, "file");
  writeFileSync(path, "12345");
  linkSync(path, join(folder, "second name"));
  chmodSync(path, 0o4751);
  lsetxattr(path, "user.b", Uint8Array.of(0, 255));
  utimensat(path, 7n, -1_500_000_000n);
  const stat = lstatSync(path, { bigint: true });
  const { uid, gid, username } = userInfo();
  expect(read(path)).toEqual({
    name: "name in the tree",
    type: "file",
    mode: 0o4751,
    mtimeNs: -1_500_000_000n,
    atimeNs: -1_500_000_000n,
    ctimeNs: stat.ctimeNs,
    uid,
    gid,
    user: username,
    group: execFileSync("id", ["-gn"], { encoding: "utf8" }).trim(),
    inode: stat.ino,
    deviceId: stat.dev,
    size: 5,
    links: 2,
    linkTarget: "",
    extendedAttributes: [{ name: "user.b", value: Uint8Array.of(0, 255) }],
    device: 0n,
    content: [],
    subtree: undefined,
    error: "",
    genericAttributes: undefined,
  });
});

test("the time of access is kept only when asked for", () => {
  const path = join(folder, "times");
  writeFileSync(path, "");
  utimensat(path, 1_000_000_001n, 2_000_000_002n);
  expect(read(path).atimeNs).toBe(2_000_000_002n);
  expect(read(path, true).atimeNs).toBe(1_000_000_001n);
});

test("a folder has neither size nor links nor content", () => {
  const path = join(folder, "folder");
  mkdirSync(join(path, "below"), { recursive: true });
  chmodSync(path, 0o3755);
  expect(read(path)).toMatchObject({ type: "dir", mode: 0o3755, size: 0, links: 0, content: null, subtree: undefined });
});

test("a link has the exact bytes of its target, its own times and its link count, and no size", () => {
  const path = join(folder, "link");
  symlinkSync(Buffer.from([0x2e, 0x2e, 0x2f, 0xe4, 0xff]), path);
  utimensat(path, 5n, 6n);
  expect(read(path)).toMatchObject({
    type: "symlink",
    linkTarget: "../\udce4\udcff",
    size: 0,
    links: 1,
    mtimeNs: 6n,
    content: null,
  });
});

test("a name that is not UTF-8 is read", () => {
  const path = join(folder, "bad-\udcfe-name");
  writeFileSync(Buffer.from(encodePath(path)), "x");
  expect(read(path)).toMatchObject({ type: "file", size: 1 });
});

test("a pipe has no links, size or device", () => {
  const path = join(folder, "pipe");
  mknod(path, 0o010600, 0n);
  expect(read(path)).toMatchObject({ type: "fifo", mode: 0o600, links: 0, size: 0, device: 0n, content: null });
});

test("a socket is told apart", async () => {
  const path = join(folder, "socket");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const { type, links } = read(path);
  await new Promise((resolve) => server.close(resolve));
  expect({ type, links }).toEqual({ type: "socket", links: 0 });
});

test("a character device has its number and links", () => {
  const stat = statSync("/dev/null", { bigint: true });
  expect(read("/dev/null")).toMatchObject({ type: "chardev", device: stat.rdev, links: Number(stat.nlink), size: 0 });
});

test.skipIf(!root)("a block device has its number (needs root)", () => {
  const path = join(folder, "block");
  mknod(path, 0o060640, 0x1234_5678n);
  expect(read(path)).toMatchObject({ type: "dev", device: 0x1234_5678n, links: 1 });
});

test.skipIf(!root)("an owner without a name has an empty one (needs root)", () => {
  const path = join(folder, "nobody's");
  writeFileSync(path, "");
  execFileSync("chown", ["3999999998:3999999997", path]);
  expect(read(path)).toMatchObject({ uid: 3_999_999_998, gid: 3_999_999_997, user: "", group: "" });
});

test.skipIf(!hasPython)("attributes come in the order of the system (needs python3)", () => {
  const path = join(folder, "ordered");
  writeFileSync(path, "");
  for (const name of ["user.z", "user.a", "user.m"]) lsetxattr(path, name, Uint8Array.of(1));
  const listed = execFileSync("python3", ["-c", "import os, sys; print(os.listxattr(sys.argv[1]))", path], {
    encoding: "utf8",
  });
  const names = read(path).extendedAttributes.map(({ name }) => name);
  expect(`[${names.map((name) => `'${name}'`).join(", ")}]\n`).toBe(listed);
});

test("a file system without attributes is no problem", () => {
  expect(readNode("/proc/self/status", "x", lstatNs("/proc/self/status"), { withAtime: false })).toMatchObject({
    node: { extendedAttributes: [] },
    problems: [],
  });
});

describe("what cannot be read", () => {
  test("a path that vanished after its stat leaves a node and says what is missing", () => {
    const path = join(folder, "vanishing");
    symlinkSync("target", path);
    const stat = lstatNs(path);
    rmSync(path);
    const { node, problems } = readNode(path, "x", stat, { withAtime: false });
    expect(node).toMatchObject({ type: "symlink", linkTarget: "", extendedAttributes: [] });
    expect(problems).toEqual([
      "the link cannot be read: ENOENT: no such file or directory",
      "the list of extended attributes cannot be read: ENOENT: no such file or directory",
    ]);
  });

  test("a path that does not exist is the system's error", () => {
    expect(() => lstatNs(join(folder, "absent"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });
});
