import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fillSample } from "../chunker/testdata/sample-bytes.ts";
import { newMasterKey } from "../crypto/master-key.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { PackPool, PackSealer } from "../packs/pack-pool.ts";
import { Counters } from "../workers/counters.ts";
import { BlobStore } from "./blob-store.ts";
import { FileContentReader, type ExpectedFile } from "./file-content.ts";
import { BACKUP_COUNTERS } from "./messages.ts";

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "holdfast-content-"));
afterAll(() => rmSync(folder, { recursive: true }));

function newReader(onBytes: (bytes: number) => void = () => {}): FileContentReader {
  const pool = PackPool.create({ packSizeBytes: 4096, slots: 4 });
  const blobs = new BlobStore({
    index: BlobIndex.create(),
    sealer: new PackSealer(pool, newMasterKey(), () => expect.unreachable("a dry run makes no pack")),
    counters: Counters.create(BACKUP_COUNTERS),
    compression: "off",
    repositoryVersion: 2,
    dryRun: true,
  });
  return new FileContentReader({ blobs, polynomial: 0x3da3358b4dc173n, onBytes });
}

/** What a look at the file before it was opened told, if it had this size then. */
function lookedAt(path: string, size: number): ExpectedFile {
  const { mtimeNs, ino } = statSync(path, { bigint: true });
  return { size, mtimeNs, inode: ino };
}

describe("a file that is not as large as it was a moment ago", () => {
  const path = join(folder, "file");
  const sample = new Uint8Array(20 * MIB);
  fillSample(sample, 1);
  writeFileSync(path, sample);
  const usual = newReader().readAll(path, lookedAt(path, 20 * MIB));

  test.for([0, 1, 100, MIB, 9 * MIB, 10 * MIB - 1, 20 * MIB - 1])(
    "is read to its end, and cut the same: expected %i bytes",
    (size) => {
      let steps = 0;
      const { content, bytes, changed } = newReader(() => steps++).readAll(path, lookedAt(path, size));
      expect({ content, bytes }).toEqual({ content: usual.content, bytes: 20 * MIB });
      expect(changed).toBe(`it grew from ${size} to ${20 * MIB} bytes while it was read`);
      // Every step looks for a cut in all that was read and not cut yet.
      expect(steps).toBeLessThan(50);
    },
  );

  test("is stored as short as it is", () => {
    const { content, bytes, changed } = newReader().readAll(path, lookedAt(path, 30 * MIB));
    expect({ content, bytes }).toEqual({ content: usual.content, bytes: 20 * MIB });
    expect(changed).toBe(`it shrank from ${30 * MIB} to ${20 * MIB} bytes while it was read`);
  });

  test("nothing is said of one that is as it was", () => {
    expect(usual).toMatchObject({ bytes: 20 * MIB, changed: undefined });
    expect(usual.content.length).toBeGreaterThan(3);
  });
});
