import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import { FaultyBackend, scriptedFaults, type Fault } from "@holdfast/storage";
import { afterAll, describe, expect, test } from "vitest";
import { Author, newRepository, node, signal } from "../../test/made-repository.ts";
import { decodePath } from "../filesystem/path-bytes.ts";
import { parseId, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { Repository } from "../repository/repository.ts";
import { dumpFile, dumpTar, dumpZip, type ArchiveOptions } from "./dump.ts";

const LOST = parseId("ab".repeat(32));
const folders: string[] = [];
const isRoot = process.getuid?.() === 0;
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-dump-"));
  folders.push(folder);
  return folder;
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(pieces));
}

function sha(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Every kind of entry with everything that archives find hard. */
async function hardTree(author: Author): Promise<Id> {
  const raw = decodePath(Uint8Array.of(0x6e, 0xff, 0xe9));
  const attributes = [
    { name: "user.binary", value: Uint8Array.of(0, 255, 10, 61, 128) },
    { name: "user.a=b%c", value: Buffer.from("odd name") },
  ];
  const acl = Buffer.from(
    "0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff",
    "hex",
  );
  const inner = await author.folder(
    "inner",
    [
      await author.file("n".repeat(200), ["long name"]),
      await author.file(raw, ["raw name"]),
      await author.file(`long-${raw.repeat(40)}`, ["long raw name"]),
      await author.file("ünï", ["text name"], { uid: 70_000, gid: 3_000_000, user: "", group: "" }),
      await author.file("back\\slash", ["b"]),
    ],
    { mode: 0o1777 },
  );
  return author.tree([
    await author.file("attributes", ["x"], { extendedAttributes: attributes }),
    await author.file("acl", ["x"], {
      mode: 0o640,
      extendedAttributes: [{ name: "system.posix_acl_access", value: acl }],
    }),
    node("device", { type: "chardev", device: 0x0105n, mode: 0o600 }),
    await author.folder("empty", []),
    node("empty-file"),
    await author.file("exact", [Buffer.alloc(512, 1), Buffer.alloc(512, 2)]),
    inner,
    node("link", { type: "symlink", linkTarget: `inner/${raw}`, mode: 0o777 }),
    node("long-link", { type: "symlink", linkTarget: "t".repeat(150), mode: 0o777 }),
    await author.file("old", ["o"], { mtimeNs: -1_500_000_000n }),
    await author.file("parts", ["one ", "two ", "one ", "one ", "three"]),
    node("pipe", { type: "fifo" }),
    node("socket", { type: "socket" }),
    await author.file("suid", ["s"], { mode: 0o4755 }),
  ]);
}

async function dumped(
  format: typeof dumpTar,
  options: Partial<ArchiveOptions> = {},
  build: (author: Author) => Promise<Id> = hardTree,
): Promise<Buffer> {
  const author = new Author(newRepository());
  const root = await build(author);
  await author.finish();
  return bytesOf(format(author.repository, author.index, root, { signal, ...options }));
}

describe.runIf(isRoot)("a tar archive, as GNU tar unpacks it", () => {
  test("gives back every entry with its metadata", async () => {
    const into = scratch();
    const skipped: string[] = [];
    const archive = await dumped(dumpTar, { onSkipped: ({ path }) => skipped.push(path) });
    execFileSync("tar", ["-x", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-p", "-C", into], {
      input: archive,
      stdio: "pipe",
    });
    expect(skipped).toEqual(["/socket"]);
    const text = (name: string): string => readFileSync(join(into, name), "utf8");
    expect(text(`inner/${"n".repeat(200)}`)).toBe("long name");
    expect(text("inner/ünï")).toBe("text name");
    expect(text("inner/back\\slash")).toBe("b");
    expect(text("parts")).toBe("one two one one three");
    const names = readdirSync(Buffer.from(join(into, "inner")), { encoding: "buffer" });
    const hex = names.map((name) => name.toString("hex"));
    expect(hex).toContain("6effe9");
    expect(hex).toContain(`${Buffer.from("long-").toString("hex")}${"6effe9".repeat(40)}`);
    expect(lstatSync(join(into, "inner/ünï"))).toMatchObject({ uid: 70_000, gid: 3_000_000 });
    expect(lstatSync(join(into, "parts"), { bigint: true }).mtimeNs).toBe(1_700_000_000_123_456_789n);
    expect(lstatSync(join(into, "inner"), { bigint: true }).mtimeNs).toBe(1_700_000_000_123_456_789n);
    expect(lstatSync(join(into, "old"), { bigint: true }).mtimeNs).toBe(-1_500_000_000n);
    expect(lstatSync(join(into, "suid")).mode & 0o7777).toBe(0o4755);
    expect(lstatSync(join(into, "inner")).mode & 0o7777).toBe(0o1777);
    expect(lstatSync(join(into, "pipe")).isFIFO()).toBe(true);
    expect(lstatSync(join(into, "device"))).toMatchObject({ rdev: 0x0105 });
    expect(readlinkSync(join(into, "link"), { encoding: "buffer" }).toString("hex")).toBe(
      `${Buffer.from("inner/").toString("hex")}6effe9`,
    );
    expect(readlinkSync(join(into, "long-link"))).toBe("t".repeat(150));
    const attribute = (name: string): string =>
      execFileSync("getfattr", ["-n", name, "-e", "hex", "--only-values", join(into, "attributes")], {
        encoding: "latin1",
        stdio: "pipe",
      });
    expect(Buffer.from(attribute("user.binary"), "latin1").toString("hex")).toBe("00ff0a3d80");
    expect(attribute("user.a=b%c")).toBe("odd name");
    const acl = execFileSync("getfacl", ["-cn", join(into, "acl")], { encoding: "utf8", stdio: "pipe" });
    expect(acl.trim().split("\n")).toEqual(["user::rw-", "user:1000:r--", "group::r--", "mask::r--", "other::---"]);
  });

  test("lists as other readers of tar see it", async () => {
    const file = join(scratch(), "a.tar");
    writeFileSync(file, await dumped(dumpTar, { prefix: "/home/ann" }));
    const script =
      "import tarfile,sys\nfor m in tarfile.open(sys.argv[1]): print(m.name.encode('utf-8','surrogateescape').hex(), m.size, m.mtime)";
    const lines = execFileSync("python3", ["-c", script, file], { encoding: "utf8" }).trim().split("\n");
    expect(lines).toContain(`${Buffer.from("home/ann/inner/").toString("hex")}6effe9 8 1700000000.1234567`);
    expect(lines.at(-1)).toMatch(new RegExp(`^${Buffer.from("home/ann/suid").toString("hex")} 1 `));
  });
});

describe("a zip archive", () => {
  test("gives back files, folders and links in other programs", async () => {
    const into = scratch();
    const file = join(into, "a.zip");
    const skipped: string[] = [];
    writeFileSync(file, await dumped(dumpZip, { onSkipped: ({ path }) => skipped.push(path) }));
    expect(skipped).toEqual(["/device", "/pipe", "/socket"]);
    expect(
      execFileSync("python3", [
        "-c",
        "import zipfile,sys; print(zipfile.ZipFile(sys.argv[1]).testzip())",
        file,
      ]).toString(),
    ).toBe("None\n");
    execFileSync("unzip", ["-q", file, "-d", join(into, "out")]);
    const text = (name: string): string => readFileSync(join(into, "out", name), "utf8");
    expect(text(`inner/${"n".repeat(200)}`)).toBe("long name");
    expect(text("inner/ünï")).toBe("text name");
    expect(text("inner/back\\slash")).toBe("b");
    expect(text("parts")).toBe("one two one one three");
    expect(text("empty-file")).toBe("");
    expect(readdirSync(join(into, "out/empty"))).toEqual([]);
    expect(readlinkSync(join(into, "out/long-link"))).toBe("t".repeat(150));
    expect(lstatSync(join(into, "out/suid")).mode & 0o777).toBe(0o755);
    expect(lstatSync(join(into, "out/parts")).mtimeMs).toBe(1_700_000_000_000);
    // Zip has no names that are bytes; readers take what is not marked as UTF-8 for one of the old code pages.
    const script =
      "import zipfile,sys; print([n for n in zipfile.ZipFile(sys.argv[1]).namelist() if n.encode('cp437','replace').endswith(b'n\\xff\\xe9')])";
    expect(execFileSync("python3", ["-c", script, file], { encoding: "utf8" })).toMatch(/^\['inner\/n/);
  });

  test("compresses large files as a stream, whatever their pieces", async () => {
    const into = scratch();
    const pieces = Array.from({ length: 9 }, (_, n) => (n % 2 === 0 ? randomBytes(700_000) : Buffer.alloc(400_000, n)));
    const file = join(into, "a.zip");
    const archive = await dumped(dumpZip, {}, async (author) =>
      author.tree([await author.file("large", pieces), await author.file("small", ["after"])]),
    );
    writeFileSync(file, archive);
    execFileSync("unzip", ["-q", file, "-d", join(into, "out")]);
    expect(sha(readFileSync(join(into, "out/large")))).toBe(sha(Buffer.concat(pieces)));
    expect(readFileSync(join(into, "out/small"), "utf8")).toBe("after");
    expect(archive.length).toBeLessThan(3_600_000);
  });

  test("of more than 65,535 entries is read by others", async () => {
    const file = join(scratch(), "a.zip");
    const count = 70_000;
    const nodes: TreeNode[] = Array.from({ length: count }, (_, n) => node(`f${String(n).padStart(6, "0")}`));
    writeFileSync(file, await dumped(dumpZip, {}, (author) => author.tree(nodes)));
    const script = "import zipfile,sys; z=zipfile.ZipFile(sys.argv[1]); print(len(z.namelist()), z.testzip())";
    expect(execFileSync("python3", ["-c", script, file], { encoding: "utf8" })).toBe(`${count} None\n`);
  });
});

describe("content", () => {
  test("of a file comes in order, from any number of packs", async () => {
    const author = new Author(newRepository());
    const pieces = Array.from({ length: 60 }, (_, n) => randomBytes(n % 7 === 0 ? 1_500_000 : 30_000 + n));
    const file = await author.file("f", [...pieces, ...pieces.slice(0, 9)]);
    await author.finish();
    const bytes = await bytesOf(dumpFile(author.repository, author.index, file, { signal }));
    const whole = Buffer.concat([...pieces, ...pieces.slice(0, 9)]);
    expect(sha(bytes)).toBe(sha(whole));
    const [first] = pieces as [Buffer];
    for (const offset of [1, first.length - 1, first.length, whole.length - 1, whole.length, whole.length + 1]) {
      const rest = await bytesOf(dumpFile(author.repository, author.index, file, { signal, offset }));
      expect(sha(rest), `from ${offset}`).toBe(sha(whole.subarray(offset)));
    }
  });

  test("that is not in the index is thrown, or its file is left out", async () => {
    const build = async (author: Author): Promise<Id> =>
      author.tree([await author.file("good", ["g"]), node("lost", { content: [LOST], size: 5 })]);
    for (const format of [dumpTar, dumpZip]) {
      await expect(dumped(format, {}, build)).rejects.toEqual(failsWith("ENGINE_BLOB_MISSING"));
      const problems: string[] = [];
      await dumped(format, { onProblem: ({ path, error }) => problems.push(`${path} ${error.code}`) }, build);
      expect(problems).toEqual(["/lost ENGINE_BLOB_MISSING"]);
    }
  });

  test("that is damaged is read from another copy, else thrown after what came before it", async () => {
    const first = new Author(newRepository());
    const file = await first.file("f", [Buffer.alloc(70_000, 1), Buffer.alloc(70_000, 2)]);
    await first.finish();
    const { repository, index } = first;
    for await (const { id, sizeBytes } of repository.files("pack", { signal })) await damage(repository, id, sizeBytes);
    const got: number[] = [];
    const read = async (): Promise<void> => {
      for await (const bytes of dumpFile(repository, index, file, { signal })) got.push(bytes.length);
    };
    await expect(read()).rejects.toEqual(failsWith("ENGINE_UNAUTHENTIC"));
    const second = new Author(repository);
    await second.file("f", [Buffer.alloc(70_000, 1), Buffer.alloc(70_000, 2)]);
    await second.finish();
    for (let entry = 0; entry < second.index.count; entry++) copyEntry(second, first, entry);
    got.length = 0;
    await read();
    expect(got).toEqual([70_000, 70_000]);
  });

  test.each<[string, Fault]>([
    ["refuses", { kind: "fail", when: "before" }],
    ["breaks off", { kind: "fail", when: "middle" }],
  ])("from a store that %s is an error, not an end", async (_, fault) => {
    const author = new Author(newRepository());
    const file = await author.file("f", [randomBytes(3_000_000), randomBytes(3_000_000)]);
    await author.finish();
    const backend = new FaultyBackend(
      author.repository.backend,
      scriptedFaults([{ operation: "load", call: 1, fault }]),
    );
    const { config, masterKey, keyId } = author.repository;
    const repository = new Repository({ backend, config, masterKey, keyId });
    await expect(bytesOf(dumpFile(repository, author.index, file, { signal }))).rejects.toEqual(
      failsWith("STORAGE_UNAVAILABLE"),
    );
  });

  test("that nobody takes any more stops being loaded", async () => {
    const author = new Author(newRepository());
    const file = await author.file(
      "f",
      Array.from({ length: 80 }, () => randomBytes(1_000_000)),
    );
    await author.finish();
    let loads = 0;
    const plan = { next: (operation: string) => void (loads += operation === "load" ? 1 : 0) };
    const { config, masterKey, keyId } = author.repository;
    const backend = new FaultyBackend(author.repository.backend, plan);
    const repository = new Repository({ backend, config, masterKey, keyId });
    for await (const _ of dumpFile(repository, author.index, file, { signal })) break;
    expect(loads).toBeGreaterThan(0);
    expect(loads).toBeLessThan(20);
  });
});

/** Flips a bit in the middle of a pack. */
async function damage(repository: Repository, id: Id, sizeBytes: number): Promise<void> {
  const key = { type: "pack", name: id } as const;
  const collect = async (chunks: AsyncIterable<Uint8Array>): Promise<Buffer> =>
    Buffer.concat(await Array.fromAsync(chunks));
  const bytes = await repository.backend.load(key, undefined, collect, { signal });
  bytes[40] = (bytes[40] as number) ^ 1;
  bytes[Math.floor(sizeBytes / 2)] = (bytes[Math.floor(sizeBytes / 2)] as number) ^ 1;
  await repository.backend.save(key, { sizeBytes, open: () => [bytes] }, { signal });
}

function copyEntry(from: Author, to: Author, entry: number): void {
  const place = from.index.locationAt(entry);
  if (place === undefined) return;
  const pack = to.index.addPack(from.index.packId(place.pack));
  const id = Buffer.from(from.index.idAt(entry), "hex");
  to.index.add(from.index.typeAt(entry), id, 0, pack, place.offset, place.lengthBytes, place.uncompressedBytes);
}
