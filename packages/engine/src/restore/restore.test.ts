import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import { describe, expect, test } from "vitest";
import { node } from "../../test/made-repository.ts";
import { codes, look, made, newFolder, restore } from "../../test/restore-lab.ts";
import { metadataDifferences } from "../filesystem/compare-metadata.ts";
import { decodePath } from "../filesystem/path-bytes.ts";
import type { RestoreEntry } from "./messages.ts";

const isRoot = process.geteuid?.() === 0;
const noise = (bytes: number, seed = 1): Uint8Array => {
  let state = seed;
  return Uint8Array.from({ length: bytes }, () => (state = (state * 1_103_515_245 + 12_345) & 0x7fffffff) >>> 16);
};

describe("what a snapshot holds comes back", () => {
  test("files, folders, links and pipes, with all metadata", async () => {
    const snapshot = await made(async (author) => [
      await author.folder(
        "dir",
        [
          await author.file("empty", []),
          await author.file("many", ["one ", "two ", "one "], { mode: 0o4755 }),
          node("pipe", { type: "fifo", mode: 0o640 }),
        ],
        { mode: 0o500, mtimeNs: 1_000_000_001n },
      ),
      await author.file("old", ["x"], { mtimeNs: -1_500_000_000n, mode: 0 }),
      node("socket", { type: "socket" }),
      node("to", { type: "symlink", linkTarget: "dir/many" }),
    ]);
    const target = join(newFolder(), "made", "on the way");
    const result = await restore(snapshot, target, { verify: true });
    expect(codes(result)).toEqual([]);
    expect(look(target)).toEqual({
      dir: "(folder)",
      "dir/empty": "",
      "dir/many": "one two one ",
      "dir/pipe": "(special)",
      old: "x",
      to: "-> dir/many",
    });
    expect(
      metadataDifferences(join(target, "dir"), node("dir", { type: "dir", mode: 0o500, mtimeNs: 1_000_000_001n })),
    ).toEqual([]);
    expect(lstatSync(join(target, "old"), { bigint: true }).mtimeNs).toBe(-1_500_000_000n);
    expect(result.counts).toMatchObject({
      filesRestored: 3,
      bytesRestored: 13,
      folders: 1,
      others: 2,
      socketsSkipped: 1,
      filesVerified: 3,
    });
  });

  test("names that are not UTF-8, and folders of many entries", async () => {
    const odd = decodePath(Uint8Array.of(0x66, 0xff));
    const names = Array.from({ length: 700 }, (_, n) => `f${String(n).padStart(4, "0")}`);
    const snapshot = await made(async (author) => [
      await author.folder("big", await Promise.all(names.map((name) => author.file(name, [name])))),
      await author.folder(odd, [await author.file(odd, ["odd"])]),
    ]);
    const target = newFolder();
    expect(codes(await restore(snapshot, target, { workers: 3, verify: true }))).toEqual([]);
    expect(names.every((name) => readFileSync(join(target, "big", name), "utf8") === name)).toBe(true);
    expect(
      readFileSync(
        Buffer.concat([Buffer.from(`${target}/f`), Buffer.of(0xff), Buffer.from("/f"), Buffer.of(0xff)]),
        "utf8",
      ),
    ).toBe("odd");
  });

  test("files of several megabytes, from all workers together", async () => {
    const pieces = Array.from({ length: 12 }, (_, n) => noise(1_100_000, n + 1));
    const snapshot = await made(async (author) => [
      await author.file("large", pieces),
      await author.file(
        "zeros",
        Array.from({ length: 80 }, () => new Uint8Array(50_000)),
      ),
    ]);
    const target = newFolder();
    const result = await restore(snapshot, target, { workers: 3, verify: true });
    expect(codes(result)).toEqual([]);
    expect(Buffer.compare(readFileSync(join(target, "large")), Buffer.concat(pieces))).toBe(0);
    expect(statSync(join(target, "zeros")).size).toBe(4_000_000);
    expect(result.counts).toMatchObject({ filesRestored: 2, bytesRestored: 17_200_000, bytesVerified: 17_200_000 });
  });

  test("hard links, also across folders and of large files", async () => {
    const linked = { inode: 77n, links: 3 };
    const snapshot = await made(async (author) => {
      const file = await author.file("a", ["same"], linked);
      const large = await author.file("big", [noise(3_000_000)], { inode: 78n, links: 2 });
      return [
        await author.folder("d", [
          { ...file, name: "b" },
          { ...large, name: "big2" },
        ]),
        { ...file, name: "e" },
        { ...large, name: "f" },
        { ...file, name: "g", deviceId: 2n },
      ];
    });
    const target = newFolder();
    const result = await restore(snapshot, target, { workers: 2 });
    expect(codes(result)).toEqual([]);
    const inode = (path: string): number => statSync(join(target, path)).ino;
    expect(inode("e")).toBe(inode("d/b"));
    expect(inode("f")).toBe(inode("d/big2"));
    expect(inode("g")).not.toBe(inode("e"));
    expect(result.counts).toMatchObject({ filesRestored: 3, links: 2, folders: 1 });
  });

  test("holes with `sparse`, the same content", async () => {
    const large = Buffer.concat([noise(100_000), Buffer.alloc(4_000_000), noise(10)]);
    const snapshot = await made(async (author) => [
      await author.file("end", ["x", new Uint8Array(500_000)]),
      await author.file("large", [large.subarray(0, 2_000_000), large.subarray(2_000_000)]),
    ]);
    const target = newFolder();
    expect(codes(await restore(snapshot, target, { sparse: true, verify: true }))).toEqual([]);
    expect(readFileSync(join(target, "large")).equals(large)).toBe(true);
    expect(statSync(join(target, "end"))).toMatchObject({ size: 500_001 });
    expect(statSync(join(target, "end")).blocks).toBeLessThan(100);
    expect(statSync(join(target, "large")).blocks).toBeLessThan(500);
  });

  test("one entry, or the content of one folder, as the root", async () => {
    const snapshot = await made(async (author) => [
      await author.folder("d", [await author.file("x", ["in d"])]),
      await author.file("f", ["alone"]),
    ]);
    const target = newFolder();
    const { root, author } = snapshot;
    expect(root).toBeDefined();
    const folder = await author.folder("d", [await author.file("x", ["in d"])]);
    await restore({ author, root: folder }, target);
    await restore({ author, root: await author.file("f", ["alone"]) }, target);
    expect(look(target)).toEqual({ x: "in d", f: "alone" });
  });

  test.runIf(isRoot)("owners, unless they are not wanted", async () => {
    const snapshot = await made(async (author) => [
      await author.file("f", ["x"], { uid: 1234, gid: 567, mode: 0o6755 }),
    ]);
    const [all, none] = [newFolder(), newFolder()];
    await restore(snapshot, all);
    const result = await restore(snapshot, none, { owner: false, verify: true });
    expect(statSync(join(all, "f"))).toMatchObject({ uid: 1234, gid: 567, mode: 0o106755 });
    expect(statSync(join(none, "f"))).toMatchObject({ uid: 0, gid: 0, mode: 0o100755 });
    expect(codes(result)).toContain("metadata /f");
  });
});

