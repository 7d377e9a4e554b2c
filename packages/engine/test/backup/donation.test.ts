/** Several workers store the same tree as one: folders that are split between them come together in the order of names. */
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { ToWorker } from "../../src/backup/messages.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { WorkerThread } from "../../src/workers/worker-thread.ts";
import {
  backUp,
  check,
  contentOfFolder,
  contentOfSnapshot,
  newRepository,
  scratchFolder,
  writeFiles,
} from "../backup-lab.ts";

// Dozens of runs in one test.
vi.setConfig({ testTimeout: 240_000 });

const scratch = scratchFolder();

/** A folder: how many files, links and folders it has, and what is in those. */
interface Shape {
  readonly files: number;
  readonly links: number;
  readonly folders: readonly Shape[];
}

const shape = (depth: number): fc.Arbitrary<Shape> =>
  fc.record({
    files: fc.oneof(fc.nat(3), fc.integer({ min: 30, max: 90 })),
    links: fc.nat(2),
    folders: depth === 0 ? fc.constant([]) : fc.array(shape(depth - 1), { maxLength: 3 }),
  });

function build(folder: string, { files, links, folders }: Shape): void {
  const content = Object.fromEntries(Array.from({ length: files }, (_, n) => [`file ${n * 7}`, `${folder} ${n % 5}`]));
  writeFiles(folder, { ...content, "z last": "" });
  for (let n = 0; n < links; n++) symlinkSync(`to ${n}`, join(folder, `link ${n}`));
  folders.forEach((child, n) => build(join(folder, `folder ${n * 3}`), child));
}

async function treeWith(repository: Repository, folder: string, workers: number): Promise<string> {
  const { treeId, problems } = await backUp(repository, ["."], { cwd: folder, workers, parent: { kind: "none" } });
  expect(Object.values(problems)).toEqual([0, 0, 0, 0, 0]);
  return treeId;
}

test("any tree of folders has the same id with one worker, two and four", async () => {
  await fc.assert(
    fc.asyncProperty(shape(3), async (made) => {
      const folder = mkdtempSync(join(scratch, "tree-"));
      build(folder, made);
      const repository = await newRepository();
      const [one, ...others] = [
        await treeWith(repository, folder, 1),
        await treeWith(repository, folder, 2),
        await treeWith(repository, folder, 4),
      ];
      expect(others).toEqual([one, one]);
      rmSync(folder, { recursive: true });
    }),
    { numRuns: 5 },
  );
});

test("a lopsided tree, of which workers give away parts again and again, is stored whole", async () => {
  const folder = mkdtempSync(join(scratch, "lopsided-"));
  // One branch has everything, at every depth some: whoever walks it gives away, and so do those who got something.
  let at = folder;
  for (let depth = 0; depth < 12; depth++) {
    writeFiles(at, Object.fromEntries(Array.from({ length: 120 }, (_, n) => [`n${n}`, `${depth} ${n}`])));
    at = join(at, `n${depth * 10}x`);
  }
  writeFiles(at, { end: "end" });
  const repository = await newRepository();
  const post = vi.spyOn(WorkerThread.prototype, "post");
  const { treeId, counts } = await backUp(repository, ["."], { cwd: folder, workers: 4 });
  const returned = post.mock.calls.filter(([message]) => (message as ToWorker).kind === "returned");
  expect(returned.length).toBeGreaterThan(1);
  expect(counts.filesNew).toBe(12 * 120 + 1);
  expect(await contentOfSnapshot(repository, treeId, "")).toEqual(contentOfFolder(folder));
  // With a parent, parts that are given away look up their names from the middle of its trees.
  const again = await backUp(repository, ["."], { cwd: folder, workers: 4 });
  expect(again.treeId).toBe(treeId);
  expect(again.counts).toMatchObject({
    filesUnmodified: 12 * 120 + 1,
    filesNew: 0,
    filesChanged: 0,
    dataBlobs: 0,
    treeBlobs: 0,
  });
  expect((await check(repository)).findings).toEqual([]);
});
