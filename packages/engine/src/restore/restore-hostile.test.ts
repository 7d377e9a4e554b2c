import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import { describe, expect, test } from "vitest";
import { Author, newRepository, node } from "../../test/made-repository.ts";
import { codes, look, made, newFolder, restore } from "../../test/restore-lab.ts";
import { idOf, idToBytes } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { AnchoredFolder } from "./anchored-folder.ts";

/** A target inside a folder in which nothing else may appear. */
function fenced(): { fence: string; target: string } {
  const fence = newFolder();
  const target = join(fence, "a/target");
  mkdirSync(target, { recursive: true });
  return { fence, target };
}

function outside(fence: string): string[] {
  return Object.keys(look(fence)).filter((path) => !path.startsWith("a/target/"));
}

describe("nothing is written outside the target", () => {
  const names = [
    "..",
    ".",
    "",
    "../x",
    "/x",
    "b/../../../x",
    "x/y",
    "x\0y",
    "../../../../../../../../../../tmp/holdfast-escaped",
  ];
  test.each(names)("by the name %j, as a file, a folder and a link", async (name) => {
    const bad = async (author: Author): Promise<TreeNode[]> => [
      await author.file(name, ["escaped"]),
      await author.folder(name, [await author.file("in", ["escaped"])]),
      node(name, { type: "symlink", linkTarget: "/" }),
    ];
    const snapshot = await made(async (author) => [
      ...(await bad(author)),
      await author.folder("dir", [...(await bad(author)), await author.file("good", ["good"])]),
      await author.file("good", ["good"]),
    ]);
    const { fence, target } = fenced();
    const result = await restore(snapshot, target, { delete: true });
    expect(outside(fence)).toEqual(["a", "a/target"]);
    expect(look(target)).toEqual({ dir: "(folder)", "dir/good": "good", good: "good" });
    expect(result.problemCounts).toEqual({ "unsafe-name": 6 });
    expect(existsSync("/tmp/holdfast-escaped")).toBe(false);
  });

  const twice = (author: Author, elsewhere: string): Promise<TreeNode>[] => [
    Promise.resolve(node("x", { type: "symlink", linkTarget: elsewhere })),
    author.folder("x", [node("passwd"), node("shadow", { type: "symlink", linkTarget: "y" })]),
  ];
  test.each([false, true])("through a link and a folder of the same name (folder first: %s)", async (reversed) => {
    const { fence, target } = fenced();
    const elsewhere = join(fence, "elsewhere");
    mkdirSync(elsewhere);
    const snapshot = await made(async (author) => {
      const pair = await Promise.all(twice(author, elsewhere));
      return reversed ? pair.toReversed() : pair;
    });
    expect((await restore(snapshot, target)).problemCounts).toEqual({ "unsafe-name": 1 });
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test("through links that stand in the target", async () => {
    const { fence, target } = fenced();
    const elsewhere = join(fence, "elsewhere");
    mkdirSync(join(elsewhere, "sub"), { recursive: true });
    writeFileSync(join(elsewhere, "file"), "untouched");
    symlinkSync(elsewhere, join(target, "dir"));
    symlinkSync(elsewhere, join(target, "lazy"));
    symlinkSync(join(elsewhere, "file"), join(target, "file"));
    symlinkSync(join(elsewhere, "new"), join(target, "new"));
    symlinkSync(join(elsewhere, "file"), join(target, "big"));
    const snapshot = await made(async (author) => [
      await author.file("big", [new Uint8Array(3_000_000)]),
      await author.folder("dir", [await author.file("file", ["mine"]), await author.folder("sub", [node("x")])], {
        mode: 0o777,
      }),
      await author.file("file", ["mine"]),
      await author.folder("lazy", [await author.folder("sub", [node("x")])]),
      await author.file("new", ["mine"]),
    ]);
    const include = [{ lines: ["/dir", "/file", "/new", "/big", "/lazy/sub/x"], ignoreCase: false }];
    expect(codes(await restore(snapshot, target, { include, verify: true }))).toEqual([]);
    expect(look(elsewhere)).toEqual({ file: "untouched", sub: "(folder)" });
    expect(lstatSync(elsewhere).mode & 0o777).not.toBe(0o777);
    expect(Object.values(look(target)).filter((what) => what.startsWith("->"))).toEqual([]);
  });

  test("by deleting through links", async () => {
    const { fence, target } = fenced();
    const elsewhere = join(fence, "elsewhere");
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, "file"), "untouched");
    symlinkSync(elsewhere, join(target, "extra"));
    mkdirSync(join(target, "dir"));
    symlinkSync(elsewhere, join(target, "dir/extra"));
    const snapshot = await made(async (author) => [await author.folder("dir", [])]);
    expect((await restore(snapshot, target, { delete: true })).counts.deleted).toBe(2);
    expect(look(elsewhere)).toEqual({ file: "untouched" });
  });

  test("a folder whose path leads over a link is not opened, also where there is no /proc", () => {
    const folder = newFolder();
    mkdirSync(join(folder, "real/sub"), { recursive: true });
    symlinkSync("real", join(folder, "link"));
    AnchoredFolder.open(join(folder, "real/sub")).close();
    expect(() => AnchoredFolder.open(join(folder, "link/sub"))).toThrow(/symbolic link/);
    expect(() => AnchoredFolder.open(join(folder, "link"))).toThrow(/ENOTDIR/);
    const real = AnchoredFolder.open(join(folder, "real"));
    expect(() => real.child("sub").close()).not.toThrow();
    expect(() => AnchoredFolder.open(join(folder, "link/sub"), { proc: false })).toThrow(/symbolic link/);
    const plain = AnchoredFolder.open(join(folder, "real"), { proc: false }).child("sub");
    expect(plain.at("x")).toBe(join(folder, "real/sub/x"));
    real.close();
  });

  test("an open folder stays the one that was checked", () => {
    const folder = newFolder();
    mkdirSync(join(folder, "real/sub"), { recursive: true });
    const anchor = AnchoredFolder.open(join(folder, "real"));
    mkdirSync(join(folder, "other"));
    // What somebody else could do between the check and the use.
    renameSync(join(folder, "real"), join(folder, "moved"));
    symlinkSync("other", join(folder, "real"));
    writeFileSync(anchor.at("file"), "x");
    const child = anchor.child("sub");
    writeFileSync(child.at("file"), "y");
    child.close();
    anchor.close();
    expect(look(folder)).toMatchObject({ "moved/file": "x", "moved/sub/file": "y" });
    expect(readdirSync(join(folder, "other"))).toEqual([]);
  });
});

