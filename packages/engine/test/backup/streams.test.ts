/** A backup of a stream: the same chunks as a file with the same bytes, and no snapshot of half a stream. */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MIN_CHUNK_BYTES } from "../../src/chunker/chunker.ts";
import { BlobReader } from "../../src/repository/blob-reader.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import { resolvePath, TreeReader } from "../../src/repository/tree-reader.ts";
import { givenStream } from "../../src/backup/given-entries.ts";
import type { Id } from "../../src/format/id.ts";
import { backUp, check, namesOf, NEVER, newRepository, noise, scratchFolder, writeFiles } from "../backup-lab.ts";

const folder = scratchFolder();
const PACK = { packSizeBytes: 4 * 1024 * 1024 };

async function* inPieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? bytes.length;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** The content of the file at a path of a tree. */
async function contentAt(
  repository: Repository,
  tree: Id,
  path: string,
): Promise<{ content: readonly Id[]; size: number }> {
  const trees = new TreeReader(new BlobReader(repository, await loadIndex(repository, { signal: NEVER })));
  const found = await resolvePath(trees, tree, path, { signal: NEVER });
  if (found.kind !== "node") throw new Error(`${path} is a folder`);
  return { content: found.node.content ?? [], size: found.node.size };
}

describe("a stream", () => {
  test.for<[what: string, bytes: Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["one byte", new Uint8Array(1)],
    ["less than a chunk", noise(MIN_CHUNK_BYTES - 1, 1)],
    ["many chunks", noise(11_000_000, 2)],
    ["zeros, cut at the largest size", new Uint8Array(20_000_000)],
  ])("gives the chunks of a file with the same bytes, however it comes in pieces: %s", async ([what, bytes]) => {
    const repository = await newRepository();
    const name = what.replaceAll(" ", "-");
    writeFiles(folder, { [name]: bytes });
    const whole = await backUp(repository, [join(folder, name)], PACK);
    const file = await contentAt(repository, whole.treeId, join(folder, name));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 100_000, max: 12_000_000 }), { minLength: 1, maxLength: 4 }),
        async (sizes) => {
          const given = givenStream("dir/sub/data.img", inPieces(bytes, sizes));
          const { treeId, counts } = await backUp(repository, [], { ...PACK, given, parent: { kind: "none" } });
          expect(await contentAt(repository, treeId, "/dir/sub/data.img")).toEqual(file);
          expect(counts).toMatchObject({ dataBlobs: 0, bytesDone: bytes.length, filesNew: 1 });
        },
      ),
      { numRuns: 3 },
    );
    expect(file.size).toBe(bytes.length);
    expect((await check(repository)).healthy).toBe(true);
  });

  test("that fails leaves no snapshot, and its chunks are used by the next", async () => {
    const repository = await newRepository();
    const bytes = noise(25_000_000, 3);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield* inPieces(bytes, [5_000_000]);
      while ((await namesOf(repository.backend, "pack")).length === 0) await setTimeout(5);
      throw new Error("pg_dump ended with code 1");
    }
    const failing = backUp(repository, [], {
      ...PACK,
      packSizeBytes: 1024 * 1024,
      given: givenStream("dump", broken()),
      parent: { kind: "none" },
    });
    await expect(failing).rejects.toThrow("pg_dump ended with code 1");
    expect(await listSnapshots(repository, { signal: NEVER })).toEqual([]);
    expect((await check(repository)).healthy).toBe(true);
    const { counts, snapshotId } = await backUp(repository, [], {
      ...PACK,
      given: givenStream("dump", inPieces(bytes, [70_000])),
      parent: { kind: "none" },
    });
    expect(snapshotId).toBeDefined();
    expect(counts.dataAdded).toBeLessThan(bytes.length);
  });

  test("is closed when the backup fails meanwhile", async () => {
    const repository = await newRepository();
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (let n = 0; ; n++) yield noise(600_000, n % 200);
      } finally {
        closed = true;
      }
    }
    repository.backend.save = () => Promise.reject(new Error("the disk is full"));
    await expect(
      backUp(repository, [], { given: givenStream("x", endless()), parent: { kind: "none" } }),
    ).rejects.toThrow("the disk is full");
    expect(closed).toBe(true);
  });
});