describe("a part of a snapshot", () => {
  const sample = () =>
    made(async (author) => [
      await author.folder("a", [
        await author.folder("deep", [await author.file("x.c", ["x"]), await author.file("y.h", ["y"])], {
          mode: 0o711,
        }),
        await author.file("top.c", ["t"]),
      ]),
      await author.folder("b", [await author.file("z.h", ["z"])]),
    ]);
  const patterns = (...lines: string[]) => [{ lines, ignoreCase: false }];
  const cases = [
    [
      "includes take what they match, with the folders above",
      { include: patterns("/a/deep/x.c") },
      ["a", "a/deep", "a/deep/x.c"],
    ],
    ["a name is matched in every folder", { include: patterns("*.h") }, ["a", "a/deep", "a/deep/y.h", "b", "b/z.h"]],
    ["an included folder comes whole", { include: patterns("/a/deep") }, ["a", "a/deep", "a/deep/x.c", "a/deep/y.h"]],
    [
      "includes without regard to case",
      { include: [{ lines: ["*.H"], ignoreCase: true }] },
      ["a", "a/deep", "a/deep/y.h", "b", "b/z.h"],
    ],
    ["excludes leave out what is below too", { exclude: patterns("deep", "/b") }, ["a", "a/top.c"]],
    [
      "excludes apply to what is included",
      { include: patterns("/a"), exclude: patterns("*.c") },
      ["a", "a/deep", "a/deep/y.h"],
    ],
    ["exact paths", { paths: ["/b/z.h", "/a/deep/x.c"] }, ["a", "a/deep", "a/deep/x.c", "b", "b/z.h"]],
    ["what matches nothing", { include: patterns("/nowhere") }, []],
  ] as const;
  test.each(cases)("%s", async (_, options, expected) => {
    const target = newFolder();
    expect(codes(await restore(await sample(), target, options))).toEqual([]);
    expect(Object.keys(look(target))).toEqual(expected);
    if ((expected as readonly string[]).includes("a/deep"))
      expect(statSync(join(target, "a/deep")).mode & 0o777).toBe(0o711);
  });
});

