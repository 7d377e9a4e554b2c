import { execFileSync } from "node:child_process";
import { openLocal } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import { listEntries } from "../../src/browse/list-entries.ts";
import { statistics, type StatisticsMode } from "../../src/browse/stats.ts";
import type { Id } from "../../src/format/id.ts";
import { executeIndexRepair, planIndexRepair } from "../../src/repair/repair-index.ts";
import { BlobReader } from "../../src/repository/blob-reader.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import { createRepository } from "../../src/repository/create.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import { TreeReader } from "../../src/repository/tree-reader.ts";
import { check, backUp, CHEAP_KDF, NEVER, noise, scratchFolder, writeFiles } from "../backup-lab.ts";
import { cutTo, flipBit, idsOf, packsWith, PASSWORD } from "./good.ts";
import { repairAll } from "./repair-all.ts";

/** restic (here Debian's 0.14), the other program that must agree; without it these tests cannot run. */
const hasRestic = ((): boolean => {
  try {
    return execFileSync("restic", ["version"], { stdio: "pipe" }).length > 0;
  } catch {
    return false;
  }
})();

interface OnDisk {
  readonly repository: Repository;
  readonly folder: string;
  readonly source: string;
}

async function made(): Promise<OnDisk> {
  const folder = scratchFolder();
  const source = scratchFolder();
  const files: Record<string, string | Uint8Array> = {
    "a/big.bin": noise(2_000_000, 3),
    "a/same": "same",
    "b/same": "same",
  };
  for (let n = 0; n < 40; n++) files[`many/${n % 4}/file-${n}`] = noise(1200 + n, n);
  writeFiles(source, files);
  const owner = { hostname: "lab", username: "tester", kdf: CHEAP_KDF };
  const repository = await createRepository(openLocal(folder), PASSWORD, { signal: NEVER, ...owner });
  await backUp(repository, [source]);
  writeFiles(source, { "a/new": "new", "many/0/file-0": "changed" });
  await backUp(repository, [source]);
  return { repository, folder, source };
}

function restic(folder: string, ...args: string[]): string {
  const env = { ...process.env, RESTIC_PASSWORD: PASSWORD.reveal(), RESTIC_REPOSITORY: folder };
  return execFileSync("restic", ["--no-cache", ...args], { env, encoding: "utf8", stdio: "pipe" });
}

const lines = (text: string): string[] => text.trim().split("\n").sort();

describe.runIf(hasRestic)("restic and Holdfast agree on", () => {
  let good: OnDisk;

  beforeAll(async () => {
    good = await made();
  });

  test.each<StatisticsMode>(["restore-size", "files-by-contents", "blobs-per-file", "raw-data"])(
    "statistics in mode %s",
    async (mode) => {
      const { repository, folder } = good;
      const theirs = JSON.parse(restic(folder, "stats", "--mode", mode, "--json")) as Record<string, number>;
      const snapshots = await listSnapshots(repository, { signal: NEVER });
      const index = await loadIndex(repository, { signal: NEVER });
      const ours = await statistics(repository, index, snapshots, mode, { signal: NEVER });
      expect([ours.snapshots, ours.totalBytes, ours.files ?? 0, ours.blobs ?? 0]).toEqual([
        theirs["snapshots_count"],
        theirs["total_size"],
        theirs["total_file_count"] ?? 0,
        theirs["total_blob_count"] ?? 0,
      ]);
    },
  );

  test.each([[], ["/"], ["--recursive", "SOURCE/many"], ["SOURCE/many"], ["SOURCE/a", "SOURCE/many/1"]])(
    "what ls lists for %s",
    async (...asked) => {
      const { repository, folder, source } = good;
      const args = asked.map((arg) => arg.replace("SOURCE", source));
      const theirs = restic(folder, "ls", "latest", "-q", ...args)
        .trim()
        .split("\n");
      const index = await loadIndex(repository, { signal: NEVER });
      const trees = new TreeReader(new BlobReader(repository, index));
      const root = (await listSnapshots(repository, { signal: NEVER })).at(-1)?.snapshot.tree as Id;
      const paths = args.filter((arg) => arg !== "--recursive");
      const options = { recursive: paths.length < args.length, signal: NEVER };
      const ours = await Array.fromAsync(listEntries(trees, root, paths, options), ({ path }) => path);
      expect(ours).toEqual(theirs.filter((line) => line.startsWith("/")));
    },
  );

  test("the index of a repository whose index is damaged", async () => {
    const { repository, folder } = await made();
    for (const id of (await idsOf(repository, "index")).slice(0, 1)) {
      await repository.removeFile("index", id, { signal: NEVER });
    }
    await cutTo(repository.backend, { type: "pack", name: (await packsWith(repository, "data"))[0] as Id }, 3000);
    const plan = await planIndexRepair(repository, { readAllPacks: false, signal: NEVER });
    await executeIndexRepair(repository, plan, { signal: NEVER });
    const ours = lines(restic(folder, "list", "blobs"));
    restic(folder, "rebuild-index", "--read-all-packs");
    expect(ours).toEqual(lines(restic(folder, "list", "blobs")));
  });

  test("the health of a repository after it was repaired", async () => {
    const { repository, folder } = await made();
    const [data] = await packsWith(repository, "data");
    const [tree] = await packsWith(repository, "tree");
    await flipBit(repository.backend, { type: "pack", name: data as Id }, 1000);
    await cutTo(repository.backend, { type: "pack", name: tree as Id }, 600);
    await repairAll(repository, (await check(repository)).findings);
    expect((await check(repository)).healthy).toBe(true);
    expect(restic(folder, "check", "--read-data")).toMatch(/no errors were found/);
    expect(restic(folder, "snapshots", "--json")).toContain('"repaired"');
  });
});
