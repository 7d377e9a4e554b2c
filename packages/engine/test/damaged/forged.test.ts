import { isHoldfastError } from "@holdfast/base";
import { bytesSource } from "@holdfast/storage";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dumpTar } from "../../src/browse/dump.ts";
import { walkSnapshot } from "../../src/browse/walk.ts";
import { idOf, parseId, type Id } from "../../src/format/id.ts";
import { encodeNode } from "../../src/format/node.ts";
import { TreeEncoder } from "../../src/format/tree.ts";
import { planIndexRepair } from "../../src/repair/repair-index.ts";
import { executePackRepair, planPackRepair } from "../../src/repair/repair-packs.ts";
import { planSnapshotRepair } from "../../src/repair/repair-snapshots.ts";
import { BlobReader } from "../../src/repository/blob-reader.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import { MAX_DOCUMENT_BYTES, type Repository } from "../../src/repository/repository.ts";
import { TreeReader } from "../../src/repository/tree-reader.ts";
import { check, NEVER } from "../backup-lab.ts";
import { Author, newRepository, node } from "../made-repository.ts";
import { forge } from "./good.ts";
import { repairAll } from "./repair-all.ts";

const GIB = 2 ** 30;
const MAX_GROWTH_BYTES = 300 * 2 ** 20;
const BLOCK_BYTES = 128 * 1024;
const ID = parseId("ab".repeat(32));
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

// The most that the process ever held, so that memory which was freed again counts too.
const peak = (): number => process.resourceUsage().maxRSS * 1024;
let before = 0;
let allowed = MAX_GROWTH_BYTES;
beforeEach(() => {
  before = peak();
  allowed = MAX_GROWTH_BYTES;
});
afterEach(() => {
  const grown = peak() - before;
  if (grown > allowed) throw new Error(`memory grew by ${grown} bytes, allowed are ${allowed}`);
});

/** A zstd frame of runs of zeros: 4 bytes for every 128 KiB. @param declares its content size is in its header */
function bomb(bytes: number, declares: boolean): Buffer {
  const blocks = Math.ceil(bytes / BLOCK_BYTES);
  const head = Buffer.alloc(declares ? 13 : 6);
  head.writeUInt32LE(0xfd2fb528, 0);
  head.writeUInt8(declares ? 0xe0 : 0x00, 4);
  if (declares) head.writeBigUInt64LE(BigInt(blocks) * BigInt(BLOCK_BYTES), 5);
  else head.writeUInt8(10 << 3, 5);
  const body = Buffer.alloc(blocks * 4);
  for (let n = 0; n < blocks; n++) body.writeUIntLE((BLOCK_BYTES << 3) | 2 | (n === blocks - 1 ? 1 : 0), n * 4, 3);
  return Buffer.concat([head, body]);
}

async function load(repository: Repository, type: "data" | "tree", id: Id): Promise<Uint8Array> {
  return new BlobReader(repository, await loadIndex(repository, { signal: NEVER })).load(type, id, { signal: NEVER });
}

