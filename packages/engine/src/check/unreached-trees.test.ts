import { MemoryBackend } from "@holdfast/storage/testing";
import { describe, expect, test } from "vitest";
import { newMasterKey } from "../crypto/master-key.ts";
import { hashInto, idOf, parseId, type Id } from "../format/id.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { PackIntake } from "../packs/pack-intake.ts";
import { PackPool, PackSealer } from "../packs/pack-pool.ts";
import { Repository } from "../repository/repository.ts";
import { saveSnapshot } from "../repository/snapshots.ts";
import { Check } from "./check.ts";

const { signal } = new AbortController();
const LOST = "ab".repeat(32);
/** A tree with one file, whose content no pack has: a run was ended before it could store that. */
const tree = Buffer.from(
  `{"nodes":[{"name":"file","type":"file","mode":420,"mtime":"2026-01-01T00:00:00Z","atime":"2026-01-01T00:00:00Z",` +
    `"ctime":"2026-01-01T00:00:00Z","uid":0,"gid":0,"inode":1,"size":4,"links":1,"content":["${LOST}"]}]}\n`,
);

async function repositoryWithTree(): Promise<Repository> {
  const repository = new Repository({
    backend: new MemoryBackend(),
    config: { version: 2, id: parseId("cd".repeat(32)), chunkerPolynomial: 0x3da3358b4dc173n },
    masterKey: newMasterKey(),
    keyId: parseId("ef".repeat(32)),
  });
  const pool = PackPool.create({ packSizeBytes: 4096, slots: 4 });
  const onFailure = (error: unknown): void => expect.unreachable(String(error));
  const intake = new PackIntake({ repository, index: BlobIndex.create(), pool, signal, onFailure });
  const sealer = new PackSealer(pool, repository.masterKey, (pack) => intake.accept(pack));
  const id = new Uint8Array(32);
  hashInto(tree, id, 0);
  sealer.store("tree", id, 0, tree, 0);
  sealer.flush();
  await intake.finish();
  return repository;
}

async function damageIn(repository: Repository): Promise<{ healthy: boolean; codes: string[]; unusedBlobs: number }> {
  const options = { readData: { kind: "none" }, workers: 1, signal, onFinding: () => {} } as const;
  const { healthy, findings, unusedBlobs } = await new Check(repository, options).run();
  return { healthy, codes: findings.map(({ code }) => code), unusedBlobs };
}

describe("a tree whose content is not in the repository", () => {
  test("is unused space while no snapshot needs it", async () => {
    expect(await damageIn(await repositoryWithTree())).toEqual({ healthy: true, codes: [], unusedBlobs: 1 });
  });

  test("is damage once a snapshot needs it", async () => {
    const repository = await repositoryWithTree();
    await saveSnapshot(repository, { ...EMPTY_SNAPSHOT, tree: idOf(tree) }, { signal });
    expect(await damageIn(repository)).toEqual({ healthy: false, codes: ["data-missing"], unusedBlobs: 0 });
  });
});

const EMPTY_SNAPSHOT = {
  time: "2026-01-01T00:00:00Z",
  parent: undefined,
  tree: "" as Id,
  paths: ["/file"],
  hostname: "host",
  username: "user",
  uid: 0,
  gid: 0,
  excludes: [],
  tags: [],
  original: undefined,
  programVersion: "",
  summary: undefined,
};