describe("what stands in the target already", () => {
  const ns = (seconds: number): bigint => BigInt(seconds) * 1_000_000_000n;
  const cases = [
    ["always", 2000, "new content", "updated"],
    ["if-changed", 2000, "new content", "updated"],
    ["if-changed", 1000, "old content", "unchanged"],
    ["if-newer", 999, "new content", "updated"],
    ["if-newer", 1000, "old content", "skipped"],
    ["never", 1, "old content", "skipped"],
  ] as const;
  test.each(cases)("with overwrite %s and time %i: %s, %s", async (overwrite, mtime, content, action) => {
    const snapshot = await made(async (author) => [
      await author.file("f", ["new content"], { mtimeNs: ns(1000) }),
      await author.file("g", []),
    ]);
    const target = newFolder();
    writeFileSync(join(target, "f"), "old content");
    utimesSync(join(target, "f"), mtime, mtime);
    const entries: RestoreEntry[] = [];
    const result = await restore(snapshot, target, {
      overwrite,
      onEntry: (entry) => entries.push(entry),
      verify: true,
    });
    expect(look(target)).toEqual({ f: content, g: "" });
    expect(entries).toContainEqual({ action, type: "file", path: "/f", sizeBytes: 11 });
    expect(codes(result)).toEqual(action === "unchanged" ? ["differs /f"] : []);
    expect(statSync(join(target, "f")).mtimeMs).toBe(action === "skipped" ? mtime * 1000 : 1_000_000);
  });

  test("links and folders are replaced by what the snapshot says, and kept with `never`", async () => {
    const snapshot = await made(async (author) => [
      await author.folder("dir", [await author.file("in", ["in"])]),
      await author.file("file", ["file"]),
      node("link", { type: "symlink", linkTarget: "new" }),
    ]);
    const prepare = (): string => {
      const target = newFolder();
      writeFileSync(join(target, "dir"), "a file");
      mkdirSync(join(target, "file"));
      symlinkSync("old", join(target, "link"));
      return target;
    };
    const [first, second] = [prepare(), prepare()];
    expect(codes(await restore(snapshot, first))).toEqual([]);
    expect(look(first)).toEqual({ dir: "(folder)", "dir/in": "in", file: "file", link: "-> new" });
    expect(codes(await restore(snapshot, second, { overwrite: "never" }))).toEqual(["not-restored /dir"]);
    expect(look(second)).toEqual({ dir: "a file", file: "(folder)", link: "-> old" });
  });

  test("a folder with content makes room for a file only with `delete`", async () => {
    const snapshot = await made(async (author) => [await author.file("f", ["file"])]);
    const target = newFolder();
    mkdirSync(join(target, "f/x"), { recursive: true });
    expect(codes(await restore(snapshot, target))).toEqual(["not-restored /f"]);
    expect(look(target)).toEqual({ f: "(folder)", "f/x": "(folder)" });
    expect(codes(await restore(snapshot, target, { delete: true }))).toEqual([]);
    expect(look(target)).toEqual({ f: "file" });
  });

  test("a file with further links is replaced, so that the others keep their content", async () => {
    const snapshot = await made(async (author) => [
      await author.file("f", ["new"]),
      await author.file("large", [noise(2_500_000)]),
    ]);
    const [target, elsewhere] = [newFolder(), newFolder()];
    for (const name of ["f", "large"]) {
      writeFileSync(join(elsewhere, name), "old");
      linkSync(join(elsewhere, name), join(target, name));
    }
    expect(codes(await restore(snapshot, target, { verify: true }))).toEqual([]);
    expect(look(elsewhere)).toEqual({ f: "old", large: "old" });
  });

  test("files that are too long or too short get the right size", async () => {
    const large = noise(3_000_000);
    const snapshot = await made(async (author) => [
      await author.file("large", [large.subarray(0, 1_500_000), large.subarray(1_500_000)]),
      await author.file("long", ["abc"]),
      await author.file("short", ["abc", "def"]),
    ]);
    const target = newFolder();
    writeFileSync(join(target, "long"), "abcdef");
    writeFileSync(join(target, "short"), "abcd");
    writeFileSync(join(target, "large"), Buffer.concat([large, Buffer.from("more")]));
    const result = await restore(snapshot, target, { verify: true });
    expect(codes(result)).toEqual([]);
    expect(result.counts).toMatchObject({ filesUpdated: 2, filesUnchanged: 1 });
  });

  test("hard links that are right stay, others are made again", async () => {
    const snapshot = await made(async (author) => {
      const file = await author.file("a", ["same"], { inode: 5n, links: 3 });
      return [file, { ...file, name: "b" }, { ...file, name: "c" }];
    });
    const target = newFolder();
    writeFileSync(join(target, "a"), "same");
    linkSync(join(target, "a"), join(target, "b"));
    writeFileSync(join(target, "c"), "other");
    const { ino } = statSync(join(target, "a"));
    expect(codes(await restore(snapshot, target))).toEqual([]);
    expect(["a", "b", "c"].map((name) => statSync(join(target, name)).ino)).toEqual([ino, ino, ino]);
  });

  test("hard links that may not be overwritten are skipped, and are no files beyond the total", async () => {
    const snapshot = await made(async (author) => {
      const file = await author.file("a", ["same"], { inode: 5n, links: 2 });
      return [file, { ...file, name: "b" }];
    });
    const target = newFolder();
    writeFileSync(join(target, "b"), "other");
    const { counts } = await restore(snapshot, target, { overwrite: "never" });
    expect(readFileSync(join(target, "b"), "utf8")).toBe("other");
    expect(counts).toMatchObject({ filesTotal: 1, filesRestored: 1, filesSkipped: 0, othersSkipped: 1 });
  });

  test("what is spared is neither written nor deleted, nor replaced together with a folder above it", async () => {
    const target = newFolder();
    mkdirSync(join(target, "disk/repository/data"), { recursive: true });
    mkdirSync(join(target, "mnt/usb"), { recursive: true });
    for (const path of ["disk/repository/config", "disk/repository/data/pack", "disk/extra", "mnt/usb/config"]) {
      writeFileSync(join(target, path), "mine");
    }
    const snapshot = await made(async (author) => [
      await author.folder("disk", [await author.folder("repository", [await author.file("config", ["theirs"])])]),
      await author.file("mnt", ["a file where a folder is"]),
    ]);
    const spare = ["/disk/repository", "/mnt/usb"];
    for (const options of [{}, { include: [{ lines: ["/disk", "/mnt"], ignoreCase: false }] }]) {
      expect(codes(await restore(snapshot, target, { ...options, spare, delete: true, overwrite: "always" }))).toEqual(
        [],
      );
      for (const path of ["disk/repository/config", "disk/repository/data/pack", "mnt/usb/config"]) {
        expect(readFileSync(join(target, path), "utf8")).toBe("mine");
      }
      expect(existsSync(join(target, "disk/extra"))).toBe(false);
    }
    // A folder above that the snapshot does not have at all.
    const empty = await made(async (author) => [await author.file("other", ["o"])]);
    await restore(empty, target, { spare, delete: true });
    expect(existsSync(join(target, "disk/repository/data/pack"))).toBe(true);
  });

  test("a dry run tells what would be done and changes nothing", async () => {
    const snapshot = await made(async (author) => [
      await author.folder("d", [await author.file("new", ["n"])]),
      await author.file("changed", ["12345"]),
      await author.file("large", [noise(2_500_000)]),
      await author.file("same", ["same"]),
    ]);
    const target = newFolder();
    writeFileSync(join(target, "changed"), "1234x");
    writeFileSync(join(target, "same"), "same");
    writeFileSync(join(target, "extra"), "");
    writeFileSync(join(target, "large"), Buffer.alloc(2_500_000));
    const before = [look(target), lstatSync(target).mtimeMs];
    const entries: RestoreEntry[] = [];
    const options = { dryRun: true, delete: true, onEntry: (entry: RestoreEntry) => entries.push(entry) };
    const { counts } = await restore(snapshot, target, options);
    expect([look(target), lstatSync(target).mtimeMs]).toEqual(before);
    expect(counts).toMatchObject({ filesRestored: 1, filesUpdated: 2, filesUnchanged: 1, folders: 1, deleted: 1 });
    expect(entries.map(({ action, path }) => `${action} ${path}`).toSorted()).toEqual([
      "deleted /extra",
      "restored /d",
      "restored /d/new",
      "unchanged /same",
      "updated /changed",
      "updated /large",
    ]);
    const nowhere = join(target, "not there");
    expect((await restore(snapshot, nowhere, { dryRun: true })).counts).toMatchObject({ filesRestored: 4, folders: 1 });
  });
});

