import { randomBytes } from "node:crypto";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Author, newRepository, node, signal } from "../../test/made-repository.ts";
import { codes, damage, look, made, newFolder, restore, watched } from "../../test/restore-lab.ts";
import { parseId, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { Restore } from "./restore.ts";

const LOST = parseId("ab".repeat(32));
const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).map((_, n) => (n * fill) % 251);
const first = ({ content }: TreeNode): Id => content?.[0] ?? LOST;

describe("content that is damaged", () => {
  test("leaves nothing where there was nothing, and all else is restored", async () => {
    const author = new Author(newRepository());
    const bad = await author.file("bad", ["good part", "bad part"]);
    const lost = node("lost", { size: 3, content: [LOST] });
    const large = await author.file("large", [bytes(2_000_000, 3), bytes(2_000_000, 7), bytes(2_000_000, 11)]);
    const root = await author.tree([bad, await author.file("good", ["good"]), large, lost]);
    await author.finish();
    await damage(author, "data", bad.content?.[1] ?? LOST);
    await damage(author, "data", large.content?.[1] ?? LOST);
    const target = newFolder();
    const result = await restore({ author, root }, target, { verify: true });
    expect(look(target)).toEqual({ good: "good" });
    expect(codes(result)).toEqual(["damaged /bad", "damaged /large", "damaged /lost"]);
    expect(Object.fromEntries(result.problems.map(({ path, blob }) => [path, blob]))).toEqual({
      "/bad": bad.content?.[1],
      "/large": large.content?.[1],
      "/lost": LOST,
    });
    expect(result.counts).toMatchObject({ filesRestored: 1, filesFailed: 3 });
  });

  test("leaves a file that was there as it was, and does not make a large one look restored", async () => {
    const author = new Author(newRepository());
    const small = await author.file("small", ["new content"]);
    const large = await author.file("large", [bytes(2_000_000, 3), bytes(2_000_000, 7)]);
    const root = await author.tree([large, small]);
    await author.finish();
    await damage(author, "data", first(small));
    await damage(author, "data", large.content?.[1] ?? LOST);
    const target = newFolder();
    writeFileSync(join(target, "small"), "old");
    writeFileSync(join(target, "large"), "old");
    expect(codes(await restore({ author, root }, target))).toEqual(["damaged /large", "damaged /small"]);
    expect(readFileSync(join(target, "small"), "utf8")).toBe("old");
    expect(readFileSync(join(target, "large")).subarray(0, 2_000_000).equals(bytes(2_000_000, 3))).toBe(true);
    expect(lstatSync(join(target, "large"), { bigint: true }).mtimeNs).not.toBe(large.mtimeNs);
  });

  test("leaves also what would have made room for a new file", async () => {
    const author = new Author(newRepository());
    const file = await author.file("f", ["new content"]);
    const root = await author.tree([file, { ...file, name: "g" }, { ...file, name: "h" }]);
    await author.finish();
    await damage(author, "data", first(file));
    const target = newFolder();
    writeFileSync(join(target, "f"), "old");
    linkSync(join(target, "f"), join(target, "other name"));
    symlinkSync("somewhere", join(target, "g"));
    mkdirSync(join(target, "h"));
    expect(codes(await restore({ author, root }, target))).toEqual(["damaged /f", "damaged /g", "damaged /h"]);
    expect(look(target)).toEqual({ f: "old", g: "-> somewhere", h: "(folder)", "other name": "old" });
  });

  test("is taken from another copy where there is one", async () => {
    const author = new Author(newRepository());
    const file = await author.file("f", ["stored twice"]);
    const root = await author.tree([file]);
    await author.finish();
    const again = new Author(author.repository);
    await again.file("f", ["stored twice"]);
    await again.finish();
    for (let n = 0; n < again.index.count; n++) {
      const at = again.index.locationAt(n);
      const id = again.index.idAt(n);
      if (at === undefined) continue;
      const pack = author.index.addPack(again.index.packId(at.pack));
      author.index.add(
        "data",
        Uint8Array.from(Buffer.from(id, "hex")),
        0,
        pack,
        at.offset,
        at.lengthBytes,
        at.uncompressedBytes,
      );
    }
    await damage(author, "data", first(file), 0);
    const target = newFolder();
    expect(codes(await restore({ author, root }, target))).toEqual([]);
    expect(look(target)).toEqual({ f: "stored twice" });
  });

  test("concerns every name of a file with several links", async () => {
    const author = new Author(newRepository());
    const file = await author.file("a", ["bad"], { links: 2 });
    const root = await author.tree([file, { ...file, name: "b" }]);
    await author.finish();
    await damage(author, "data", first(file));
    const target = newFolder();
    expect(codes(await restore({ author, root }, target))).toEqual(["damaged /a", "damaged /b"]);
    expect(look(target)).toEqual({});
  });

  test("in packs that are cut off or gone concerns only what is in them", async () => {
    const author = new Author(newRepository());
    const lost = await author.file("lost", ["in a pack of its own"]);
    await author.finish();
    const again = new Author(author.repository);
    const good = await again.file("good", ["good"]);
    await again.finish();
    for (let n = 0; n < again.index.count; n++) {
      const at = again.index.locationAt(n);
      if (at === undefined) continue;
      const pack = author.index.addPack(again.index.packId(at.pack));
      const id = Uint8Array.from(Buffer.from(again.index.idAt(n), "hex"));
      author.index.add("data", id, 0, pack, at.offset, at.lengthBytes, at.uncompressedBytes);
    }
    const root = await author.tree([good, lost]);
    await author.finish();
    const place = author.index.find("data", Uint8Array.from(Buffer.from(first(lost), "hex")), 0);
    await author.repository.backend.remove({ type: "pack", name: author.index.packId(place?.pack ?? -1) }, { signal });
    const target = newFolder();
    expect(codes(await restore({ author, root }, target))).toEqual(["damaged /lost"]);
    expect(look(target)).toEqual({ good: "good" });
  });
});

