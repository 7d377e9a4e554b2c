/** A restore reads from one copy of a repository and goes over to another, or takes single blobs from it. */
import { createCipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HoldfastError } from "@holdfast/base";
import { bytesSource, storageError } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { Author, newRepository, signal } from "../../test/made-repository.ts";
import { type Made, codes, damage, newFolder, restore, watched } from "../../test/restore-lab.ts";
import type { TreeNode } from "../format/node.ts";
import type { CopyChange } from "./copies.ts";
import type { OpenedCopy, StandbyCopy } from "./copy-reader.ts";

const FILES = 12;
/** So many that no restore gets by with five reads, however its workers put them together. */
const LARGE_PARTS = 16;

/** What does not get smaller, so that a restore needs many reads. */
function part(n: number): Uint8Array {
  const key = Buffer.alloc(32, n + 1);
  return createCipheriv("chacha20", key, Buffer.alloc(16)).update(Buffer.alloc(1_500_000));
}

/** The same snapshot in a repository of its own: another key, other packs. */
async function copyOf(reverse: boolean): Promise<Made & { large: TreeNode; small: TreeNode[] }> {
  const author = new Author(newRepository());
  const names = Array.from({ length: FILES }, (_, n) => `f${String(n).padStart(2, "0")}`);
  const small = new Map<string, TreeNode>();
  const add = async (name: string): Promise<void> => {
    small.set(name, await author.file(name, [`content of ${name} `.repeat(50), `more of ${name}`]));
  };
  let large: TreeNode | undefined;
  const addLarge = async (): Promise<void> => {
    large = await author.file(
      "large",
      Array.from({ length: LARGE_PARTS }, (_, n) => part(n)),
    );
  };
  if (reverse) await addLarge();
  for (const name of reverse ? names.toReversed() : names) await add(name);
  if (!reverse) await addLarge();
  const nodes = names.map((name) => small.get(name) as TreeNode);
  const below = await author.folder("below", nodes);
  const root = await author.tree([below, large as TreeNode]);
  await author.finish();
  await author.repository.backend.save({ type: "config", name: "" }, bytesSource(Buffer.from("{}")), { signal });
  return { author, root, large: large as TreeNode, small: nodes };
}

function standby(author: OpenedCopy): StandbyCopy {
  return { location: "second", open: () => Promise.resolve(author) };
}

function expectAll(target: string): void {
  for (let n = 0; n < FILES; n++) {
    const name = `f${String(n).padStart(2, "0")}`;
    const text = readFileSync(join(target, "below", name), "utf8");
    expect(text).toBe(`${`content of ${name} `.repeat(50)}more of ${name}`);
  }
  const large = readFileSync(join(target, "large"));
  expect(large.equals(Buffer.concat(Array.from({ length: LARGE_PARTS }, (_, n) => part(n))))).toBe(true);
}

const GONE = storageError("STORAGE_UNAVAILABLE", { location: "first", reason: "it is gone" });

/** The first copy, of which so many reads of packs succeed before `then`. */
function lostAfter(copy: Made, reads: number, then: () => Promise<void>): OpenedCopy {
  const { repository, backend } = watched(copy.author.repository);
  let count = 0;
  backend.before = () => (++count > reads ? then() : Promise.resolve());
  return { repository, index: copy.author.index };
}

const never = (): Promise<void> => new Promise(() => {});
const fails = (): Promise<void> => Promise.reject(GONE);

function restoreFrom(first: OpenedCopy, { root }: Made, target: string, options: Parameters<typeof restore>[2] = {}) {
  return restore({ author: first as Author, root }, target, { verify: true, workers: 2, ...options });
}