describe("deleting what the snapshot lacks", () => {
  const snapshot = () =>
    made(async (author) => [
      await author.folder("a", [await author.file("keep", ["k"])]),
      await author.folder("b", [await author.file("keep", ["k"])]),
      node("sock", { type: "socket" }),
    ]);
  const target = (): string => {
    const folder = newFolder();
    for (const path of ["a/extra/deep", "b/extra", "extra"]) mkdirSync(join(folder, path), { recursive: true });
    symlinkSync("/", join(folder, "a/extra/deep/link"));
    writeFileSync(join(folder, "sock"), "");
    writeFileSync(join(folder, "b/keep"), "k");
    return folder;
  };

  test("goes through all restored folders", async () => {
    const folder = target();
    const result = await restore(await snapshot(), folder, { delete: true });
    expect(codes(result)).toEqual([]);
    expect(look(folder)).toEqual({ a: "(folder)", "a/keep": "k", b: "(folder)", "b/keep": "k", sock: "" });
    expect(result.counts.deleted).toBe(3);
  });

  test("stays within what is included", async () => {
    const folder = target();
    await restore(await snapshot(), folder, { delete: true, include: [{ lines: ["/a"], ignoreCase: false }] });
    expect(Object.keys(look(folder))).toEqual(["a", "a/keep", "b", "b/extra", "b/keep", "extra", "sock"]);
  });

  test("leaves alone what is excluded", async () => {
    const folder = target();
    await restore(await snapshot(), folder, { delete: true, exclude: [{ lines: ["extra"], ignoreCase: false }] });
    expect(Object.keys(look(folder))).toContain("a/extra/deep/link");
  });

  test("is refused for the whole system", async () => {
    const { author, root } = await snapshot();
    const run = restore({ author, root }, "/", { delete: true, dryRun: true });
    await expect(run).rejects.toSatisfy((error) => isHoldfastError(error, "ENGINE_DELETE_EVERYTHING"));
  });
});

