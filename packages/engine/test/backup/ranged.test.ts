/** Files of which only ranges are read: what is stored is what a full read would have given. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ByteRange, GivenEntry, GivenPiece } from "../../src/backup/given-entries.ts";
import { MAX_CHUNK_BYTES, MIN_CHUNK_BYTES } from "../../src/chunker/limits.ts";
import { type Id, idToBytes } from "../../src/format/id.ts";
import { BlobReader } from "../../src/repository/blob-reader.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { TreeReader, resolvePath } from "../../src/repository/tree-reader.ts";
import { backUp, check, NEVER, newRepository, noise } from "../backup-lab.ts";

const MIB = 1024 * 1024;

interface Given {
  readonly since?: Id;
  readonly changed?: readonly ByteRange[];
  readonly path?: string;
  /** The snapshot to compare with, also when there is a newer one. */
  readonly parent?: Id;
}

interface Read {
  readonly snapshot: Id;
  readonly tree: Id;
  bytes: number;
  whole: string[];
  blobs: number;
}

/** Backs up `content`, and notes what of it was read. Zeros are given as such where a whole page has them. */
async function store(
  repository: Repository,
  content: Uint8Array,
  { since, changed = [], path = "/vm/disk", parent }: Given = {},
): Promise<Read> {
  const seen = { bytes: 0, whole: [] as string[] };
  const page = 65_536;
  async function* read({ start, end }: ByteRange): AsyncGenerator<GivenPiece> {
    for (let at = start; at < end;) {
      const to = Math.min(end, at - (at % page) + page);
      const piece = content.subarray(at, to);
      if (piece.every((byte) => byte === 0)) yield { zeros: piece.length };
      else {
        seen.bytes += piece.length;
        yield piece;
      }
      at = to;
    }
  }
  async function* entries(): AsyncGenerator<GivenEntry> {
    yield {
      kind: "ranged",
      path,
      sizeBytes: content.length,
      read,
      ...(since === undefined ? {} : { changes: { since, changed } }),
      onReadWhole: (reason) => void seen.whole.push(reason),
    };
  }
  const { snapshotId, treeId, counts } = await backUp(repository, [], {
    given: { paths: ["/vm"], entries: entries() },
    ...(parent === undefined ? {} : { parent: { kind: "id", text: parent } as const }),
  });
  return { ...seen, snapshot: snapshotId as Id, tree: treeId, blobs: counts.dataBlobs };
}

async function contentOf(
  repository: Repository,
  tree: Id,
  path = "/vm/disk",
): Promise<{ bytes: Buffer; sizes: number[] }> {
  const blobs = new BlobReader(repository, await loadIndex(repository, { signal: NEVER }));
  const found = await resolvePath(new TreeReader(blobs), tree, path, { signal: NEVER });
  const parts: Uint8Array[] = [];
  for (const id of found.node?.content ?? []) parts.push(await blobs.load("data", id, { signal: NEVER }));
  const bytes = Buffer.concat(parts);
  expect(bytes.length).toBe(found.node?.size);
  return { bytes, sizes: parts.map(({ length }) => length) };
}

/** Random bytes with stretches of zeros. */
function disk(bytes: number, seed: number): Uint8Array {
  const content = Uint8Array.from(noise(bytes, seed));
  for (let at = 0; at + 3 * MIB < bytes; at += 5 * MIB) content.fill(0, at, at + 2 * MIB);
  return content;
}

const edits = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    bytes: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: MIB })),
    zero: fc.boolean(),
  }),
  { maxLength: 5 },
);

