/** A store that loses or changes what it said it had stored: the check names exactly that file, and what depends on it. */
import { type Fault, FaultyBackend, type FileType } from "@holdfast/storage";
import { describe, expect, test, vi } from "vitest";
import { isDamage } from "../../src/check/findings.ts";
import type { Id } from "../../src/format/id.ts";
import { decodeTree } from "../../src/format/tree.ts";
import { BlobReader } from "../../src/repository/blob-reader.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import { backUp, check, contentOfSnapshot, NEVER, RecordingBackend, through } from "../backup-lab.ts";
import { oneFault } from "./one-fault.ts";
import { sampleForFaults } from "./sample.ts";

// Dozens of runs in one test.
vi.setConfig({ testTimeout: 240_000 });

const sample = sampleForFaults();

/** Codes of which at least the first must be found about the file itself. */
const EXPECTED: Record<"lie" | "truncate" | "flip", Partial<Record<FileType, readonly string[]>>> = {
  lie: { pack: ["pack-missing"], index: ["tree-missing"], snapshot: [] },
  truncate: {
    pack: ["pack-size", "pack-hash", "pack-header", "blob-damaged"],
    index: ["index-damaged"],
    snapshot: ["snapshot-damaged"],
  },
  flip: {
    pack: ["pack-hash", "pack-header", "blob-damaged"],
    index: ["index-damaged"],
    snapshot: ["snapshot-damaged"],
  },
};

const LIES: readonly (Fault & { kind: "lie" | "truncate" | "flip" })[] = [
  { kind: "lie" },
  { kind: "truncate", keepBytes: 0 },
  { kind: "truncate", keepBytes: 200 },
  { kind: "flip", bit: 5 },
  { kind: "flip", bit: 8_003 },
];

/** Paths in a tree that cannot be read: files, and folders whose list of entries is lost. */
async function unreadablePaths(repository: Repository, tree: Id): Promise<string[]> {
  const blobs = new BlobReader(repository, await loadIndex(repository, { signal: NEVER }));
  const lost: string[] = [];
  const isLost = (read: Promise<unknown>): Promise<boolean> =>
    read.then(
      () => false,
      () => true,
    );
  const walk = async (id: Id, path: string): Promise<void> => {
    if (await isLost(blobs.load("tree", id, { signal: NEVER }))) {
      lost.push(path === "" ? "/" : path);
      return;
    }
    for (const node of decodeTree(await blobs.load("tree", id, { signal: NEVER }))) {
      const at = `${path}/${node.name}`;
      if (node.subtree !== undefined) await walk(node.subtree, at);
      const parts = (node.content ?? []).map((part) => isLost(blobs.load("data", part, { signal: NEVER })));
      if ((await Promise.all(parts)).includes(true)) lost.push(at);
    }
  };
  await walk(tree, "");
  return lost.sort();
}

/** Snapshots that can be listed and not be read. */
async function unreadableSnapshots(repository: Repository): Promise<number> {
  let unreadable = 0;
  for (const { snapshot } of await listSnapshots(repository, { signal: NEVER, onDamaged: () => {} })) {
    const read = contentOfSnapshot(repository, snapshot.tree, sample.folder);
    unreadable += await read.then(
      () => 0,
      () => 1,
    );
  }
  return unreadable;
}

describe("a save that lies", () => {
  test.for(LIES)("%o: the check finds that damage and no other", async (fault) => {
    for (let call = 1; ; call++) {
      const { repository, backend } = await sample.fresh();
      const plan = oneFault({ operation: "save", call, fault });
      const recording = new RecordingBackend(new FaultyBackend(backend, plan));
      const { snapshotId } = await backUp(through(repository, recording), [sample.folder]);
      if (!plan.fired) return;
      const { type, name } = recording.saves[call - 1] ?? { type: "config", name: "" };
      const result = await check(repository);
      const damage = result.findings.filter(isDamage);
      const codes = EXPECTED[fault.kind][type] ?? [];
      const about = type === "index" && fault.kind === "lie" ? `snapshot ${snapshotId}` : `${type} ${name}`;
      expect(result.healthy, `save ${call}`).toBe(codes.length === 0);
      for (const finding of damage) {
        const consequence = type === "index" && finding.code === "tree-missing";
        expect(
          consequence || (codes.includes(finding.code) && finding.what.includes(about)),
          JSON.stringify(finding),
        ).toBe(true);
      }
      if (codes[0] !== undefined)
        expect(damage).toContainEqual(expect.objectContaining({ code: codes[0], what: about }));
      if (result.healthy) expect(await unreadableSnapshots(repository)).toBe(0);
      // Whatever else was damaged: the snapshot of the run before is as good as it was.
      expect(result.affected.every(({ snapshots }) => snapshots.every((id) => id === snapshotId))).toBe(true);
    }
  });

  test("the files that the check lists are those that cannot be read, and only those", async () => {
    for (let call = 1; ; call++) {
      const { repository, backend } = await sample.fresh();
      const plan = oneFault({ operation: "save", type: "pack", call, fault: { kind: "lie" } });
      const { treeId } = await backUp(through(repository, new FaultyBackend(backend, plan)), [sample.folder]);
      if (!plan.fired) return;
      const { affected } = await check(repository);
      expect(affected.length).toBeGreaterThan(0);
      const paths = affected.map(({ path }) => path).sort();
      expect(paths, `pack ${call}`).toEqual(await unreadablePaths(repository, treeId));
    }
  });
});
