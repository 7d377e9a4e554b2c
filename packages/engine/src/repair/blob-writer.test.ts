import { beforeEach, describe, expect, test } from "vitest";
import { NEVER, newRepository } from "../../test/backup-lab.ts";
import { idOf, idToBytes, type BlobType } from "../format/id.ts";
import type { BlobLocation } from "../index/blob-index.ts";
import type { CompressionMode } from "../platform/zstd.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { loadIndex } from "../repository/load-index.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobWriter } from "./blob-writer.ts";

const text = Buffer.from(Array.from({ length: 3000 }, (_, n) => `${(n * n) % 977} lines of text`).join("\n"));
let repository: Repository;

beforeEach(async () => {
  repository = await newRepository();
});

async function store(type: BlobType, compression?: CompressionMode): Promise<BlobLocation> {
  const index = await loadIndex(repository, { signal: NEVER });
  const settings = compression === undefined ? {} : { compression };
  const writer = new BlobWriter(repository, index, { signal: NEVER, ...settings });
  const id = await writer.put(type, text);
  await writer.finish();
  expect(id).toBe(idOf(text));
  const stored = await loadIndex(repository, { signal: NEVER });
  expect(Buffer.from(await new BlobReader(repository, stored).load(type, id, { signal: NEVER }))).toEqual(text);
  return stored.findAll(type, idToBytes(id), 0).at(-1) as BlobLocation;
}

describe("blobs that a repair writes", () => {
  test("are compressed as hard as is asked for, and `auto` when nothing is", async () => {
    const auto = await store("data");
    const max = await store("data", "max");
    expect(auto.uncompressedBytes).toBe(text.length);
    expect(max.lengthBytes).toBeLessThan(auto.lengthBytes);
  });

  test("without compression are stored as they are, but trees are compressed even so", async () => {
    expect((await store("data", "off")).uncompressedBytes).toBe(0);
    expect((await store("tree", "off")).uncompressedBytes).toBe(text.length);
  });
});