test.each([
  ["relative/path", /absolute/],
  ["/dev/null", /it is not a folder/],
  ["/dev/null/below/it", /ENOTDIR: not a directory/],
  ["/proc/nothing/here", /ENOENT: no such file or directory/],
])("the target %s is refused", async (target, reason) => {
  const run = restore(await made(async () => []), target);
  await expect(run).rejects.toSatisfy(
    (error) => isHoldfastError(error, "ENGINE_TARGET_UNUSABLE") && reason.test(error.message),
  );
});

describe.runIf(isRoot)("without root", () => {
  async function asNobody<T>(work: () => Promise<T>): Promise<T> {
    process.seteuid?.(65_534);
    try {
      return await work();
    } finally {
      process.seteuid?.(0);
    }
  }

  test("folders that shut out their owner are filled, and what is read-only is replaced", async () => {
    const snapshot = await made(async (author) => [
      await author.folder(
        "d",
        [await author.folder("e", [await author.file("f", ["new"], { mode: 0o400 })], { mode: 0 })],
        { mode: 0o500 },
      ),
    ]);
    const target = newFolder();
    chmodSync(target, 0o777);
    const results = await asNobody(async () => {
      const first = await restore(snapshot, target);
      writeFileSync(join(target, "note"), "by nobody");
      return [first, await restore(snapshot, target)];
    });
    expect(results.map(codes)).toEqual([[], []]);
    expect(look(target)).toEqual({ d: "(folder)", "d/e": "(folder)", "d/e/f": "new", note: "by nobody" });
    expect(["d", "d/e", "d/e/f"].map((path) => statSync(join(target, path)).mode & 0o777)).toEqual([0o500, 0, 0o400]);
    expect(statSync(join(target, "d/e/f")).uid).toBe(65_534);
  });

  test("owners that cannot be given are a problem only when they are asked for", async () => {
    const snapshot = await made(async (author) => [await author.file("f", ["x"], { uid: 1234, gid: 1234 })]);
    const [quiet, asked] = [newFolder(), newFolder()];
    for (const folder of [quiet, asked]) chmodSync(folder, 0o777);
    await asNobody(async () => {
      expect(codes(await restore(snapshot, quiet, { verify: true }))).toEqual([]);
      expect(codes(await restore(snapshot, asked, { owner: true }))).toEqual(["metadata /f"]);
    });
  });
});