describe("a folder whose tree is damaged", () => {
  test("is made and told, and nothing in it is deleted", async () => {
    const author = new Author(newRepository());
    const bad = await author.folder("bad", [await author.file("f", ["x"])]);
    const root = await author.tree([
      bad,
      await author.file("good", ["good"]),
      node("none", { type: "dir", subtree: LOST }),
    ]);
    await author.finish();
    await damage(author, "tree", bad.subtree ?? LOST);
    const target = newFolder();
    await restore(
      await made(async (other) => [await other.folder("bad", [await other.file("mine", ["mine"])])]),
      target,
    );
    const result = await restore({ author, root }, target, { delete: true, verify: true });
    expect(codes(result)).toEqual(["damaged /bad", "damaged /none"]);
    expect(look(target)).toEqual({ bad: "(folder)", "bad/mine": "mine", good: "good", none: "(folder)" });
  });

  test("as the root leaves the target alone", async () => {
    const target = newFolder();
    writeFileSync(join(target, "mine"), "mine");
    const snapshot = await made(async () => []);
    expect(codes(await restore({ ...snapshot, root: LOST }, target, { delete: true }))).toEqual(["damaged /"]);
    expect(look(target)).toEqual({ mine: "mine" });
  });
});

describe("reading", () => {
  test("an in-place restore reads only the blobs that differ", async () => {
    const snapshot = await made(async (author) => [
      await author.file("large", [bytes(1_500_000, 3), bytes(1_500_000, 5), bytes(1_500_000, 7)]),
      await author.file("same", ["the same"]),
    ]);
    const { author, root } = snapshot;
    const target = newFolder();
    await restore(snapshot, target);
    const content = readFileSync(join(target, "large"));
    content[2_000_000] = (content[2_000_000] as number) ^ 1;
    writeFileSync(join(target, "large"), content);
    const { repository, backend } = watched(author.repository);
    const run = new Restore(repository, author.index, root, { target, workers: 2, signal });
    const { counts } = await run.run();
    expect(counts).toMatchObject({
      bytesRestored: 1_500_000,
      bytesUnchanged: 3_000_008,
      filesUpdated: 1,
      filesUnchanged: 1,
    });
    const trees = new Set<string>();
    for (let n = 0; n < author.index.count; n++) {
      const at = author.index.locationAt(n);
      if (at !== undefined && author.index.typeAt(n) === "tree") trees.add(author.index.packId(at.pack));
    }
    expect(backend.reads.filter(({ name }) => !trees.has(name))).toHaveLength(1);
  });

  test("neighbouring blobs come with one read, and a blob that many files share once", async () => {
    const snapshot = await made((author) =>
      Promise.all(Array.from({ length: 300 }, (_, n) => author.file(`f${n + 1000}`, [`content ${n % 50}`]))),
    );
    const { repository, backend } = watched(snapshot.author.repository);
    const target = newFolder();
    await new Restore(repository, snapshot.author.index, snapshot.root, { target, workers: 1, signal }).run();
    const packs = new Set(backend.reads.map(({ name }) => name));
    // Parts of the folder may be written before the rest of it is known, each with a read of its own.
    expect(backend.reads.length).toBeLessThanOrEqual(packs.size + 3);
    expect(backend.reads.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(60_000);
  });
});

describe("ending early", () => {
  test("an abort rejects with its reason and leaves no file that is not whole", async () => {
    // Random, so that many reads are needed.
    const large = Array.from({ length: 30 }, () => randomBytes(600_000));
    const snapshot = await made(async (author) => [
      await author.file("a", ["small"]),
      await author.file("large", large),
      await author.file("older", [bytes(3_000_000, 9)]),
    ]);
    const { repository, backend } = watched(snapshot.author.repository);
    const abort = new AbortController();
    const reason = new Error("enough");
    let reads = 0;
    backend.before = async () => {
      reads += 1;
      if (reads === 3) abort.abort(reason);
    };
    const target = newFolder();
    const run = new Restore(repository, snapshot.author.index, snapshot.root, {
      target,
      workers: 2,
      signal: abort.signal,
    });
    await expect(run.run()).rejects.toBe(reason);
    for (const name of ["large", "older"]) {
      if (!existsSync(join(target, name))) continue;
      expect(lstatSync(join(target, name), { bigint: true }).mtimeNs).toBe(1_700_000_000_123_456_789n);
    }
    expect(existsSync(join(target, "large"))).toBe(false);
  });

  test("an abort that has come already touches nothing", async () => {
    const target = join(newFolder(), "new");
    const run = restore(await made(async () => []), target, { signal: AbortSignal.abort(new Error("before")) });
    await expect(run).rejects.toThrow("before");
    expect(existsSync(target)).toBe(false);
  });

  test("a store that is out of reach ends the restore", async () => {
    const snapshot = await made(async (author) => [await author.file("f", ["x"])]);
    const { repository, backend } = watched(snapshot.author.repository);
    backend.before = () => Promise.reject(new Error("out of reach"));
    const target = newFolder();
    const run = new Restore(repository, snapshot.author.index, snapshot.root, { target, workers: 1, signal });
    await expect(run.run()).rejects.toThrow("out of reach");
    expect(statSync(target).isDirectory()).toBe(true);
  });
});
