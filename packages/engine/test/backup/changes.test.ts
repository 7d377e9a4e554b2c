/** What a second backup stores and says, after anything that can happen to files between two runs. */
import {
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import { FaultyBackend } from "@holdfast/storage";
import { beforeEach, describe, expect, test } from "vitest";
import type { BackupEvent, BackupOptions } from "../../src/backup/options.ts";
import { NO_RULES } from "../../src/backup/selection.ts";
import { listEvidence } from "../../src/evidence/records.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import {
  backUp,
  check,
  contentOfFolder,
  contentOfLatest,
  contentOfSnapshot,
  namesOf,
  NEVER,
  newRepository,
  problemsInto,
  RecordingBackend,
  scratchFolder,
  through,
  writeFiles,
} from "../backup-lab.ts";

const scratch = scratchFolder();
let folder: string;
let repository: Repository;
let number = 0;

beforeEach(async () => {
  folder = join(scratch, String(number++));
  writeFiles(folder, { a: "first", b: "second", "deep/c": "third", "deep/er/d": "fourth" });
  repository = await newRepository();
});

/** Backs up the folder as the root of the snapshot: folders above it belong to others, and may change at any time. */
function backUpHere(options: Partial<BackupOptions> = {}): ReturnType<typeof backUp> {
  return backUp(repository, ["."], { cwd: folder, ...options });
}

/** Runs a second backup after `change`, and compares what it stored with the disk. */
async function after(
  change: () => void,
  options: Partial<BackupOptions> = {},
): Promise<Awaited<ReturnType<typeof backUp>>> {
  await backUpHere();
  change();
  const result = await backUpHere(options);
  if (result.snapshotId !== undefined) expect(await contentOfLatest(repository, "")).toEqual(contentOfFolder(folder));
  return result;
}