describe("a ranged file", () => {
  test("after any edits, growth or truncation holds exactly the new bytes, and little more than the edits is read", async () => {
    const first = disk(10 * MIB, 1);
    const repository = await newRepository();
    const base = await store(repository, first);
    expect((await contentOf(repository, base.tree)).bytes.equals(first)).toBe(true);
    let seed = 100;
    await fc.assert(
      fc.asyncProperty(edits, fc.integer({ min: -4 * MIB, max: 4 * MIB }), fc.boolean(), async (list, by, resized) => {
        const size = first.length + (resized ? by : 0);
        const now = new Uint8Array(size);
        now.set(first.subarray(0, size));
        if (size > first.length) now.set(noise(size - first.length, ++seed), first.length);
        const changed = list.map(({ at, bytes, zero }) => {
          const start = Math.floor(at * size);
          const end = Math.min(size, start + bytes);
          now.set(zero ? new Uint8Array(end - start) : noise(end - start, ++seed), start);
          return { start, end };
        });
        const next = await store(repository, now, { since: base.snapshot, parent: base.snapshot, changed });
        expect(next.whole).toEqual([]);
        const { bytes, sizes } = await contentOf(repository, next.tree);
        expect(bytes.equals(now)).toBe(true);
        expect(sizes.slice(0, -1).every((each) => each >= MIN_CHUNK_BYTES)).toBe(true);
        const touched =
          changed.reduce((sum, { start, end }) => sum + end - start, 0) + Math.max(0, size - first.length);
        expect(next.bytes).toBeLessThanOrEqual(touched + (changed.length + 1) * 2 * MAX_CHUNK_BYTES);
        if (changed.length === 0 && size === first.length) expect(next.bytes).toBe(0);
      }),
      {
        numRuns: 10,
        examples: [
          [[], 0, false],
          [[{ at: 0.5, bytes: 1, zero: false }], 0, false],
        ],
      },
    );
  });

  test("is cut as a stream of the same bytes is, zeros included", async () => {
    const content = disk(20 * MIB, 7);
    content.fill(0, 9 * MIB + 12_345, 17 * MIB + 999);
    const repository = await newRepository();
    const { tree } = await store(repository, content);
    const stream = async function* (): AsyncGenerator<GivenEntry> {
      yield {
        kind: "file",
        path: "/s/disk",
        content: (async function* () {
          for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000);
        })(),
      };
    };
    const streamed = await backUp(repository, [], { given: { paths: ["/s"], entries: stream() } });
    expect(streamed.counts.dataBlobs).toBe(0);
    expect((await contentOf(repository, streamed.treeId, "/s/disk")).sizes).toEqual(
      (await contentOf(repository, tree)).sizes,
    );
  });

  test("of hundreds of gigabytes of zeros is stored at once", async () => {
    const repository = await newRepository();
    const size = 256 * 1024 * MIB;
    async function* entries(): AsyncGenerator<GivenEntry> {
      yield {
        kind: "ranged",
        path: "/vm/disk",
        sizeBytes: size,
        async *read({ start, end }) {
          yield { zeros: end - start };
        },
      };
    }
    const { counts } = await backUp(repository, [], { given: { paths: ["/vm"], entries: entries() } });
    expect(counts).toMatchObject({ bytesDone: size, dataBlobs: 1 });
  });

  describe("is read whole, and says why,", () => {
    const content = disk(6 * MIB, 3);
    const edited = Uint8Array.from(content);
    edited.set(noise(1000, 4), 3 * MIB);
    const changed = [{ start: 3 * MIB, end: 3 * MIB + 1000 }];

    test.for<[string, (repository: Repository, parent: Read) => Promise<Given>, RegExp]>([
      ["without a snapshot before", async () => ({ since: "0".repeat(64) as Id }), /another snapshot/],
      [
        "when the snapshot before is another",
        async (repository, parent) => {
          await store(repository, noise(10, 9));
          return { since: parent.snapshot };
        },
        /another snapshot/,
      ],
      [
        "when it had no such file",
        async (_, parent) => ({ since: parent.snapshot, path: "/vm/other" }),
        /does not have it/,
      ],
    ])("%s", async ([, prepare, reason]) => {
      const repository = await newRepository();
      const parent = await store(repository, content);
      const given = await prepare(repository, parent);
      const next = await store(repository, edited, { changed, ...given });
      expect(next.whole).toEqual([expect.stringMatching(reason)]);
      expect((await contentOf(repository, next.tree, given.path)).bytes.equals(edited)).toBe(true);
    });

    test("when the repository has lost a part of it: the part is then stored again", async () => {
      const repository = await newRepository();
      const parent = await store(repository, content);
      const index = await loadIndex(repository, { signal: NEVER });
      const trees = new TreeReader(new BlobReader(repository, index));
      const found = await resolvePath(trees, parent.tree, "/vm/disk", { signal: NEVER });
      const lost = index.find("data", idToBytes(found.node?.content?.at(-1) as Id), 0);
      await repository.backend.remove({ type: "pack", name: index.packId(lost?.pack as number) }, { signal: NEVER });
      const next = await store(repository, edited, { since: parent.snapshot, changed });
      expect(next.whole).toEqual([expect.stringMatching(/lost a part/)]);
      expect((await contentOf(repository, next.tree)).bytes.equals(edited)).toBe(true);
      expect((await check(repository)).findings).toBeDefined();
    });
  });

  test("whose reader gives too little makes no snapshot", async () => {
    const repository = await newRepository();
    async function* entries(): AsyncGenerator<GivenEntry> {
      yield {
        kind: "ranged",
        path: "/vm/disk",
        sizeBytes: 1000,
        async *read() {
          yield new Uint8Array(999);
        },
      };
    }
    await expect(backUp(repository, [], { given: { paths: ["/vm"], entries: entries() } })).rejects.toThrow(
      /999 bytes came/,
    );
  });
});