describe("a blob of a few kilobytes that holds 10 GiB", () => {
  const claims = [
    { claims: "nearly 4 GiB", claimedBytes: 0xffff_ffff, declares: true, code: "ENGINE_MALFORMED" },
    {
      claims: "nearly 4 GiB, in a frame that does not say",
      claimedBytes: 0xffff_ffff,
      declares: false,
      code: "ENGINE_MALFORMED",
    },
    { claims: "a thousand bytes", claimedBytes: 1000, declares: true, code: "ENGINE_DECOMPRESS" },
    {
      claims: "a thousand bytes, in a frame that does not say",
      claimedBytes: 1000,
      declares: false,
      code: "ENGINE_DECOMPRESS",
    },
    { claims: "a gigabyte", claimedBytes: GIB, declares: true, code: "ENGINE_DECOMPRESS" },
  ];
  test.each(claims)(
    "and claims $claims is refused with $code, found by a check, and given up by a repair",
    async (each) => {
      const { claimedBytes, declares, code } = each;
      const author = new Author(newRepository());
      const { repository } = author;
      const tree = await author.tree([
        node("bomb", { content: [ID], size: claimedBytes }),
        await author.file("good", ["x"]),
      ]);
      await author.finish();
      const payload = bomb(10 * GIB, declares);
      const pack = await forge(repository, [{ type: "data", id: ID, payload, claimedBytes }]);
      await author.snapshot(tree);
      await expect(load(repository, "data", ID)).rejects.toEqual(failsWith(code));
      const index = await loadIndex(repository, { signal: NEVER });
      const archive = dumpTar(repository, index, tree, { signal: NEVER });
      await expect(drain(archive)).rejects.toEqual(failsWith(code));
      const result = await check(repository);
      expect(result.findings.map((finding) => finding.code)).toEqual(["blob-damaged"]);
      expect(result.affected.map(({ path }) => path)).toEqual(["/bomb"]);
      const plan = await planPackRepair(repository, [pack.id], { signal: NEVER });
      expect(plan.packs).toMatchObject([{ salvagedBlobs: 0, lost: [{ id: ID }] }]);
      await executePackRepair(repository, plan, { signal: NEVER, onBackup: async () => {} });
      await repairAll(repository, (await check(repository)).findings);
      expect((await check(repository)).healthy).toBe(true);
    },
  );

  test("as a tree is refused before anything of it is held", async () => {
    const repository = newRepository();
    const payload = bomb(10 * GIB, true);
    await forge(repository, [{ type: "tree", id: ID, payload, claimedBytes: 0xffff_ffff }]);
    await new Author(repository).snapshot(ID);
    await expect(load(repository, "tree", ID)).rejects.toEqual(failsWith("ENGINE_MALFORMED"));
    const plan = await planSnapshotRepair(repository, { signal: NEVER });
    expect(plan.broken).toMatchObject([{ newTree: undefined }]);
  });
});

describe("a document that holds 10 GiB", () => {
  test.each([true, false])("is damage of an index or a snapshot (declared size: %s)", async (declares) => {
    // Documents have no size in an index: a frame that does not say gets the most that a document may have, each time.
    if (!declares) allowed = 3 * MAX_DOCUMENT_BYTES;
    const repository = newRepository();
    const sealed = repository.sealer.seal(Buffer.concat([Buffer.of(2), bomb(10 * GIB, declares)]));
    for (const type of ["index", "snapshot"] as const) {
      await repository.backend.save({ type, name: idOf(sealed) }, bytesSource(sealed), { signal: NEVER });
    }
    await expect(loadIndex(repository, { signal: NEVER })).rejects.toMatchObject({
      code: "ENGINE_INDEX_DAMAGED",
      cause: { code: "ENGINE_DECOMPRESS" },
    });
    const { findings } = await check(repository);
    expect(findings.map(({ code }) => code)).toEqual(["snapshot-damaged", "index-damaged"]);
    const plan = await planIndexRepair(repository, { readAllPacks: false, signal: NEVER });
    expect(plan.damagedIndexes).toMatchObject([{ id: idOf(sealed) }]);
  });
});