describe("the second backup", () => {
  test.for<[what: string, change: (at: (path: string) => string) => void, counts: Record<string, number>]>([
    ["nothing", () => {}, { filesNew: 0, filesChanged: 0, filesUnmodified: 4, dataBlobs: 0, treeBlobs: 0 }],
    [
      "new content",
      (at) => writeFileSync(at("a"), "other, longer"),
      { filesChanged: 1, filesUnmodified: 3, dataBlobs: 1 },
    ],
    [
      "content of the same size",
      (at) => writeFileSync(at("a"), "fIrst"),
      { filesChanged: 1, filesUnmodified: 3, dataBlobs: 1 },
    ],
    ["a new time", (at) => utimesSync(at("a"), 5, 5), { filesChanged: 1, filesUnmodified: 3, dataBlobs: 0 }],
    ["a new mode", (at) => chmodSync(at("a"), 0o600), { filesChanged: 1, filesUnmodified: 3, dataBlobs: 0 }],
    ["a new file", (at) => writeFileSync(at("deep/n"), "n"), { filesNew: 1, filesUnmodified: 4, dataBlobs: 1 }],
    ["a file less", (at) => unlinkSync(at("a")), { filesNew: 0, filesChanged: 0, filesUnmodified: 3, dataBlobs: 0 }],
    ["a file that is cut to nothing", (at) => truncateSync(at("a")), { filesChanged: 1, dataBlobs: 0 }],
    ["a file renamed", (at) => renameSync(at("a"), at("z")), { filesNew: 1, filesUnmodified: 3, dataBlobs: 0 }],
    [
      "a folder moved",
      (at) => renameSync(at("deep/er"), at("moved")),
      { filesNew: 1, filesUnmodified: 3, dataBlobs: 0 },
    ],
    [
      "a folder in place of a file",
      (at) => (unlinkSync(at("a")), mkdirSync(at("a"))),
      { filesUnmodified: 3, filesNew: 0 },
    ],
    [
      "a link in place of a folder",
      (at) => (rmSync(at("deep"), { recursive: true }), symlinkSync("b", at("deep"))),
      { filesUnmodified: 2, othersDone: 1 },
    ],
    [
      "a file in place of a folder",
      (at) => (rmSync(at("deep"), { recursive: true }), writeFileSync(at("deep"), "now")),
      { filesUnmodified: 2, dataBlobs: 1 },
    ],
    [
      "a second link to a file",
      (at) => linkSync(at("a"), at("a2")),
      { filesChanged: 1, filesNew: 1, filesUnmodified: 3, dataBlobs: 0 },
    ],
  ])("after %s", async ([, change, counts]) => {
    const result = await after(() => change((path) => join(folder, path)));
    expect(result.counts).toMatchObject(counts);
    expect(Object.values(result.problems)).toEqual([0, 0, 0, 0, 0]);
  });

  test("that finds nothing changed makes no snapshot when it is told so", async () => {
    const unchanged = await after(() => {}, { skipIfUnchanged: true });
    expect(unchanged.snapshotId).toBeUndefined();
    expect(await listSnapshots(repository, { signal: NEVER })).toHaveLength(1);
    writeFileSync(join(folder, "a"), "changed");
    expect((await backUpHere({ skipIfUnchanged: true })).snapshotId).toBeDefined();
  });

  test("that is told to force reads everything again, and stores nothing twice", async () => {
    const { counts, parentId } = await after(() => {}, { parent: { kind: "none" } });
    expect(parentId).toBeUndefined();
    expect(counts).toMatchObject({ filesNew: 4, dataBlobs: 0, treeBlobs: 0 });
  });

  test("stores content again that an unchanged file had, and that the repository lost", async () => {
    await backUpHere();
    const index = await loadIndex(repository, { signal: NEVER });
    for (let entry = 0; entry < index.count; entry++) {
      if (index.typeAt(entry) === "tree") continue;
      const name = index.packId(index.locationAt(entry)?.pack ?? -1);
      await repository.backend.remove({ type: "pack", name }, { signal: NEVER }).catch(() => {});
    }
    // Without its index files the repository takes the packs back that are still there: those with trees.
    for (const name of await namesOf(repository.backend, "index"))
      await repository.backend.remove({ type: "index", name }, { signal: NEVER });
    const problems: string[] = [];
    const { counts } = await backUpHere({ onEvent: problemsInto(problems) });
    expect(problems.map((problem) => problem.replace(folder, "")).sort()).toEqual(
      ["a", "b", "deep/c", "deep/er/d"].map((path) => `parent-tree /${path}`),
    );
    expect(counts).toMatchObject({ dataBlobs: 4, treeBlobs: 0, filesUnmodified: 4 });
    expect(await contentOfLatest(repository, "")).toEqual(contentOfFolder(folder));
    expect((await check(repository)).healthy).toBe(true);
  });
});