describe("a restore with another copy", () => {
  test.for([0, 1, 2, 3, 4, 5])("goes on from it when the first fails after %i reads", async (reads) => {
    const [first, second] = [await copyOf(false), await copyOf(true)];
    const target = newFolder();
    const changes: CopyChange[] = [];
    const other = watched(second.author.repository);
    const result = await restoreFrom(lostAfter(first, reads, fails), first, target, {
      standby: [standby({ repository: other.repository, index: second.author.index })],
      onChange: (change) => changes.push(change),
    });
    expect(codes(result)).toEqual([]);
    expectAll(target);
    expect(changes).toMatchObject([{ reason: GONE.message }]);
    expect(result).toMatchObject({ changes: 1, damages: [], counts: { filesRestored: FILES + 1, filesUpdated: 0 } });
    expect(other.backend.reads.length).toBeGreaterThan(0);
  });

  test("leaves one from which nothing comes, although it does not fail", async () => {
    const [first, second] = [await copyOf(false), await copyOf(true)];
    const target = newFolder();
    const result = await restoreFrom(lostAfter(first, 2, never), first, target, {
      standby: [standby(second.author)],
      haltMs: 300,
    });
    expect(codes(result)).toEqual([]);
    expectAll(target);
    expect(result.changes).toBe(1);
  });

  test("comes back to the first when the second fails as well", async () => {
    const [first, second] = [await copyOf(false), await copyOf(true)];
    const target = newFolder();
    let isOut = true;
    const flaky = lostAfter(first, 2, () => (isOut ? fails() : Promise.resolve()));
    const broken = lostAfter(second, 0, () => {
      isOut = false;
      return fails();
    });
    const result = await restoreFrom(flaky, first, target, { standby: [standby(broken)] });
    expect(codes(result)).toEqual([]);
    expectAll(target);
    expect(result.changes).toBe(2);
  }, 30_000);

  test("fails with the reason when no copy is left", async () => {
    const first = await copyOf(false);
    const denied = storageError("STORAGE_PERMISSION", { location: "first", reason: "no" });
    const broken = (): OpenedCopy => lostAfter(first, 1, () => Promise.reject(denied));
    const run = restoreFrom(broken(), first, newFolder(), { standby: [standby(broken())] });
    await expect(run).rejects.toMatchObject({ code: "STORAGE_PERMISSION" });
  });

  test("does not go over to one that cannot be opened, or lacks the tree", async () => {
    const first = await copyOf(false);
    const denied = storageError("STORAGE_PERMISSION", { location: "first", reason: "no" });
    const lost = lostAfter(first, 1, () => Promise.reject(denied));
    const closed: StandbyCopy = { location: "closed", open: () => Promise.reject(denied) };
    const empty = standby(new Author(newRepository()));
    const run = restoreFrom(lost, first, newFolder(), { standby: [closed, empty] });
    await expect(run).rejects.toMatchObject({ code: "STORAGE_PERMISSION" });
  });

  test("takes from it only what is damaged in the first, and says which packs are", async () => {
    const [first, second] = [await copyOf(false), await copyOf(true)];
    const id = first.large.content?.[2] ?? "";
    await damage(first.author, "data", id as never);
    const other = watched(second.author.repository);
    const target = newFolder();
    const result = await restoreFrom(first.author, first, target, {
      standby: [standby({ repository: other.repository, index: second.author.index })],
    });
    expect(codes(result)).toEqual([]);
    expectAll(target);
    expect(result).toMatchObject({ changes: 0, damages: [{ blobs: 1 }] });
    expect(result.damages[0]?.packs.length).toBe(1);
    expect(other.backend.reads.length).toBeLessThan(5);
  });

  test("takes a damaged tree from it as well, and a blob that the one lacks from another", async () => {
    const [first, second, third] = [await copyOf(false), await copyOf(true), await copyOf(false)];
    await damage(first.author, "tree", first.root);
    const id = first.small[3]?.content?.[0];
    await damage(first.author, "data", id as never);
    await damage(second.author, "data", id as never);
    const target = newFolder();
    const standing = [standby(second.author), standby(third.author)];
    const result = await restoreFrom(first.author, first, target, { standby: standing });
    expect(codes(result)).toEqual([]);
    expect(result).toMatchObject({ changes: 0, damages: [{ blobs: 2 }] });
    expectAll(target);
  });

  test("tells as damaged what no copy has", async () => {
    const [first, second] = [await copyOf(false), await copyOf(true)];
    const id = first.small[3]?.content?.[0];
    for (const { author } of [first, second]) await damage(author, "data", id as never);
    const result = await restoreFrom(first.author, first, newFolder(), { standby: [standby(second.author)] });
    expect(codes(result)).toEqual(["damaged /below/f03"]);
  });

  test("ends with the reason when it is aborted while it looks for another", async () => {
    const first = await copyOf(false);
    const stop = new AbortController();
    const opening: StandbyCopy = {
      location: "slow",
      open: () => {
        stop.abort(new Error("stop"));
        return new Promise(() => {});
      },
    };
    const lost = lostAfter(first, 1, fails);
    const run = restoreFrom(lost, first, newFolder(), { standby: [opening], signal: stop.signal });
    await expect(run).rejects.toThrow("stop");
  });

  test("alone it fails as it did", async () => {
    const first = await copyOf(false);
    const run = restoreFrom(lostAfter(first, 1, fails), first, newFolder());
    await expect(run).rejects.toBeInstanceOf(HoldfastError);
  });
});