describe("a pack", () => {
  test("that claims a header of 4 GiB is malformed", async () => {
    const repository = newRepository();
    const bytes = Buffer.alloc(10_000, 0xff);
    await repository.backend.save({ type: "pack", name: idOf(bytes) }, bytesSource(bytes), { signal: NEVER });
    const plan = await planIndexRepair(repository, { readAllPacks: false, signal: NEVER });
    expect(plan.unreadablePacks).toMatchObject([{ id: idOf(bytes), listedBlobs: 0 }]);
    expect(plan.unreadablePacks[0]?.reason).toMatch(/more than the file/);
  });

  test("whose header leaves bytes of the file unexplained is not trusted", async () => {
    const repository = newRepository();
    const pack = await forge(repository, [{ type: "data", id: ID, payload: Buffer.from("x"), claimedBytes: 0 }]);
    const key = { type: "pack", name: pack.id } as const;
    const whole = await repository.backend.load(key, undefined, (chunks) => Array.fromAsync(chunks), { signal: NEVER });
    const padded = Buffer.concat([Buffer.alloc(100), ...whole]);
    await repository.backend.save({ type: "pack", name: idOf(padded) }, bytesSource(padded), { signal: NEVER });
    const plan = await planIndexRepair(repository, { readAllPacks: false, signal: NEVER });
    expect(plan.unreadablePacks).toMatchObject([{ id: idOf(padded) }]);
  });
});

describe("trees of a forger", () => {
  test("a name that leads out of its folder is found, left out of archives and repaired away", async () => {
    const author = new Author(newRepository());
    const { repository, index } = author;
    const tree = await author.tree([
      await author.file("../x", ["out"]),
      await author.file("/etc/x", ["out"]),
      await author.file("good", ["in"]),
    ]);
    await author.finish();
    await author.snapshot(tree);
    const { findings, healthy } = await check(repository);
    expect(healthy).toBe(false);
    expect(findings.map(({ code }) => code)).toEqual(["tree-name", "tree-name"]);
    const problems: string[] = [];
    const archive = dumpTar(repository, index, tree, {
      signal: NEVER,
      onProblem: ({ error }) => problems.push(error.code),
    });
    const bytes = Buffer.concat(await Array.fromAsync(archive));
    expect(bytes.includes("etc/x")).toBe(false);
    expect(bytes.includes("../x")).toBe(false);
    expect(problems).toEqual(["ENGINE_TREE_UNSAFE_NAME", "ENGINE_TREE_UNSAFE_NAME"]);
    await repairAll(repository, findings);
    expect((await check(repository)).healthy).toBe(true);
  });

  test("an index that passes off a tree as one that it contains ends no walk in a circle", async () => {
    const author = new Author(newRepository());
    const { repository } = author;
    // No tree can name its own id; but an index can claim that these bytes have the id which they name.
    const encoder = new TreeEncoder();
    encoder.append(encodeNode(node("again", { type: "dir", subtree: ID })));
    const payload = encoder.finish();
    const pack = await forge(repository, [{ type: "tree", id: ID, payload, claimedBytes: 0 }]);
    await author.snapshot(ID);
    const { findings, affected } = await check(repository);
    expect(findings.map(({ code }) => code)).toEqual(["blob-damaged"]);
    expect(affected.map(({ path }) => path)).toEqual(["/"]);
    await expect(load(repository, "tree", ID)).rejects.toEqual(failsWith("ENGINE_WRONG_HASH"));
    const trees = new TreeReader(new BlobReader(repository, await loadIndex(repository, { signal: NEVER })));
    await expect(drain(walkSnapshot(trees, ID, { signal: NEVER }))).rejects.toEqual(failsWith("ENGINE_WRONG_HASH"));
    const plan = await planPackRepair(repository, [pack.id], { signal: NEVER });
    expect(plan.packs).toMatchObject([{ salvagedBlobs: 0 }]);
  });

  test("bytes that are no tree are malformed, in a check and in a repair", async () => {
    const author = new Author(newRepository());
    const { repository } = author;
    const payload = Buffer.from(`{"nodes":[{"name":`);
    const id = idOf(payload);
    await forge(repository, [{ type: "tree", id, payload, claimedBytes: 0 }]);
    await author.snapshot(id);
    const { findings } = await check(repository);
    expect(findings.map(({ code }) => code)).toEqual(["tree-malformed"]);
    expect((await planSnapshotRepair(repository, { signal: NEVER })).broken).toMatchObject([{ newTree: undefined }]);
  });
});

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}