describe("a backup", () => {
  test("that is dry stores nothing, and counts what it would store", async () => {
    const before = await namesOf(repository.backend, "pack");
    const { snapshotId, counts } = await backUp(repository, [folder], { dryRun: true });
    expect(snapshotId).toBeUndefined();
    expect(counts).toMatchObject({ filesNew: 4, dataBlobs: 4 });
    expect(await namesOf(repository.backend, "pack")).toEqual(before);
    expect(await namesOf(repository.backend, "index")).toEqual([]);
  });

  test("leaves out sockets and what rules exclude, and takes a target that rules would exclude", async () => {
    const server = createServer().listen(join(folder, "socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    const rules = { ...NO_RULES, excludes: [{ lines: ["deep", "b"], ignoreCase: false }] };
    const { counts, treeId } = await backUp(repository, [folder, join(folder, "b")], { rules });
    server.close();
    expect(counts).toMatchObject({ socketsSkipped: 1, excluded: 2, filesNew: 1 });
    expect(Object.keys(await contentOfSnapshot(repository, treeId, folder))).toEqual(["/a"]);
  });

  test("of nothing that exists is refused, and makes no snapshot", async () => {
    const run = backUp(repository, [join(folder, "gone")]);
    await expect(run).rejects.toSatisfy((error) => isHoldfastError(error, "ENGINE_NOTHING_TO_BACK_UP"));
    expect(await listSnapshots(repository, { signal: NEVER })).toEqual([]);
  });

  test("names what it could not read, and stores the rest", async () => {
    const problems: string[] = [];
    const run = await backUp(repository, [folder, join(folder, "../gone")], { onEvent: problemsInto(problems) });
    expect(problems).toEqual([`unreadable ${join(folder, "../gone")}`]);
    expect(run.problems.unreadable).toBe(1);
    expect(await contentOfLatest(repository, folder)).toEqual(contentOfFolder(folder));
  });

  test("that could not read everything says so of its snapshot, and one that could needs no record", async () => {
    const missing = [folder, join(folder, "../gone")];
    const recording = new RecordingBackend(repository.backend);
    await backUp(through(repository, recording), [folder]);
    expect(recording.saves.filter(({ type }) => type === "evidence")).toEqual([]);
    const { snapshotId, treeId } = await backUp(through(repository, recording), missing);
    // A run that is cut off in between leaves no snapshot that passes for complete.
    expect(recording.saves.slice(-2).map(({ type }) => type)).toEqual(["evidence", "snapshot"]);
    const records = await listEvidence(repository, { signal: NEVER, onDamaged: () => {} });
    expect(records).toMatchObject([
      { run: "backup", hostname: "lab", programVersion: "lab", incomplete: [{ snapshot: snapshotId, tree: treeId }] },
    ]);
    expect((await listSnapshots(repository, { signal: NEVER })).map(({ id }) => id)).toContain(snapshotId);
  });

  test("whose record cannot be stored is made all the same, and that is told", async () => {
    const refusing = new FaultyBackend(repository.backend, {
      next: (operation, type) =>
        operation === "save" && type === "evidence" ? { kind: "fail", when: "before" } : undefined,
    });
    const events: BackupEvent[] = [];
    const onEvent = (event: BackupEvent): void => void events.push(event);
    const { snapshotId } = await backUp(through(repository, refusing), [folder, join(folder, "../gone")], { onEvent });
    expect(events.filter(({ kind }) => kind === "unrecorded")).toHaveLength(1);
    expect((await listSnapshots(repository, { signal: NEVER })).map(({ id }) => id)).toContain(snapshotId);
  });

  test("takes the newest snapshot of the same host and paths as its parent, not one from the future", async () => {
    const day = 86_400_000_000_000n;
    const at = (days: bigint): bigint => 1_700_000_000_000_000_000n + days * day;
    const first = await backUp(repository, [folder], { timeNs: at(1n) });
    const other = await backUp(repository, [folder], { timeNs: at(2n), hostname: "elsewhere" });
    const later = await backUp(repository, [folder], { timeNs: at(9n), tags: ["x"] });
    const part = await backUp(repository, [join(folder, "deep")], { timeNs: at(3n) });
    const parentOf = async (options: Partial<BackupOptions>): Promise<unknown> =>
      (await backUp(repository, [folder], { timeNs: at(5n), dryRun: true, ...options })).parentId;
    expect(await parentOf({})).toBe(first.snapshotId);
    expect(await parentOf({ hostname: "elsewhere" })).toBe(other.snapshotId);
    expect(await parentOf({ timeNs: at(10n) })).toBe(later.snapshotId);
    expect(
      await parentOf({ timeNs: at(10n), parent: { kind: "auto", groupBy: ["host", "paths", "tags"] }, tags: ["x"] }),
    ).toBe(later.snapshotId);
    expect(
      await parentOf({ timeNs: at(10n), parent: { kind: "auto", groupBy: ["host", "paths", "tags"] }, tags: ["y"] }),
    ).toBeUndefined();
    expect(await parentOf({ parent: { kind: "auto", groupBy: ["host"] } })).toBe(part.snapshotId);
    expect(await parentOf({ parent: { kind: "id", text: String(other.snapshotId).slice(0, 12) } })).toBe(
      other.snapshotId,
    );
    expect(await parentOf({ timeNs: at(0n) })).toBeUndefined();
  });
});