describe("trees that are no trees", () => {
  test("a malformed entry is left out and told, the others are restored", async () => {
    const author = new Author(newRepository());
    const good = await author.file("good", ["x"]);
    const tree = await author.tree([
      good,
      { ...node("kind"), type: "strange" as TreeNode["type"] },
      { ...good, name: "z" },
    ]);
    await author.finish();
    const target = newFolder();
    expect(codes(await restore({ author, root: tree }, target, { delete: true }))).toEqual(["damaged /kind"]);
    expect(look(target)).toEqual({ good: "x", z: "x" });
  });

  test("types that cannot be made, folders without a tree, sizes that are wrong", async () => {
    const snapshot = await made(async (author) => [
      node("a", { type: "irregular" }),
      node("b", { type: "dir" }),
      await author.file("c", ["four"], { size: 5 }),
      await author.file("c2", [new Uint8Array(2_500_000)], { size: 6 }),
      node("d", { size: 7, content: null }),
    ]);
    const target = newFolder();
    const result = await restore(snapshot, target);
    expect(codes(result)).toEqual(["damaged /b", "damaged /c", "damaged /c2", "damaged /d", "not-restored /a"]);
    expect(look(target)).toEqual({ b: "(folder)", c: "four", c2: "\0".repeat(2_500_000), d: "" });
  });

  test.each([false, true])("folders in folders without end come to one (dry run: %s)", async (dryRun) => {
    const snapshot = await made(async (author) => {
      let folder = await author.folder("deep".repeat(60), []);
      for (let n = 0; n < 40; n++) folder = await author.folder("deep".repeat(60), [folder]);
      return [folder];
    });
    const target = newFolder();
    const result = await restore(snapshot, target, { dryRun });
    expect(result.problemCounts).toEqual({ "not-restored": 1 });
    expect(result.problems[0]?.reason).toMatch(/too long/);
  });

  test("a blob that decompresses to more than is recorded is damage", async () => {
    const author = new Author(newRepository());
    const bomb = await author.file("bomb", [new Uint8Array(1_000_000)]);
    const other = await author.file("fine", ["fine"]);
    const root = await author.tree([bomb, other]);
    await author.finish();
    const id = idToBytes(bomb.content?.[0] ?? idOf(new Uint8Array(0)));
    const place = author.index.find("data", id, 0);
    if (place === undefined) throw new Error("not stored");
    const lying = new Author(author.repository);
    for (let n = 0; n < author.index.count; n++) {
      const at = author.index.locationAt(n);
      if (at === undefined) continue;
      const size = author.index.idAt(n) === bomb.content?.[0] ? 1000 : at.uncompressedBytes;
      const pack = lying.index.addPack(author.index.packId(at.pack));
      lying.index.add(
        author.index.typeAt(n),
        idToBytes(author.index.idAt(n)),
        0,
        pack,
        at.offset,
        at.lengthBytes,
        size,
      );
    }
    const target = newFolder();
    expect(codes(await restore({ author: lying, root }, target))).toContain("damaged /bomb");
    expect(look(target)).toEqual({ fine: "fine" });
  });

  test("a pattern that cannot be understood is refused", async () => {
    const run = restore(await made(async () => []), newFolder(), { include: [{ lines: ["["], ignoreCase: false }] });
    await expect(run).rejects.toSatisfy((error) => isHoldfastError(error, "ENGINE_PATTERN_INVALID"));
  });
});
