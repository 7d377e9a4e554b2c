/** A repository damaged in many ways: mended from a second copy it is what it was; without one, what is lost is known exactly. */
import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { cpSync } from "node:fs";
import { openLocal } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import { isDamage } from "../../src/check/findings.ts";
import { Copy } from "../../src/copy/copy.ts";
import type { SnapshotLosses } from "../../src/forget/losses.ts";
import type { Id } from "../../src/format/id.ts";
import { executeIndexRepair, planIndexRepair } from "../../src/repair/repair-index.ts";
import { BlobReader } from "../../src/repository/blob-reader.ts";
import { createRepository } from "../../src/repository/create.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import { TreeReader } from "../../src/repository/tree-reader.ts";
import {
  backUp,
  check,
  CHEAP_KDF,
  type Content,
  contentOfSnapshot,
  NEVER,
  newRepository,
  noise,
  scratchFolder,
  through,
  writeFiles,
} from "../backup-lab.ts";
import { bytesOf, change, cutTo, flipBit, forge, idsOf, listedBlobs, packsWith, PASSWORD, saveIndex } from "./good.ts";
import { lossesOf, mendFrom } from "./mend.ts";

/** restic (here Debian's 0.14), the other program that must agree; without it its part is left out. */
const hasRestic = ((): boolean => {
  try {
    return execFileSync("restic", ["version"], { stdio: "pipe" }).length > 0;
  } catch {
    return false;
  }
})();

let good: { repository: Repository; folder: string };
let second: Repository;
let expected: Content[];

beforeAll(async () => {
  const folder = scratchFolder();
  const source = scratchFolder();
  const files: Record<string, string | Uint8Array> = { "big.bin": noise(2_500_000, 7), "notes/a.txt": "first" };
  for (let n = 0; n < 60; n++) files[`many/${n % 6}/${n % 3}/file-${n}`] = noise(1500 + n, n);
  writeFiles(source, files);
  const owner = { hostname: "lab", username: "tester", kdf: CHEAP_KDF };
  const repository = await createRepository(openLocal(folder), PASSWORD, { signal: NEVER, ...owner });
  await backUp(repository, [source], { timeNs: 1_700_000_000_000_000_000n });
  writeFiles(source, { "notes/a.txt": "second", "notes/b.txt": "more", "many/0/0/file-0": noise(900, 99) });
  await backUp(repository, [source], { timeNs: 1_700_000_100_000_000_000n });
  good = { repository, folder };
  second = await newRepository();
  const snapshots = await listSnapshots(repository, { signal: NEVER });
  const settings = { packSizeBytes: 64 * 1024, compression: "auto", workers: 1, dryRun: false, signal: NEVER } as const;
  await new Copy({ from: repository, to: second, snapshots, ...settings, onEvent: () => {} }).run();
  expected = await contents(repository);
});

async function contents(repository: Repository): Promise<Content[]> {
  const snapshots = await listSnapshots(repository, { signal: NEVER });
  return Promise.all(snapshots.map(({ snapshot }) => contentOfSnapshot(repository, snapshot.tree, "")));
}

/** The good repository in a folder of its own. */
function spare(): { repository: Repository; folder: string } {
  const folder = scratchFolder();
  cpSync(good.folder, folder, { recursive: true });
  return { repository: through(good.repository, openLocal(folder)), folder };
}

const key = (name: Id | string | undefined) => ({ type: "pack", name: name as string }) as const;
const first = async (r: Repository, type: "data" | "tree"): Promise<Id> => (await packsWith(r, type))[0] as Id;

/** The data pack with the most blobs: not one that a large blob fills. */
async function packOfMany(repository: Repository): Promise<Id> {
  const lines = await listedBlobs(repository);
  const count = (id: Id): number => lines.filter((line) => line.includes(` ${id} `)).length;
  return (await packsWith(repository, "data")).sort((a, b) => count(b) - count(a))[0] as Id;
}

async function removeAll(repository: Repository, type: "pack" | "index" | "snapshot", ids?: Id[]): Promise<void> {
  for (const id of ids ?? (await idsOf(repository, type))) await repository.removeFile(type, id, { signal: NEVER });
}

async function halve(repository: Repository, name: Id): Promise<void> {
  await cutTo(repository.backend, key(name), Math.floor((await bytesOf(repository.backend, key(name))).length / 2));
}

interface Case {
  readonly damage: string;
  readonly breakIt: (repository: Repository) => Promise<unknown>;
  /** Snapshot files are gone, of which the repository alone knows nothing. */
  readonly losesSnapshots?: true;
}

const cases: Case[] = [
  {
    damage: "a flipped bit in a data pack",
    breakIt: async (r) => flipBit(r.backend, key(await first(r, "data")), 900),
  },
  {
    damage: "a flipped bit in a tree pack",
    breakIt: async (r) => flipBit(r.backend, key(await first(r, "tree")), 300),
  },
  { damage: "a flipped bit in a header", breakIt: async (r) => flipBit(r.backend, key(await packOfMany(r)), -20) },
  { damage: "a wrong length of a header", breakIt: async (r) => flipBit(r.backend, key(await packOfMany(r)), -1) },
  { damage: "a data pack cut in half", breakIt: async (r) => halve(r, await packOfMany(r)) },
  { damage: "a tree pack cut in half", breakIt: async (r) => halve(r, await first(r, "tree")) },
  { damage: "an empty data pack", breakIt: async (r) => cutTo(r.backend, key(await packOfMany(r)), 0) },
  { damage: "an empty tree pack", breakIt: async (r) => cutTo(r.backend, key(await first(r, "tree")), 0) },
  { damage: "a missing data pack", breakIt: async (r) => removeAll(r, "pack", [await packOfMany(r)]) },
  { damage: "a missing tree pack", breakIt: async (r) => removeAll(r, "pack", [await first(r, "tree")]) },
  { damage: "no data pack at all", breakIt: async (r) => removeAll(r, "pack", await packsWith(r, "data")) },
  { damage: "no tree pack at all", breakIt: async (r) => removeAll(r, "pack", await packsWith(r, "tree")) },
  { damage: "no pack at all", breakIt: async (r) => removeAll(r, "pack") },
  {
    damage: "a page of zeros in a pack",
    breakIt: async (r) => change(r.backend, key(await packOfMany(r)), (bytes) => bytes.fill(0, 4096, 8192)),
  },
  {
    damage: "noise over the end of a pack",
    breakIt: async (r) =>
      change(r.backend, key(await packOfMany(r)), (bytes) => {
        randomFillSync(bytes, bytes.length - 5000);
        return bytes;
      }),
  },
  {
    damage: "bytes appended to a pack",
    breakIt: async (r) =>
      change(r.backend, key(await packOfMany(r)), (bytes) => new Uint8Array([...bytes, ...noise(999, 1)])),
  },
  {
    damage: "one pack in the place of another",
    breakIt: async (r) => {
      const other = await bytesOf(r.backend, key(await first(r, "tree")));
      await change(r.backend, key(await packOfMany(r)), () => other);
    },
  },
  {
    damage: "a pack that lacks a piece in the middle",
    breakIt: async (r) =>
      change(r.backend, key(await packOfMany(r)), (bytes) =>
        Buffer.concat([bytes.subarray(0, 5000), bytes.subarray(6000)]),
      ),
  },
  {
    damage: "a flipped bit in every pack",
    breakIt: async (r) => {
      for (const id of await idsOf(r, "pack")) await flipBit(r.backend, key(id), 100);
    },
  },
  {
    damage: "a flipped bit in an index file",
    breakIt: async (r) => flipBit(r.backend, { type: "index", name: (await idsOf(r, "index"))[0] as Id }, 40),
  },
  {
    damage: "an empty index file",
    breakIt: async (r) => cutTo(r.backend, { type: "index", name: (await idsOf(r, "index"))[0] as Id }, 0),
  },
  { damage: "no index at all", breakIt: async (r) => removeAll(r, "index") },
  {
    damage: "no index, and a pack without a header",
    breakIt: async (r) => {
      const pack = await packOfMany(r);
      await removeAll(r, "index");
      await flipBit(r.backend, key(pack), -1);
    },
  },
  {
    damage: "an index entry past the end of a pack",
    breakIt: async (r) => {
      const place = { offset: 4_000_000_000, lengthBytes: 200, uncompressedBytes: 0 };
      const blob = { id: "cd".repeat(32) as Id, type: "data", ...place } as const;
      await saveIndex(r, [{ id: await packOfMany(r), blobs: [blob] }]);
    },
  },
  {
    damage: "missing packs that no index lists",
    breakIt: async (r) => {
      const [data, tree] = [await packOfMany(r), await first(r, "tree")];
      await removeAll(r, "pack", [data, tree]);
      await removeAll(r, "index");
      const plan = await planIndexRepair(r, { readAllPacks: true, signal: NEVER });
      await executeIndexRepair(r, plan, { signal: NEVER });
    },
  },
  {
    damage: "a forged tree in place of the true one",
    breakIt: async (r) => {
      const tree = (await listSnapshots(r, { signal: NEVER })).at(-1)?.snapshot.tree as Id;
      await removeAll(r, "pack", await packsWith(r, "tree"));
      await forge(r, [{ type: "tree", id: tree, payload: Buffer.from('{"nodes":[]}\n'), claimedBytes: 0 }]);
    },
  },
  {
    damage: "a tree pack gone, a data pack damaged",
    breakIt: async (r) => {
      await removeAll(r, "pack", [await first(r, "tree")]);
      await flipBit(r.backend, key(await packOfMany(r)), 5000);
    },
  },
  {
    damage: "a flipped bit in a snapshot",
    losesSnapshots: true,
    breakIt: async (r) => flipBit(r.backend, { type: "snapshot", name: (await idsOf(r, "snapshot"))[0] as Id }, 40),
  },
  {
    damage: "a missing snapshot",
    losesSnapshots: true,
    breakIt: async (r) => removeAll(r, "snapshot", (await idsOf(r, "snapshot")).slice(0, 1)),
  },
  {
    damage: "nothing left but config and keys",
    losesSnapshots: true,
    breakIt: async (r) => {
      for (const type of ["snapshot", "index", "pack"] as const) await removeAll(r, type);
    },
  },
];

function restic(folder: string, ...args: string[]): string {
  const env = { ...process.env, RESTIC_PASSWORD: PASSWORD.reveal(), RESTIC_REPOSITORY: folder };
  return execFileSync("restic", ["--no-cache", ...args], { env, encoding: "utf8", stdio: "pipe" });
}

describe(`a repository damaged in ${cases.length} ways, of which there is a second copy, is mended:`, () => {
  test.each(cases)("$damage", async ({ breakIt }) => {
    const { repository, folder } = spare();
    await breakIt(repository);
    const losses = await mendFrom(repository, second, (await check(repository)).findings);
    expect(losses).toEqual([]);
    // A pack of which nothing is known any more may lie about; that is no damage.
    expect((await check(repository)).findings.filter(isDamage)).toEqual([]);
    expect(await contents(repository)).toEqual(expected);
    if (hasRestic) expect(restic(folder, "check", "--read-data")).toMatch(/no errors were found/);
  });
});

/** Every file and folder of a snapshot, with what it is, or that it cannot be read. Below a folder that cannot be read is nothing. */
async function readable(repository: Repository, tree: Id): Promise<Map<string, string>> {
  const blobs = new BlobReader(repository, await loadIndex(repository, { signal: NEVER }));
  const trees = new TreeReader(blobs);
  const found = new Map<string, string>();
  const walk = async (id: Id, path: string): Promise<void> => {
    const nodes = await trees.load(id, { signal: NEVER }).catch(() => undefined);
    if (nodes === undefined) return void found.set(path === "" ? "/" : path, "lost");
    for (const node of nodes) {
      const at = `${path}/${node.name}`;
      if (node.type === "dir" && node.subtree !== undefined) await walk(node.subtree, at);
      if (node.type !== "file") continue;
      const parts = (node.content ?? []).map((part) => blobs.load("data", part, { signal: NEVER }));
      found.set(at, (await Promise.allSettled(parts)).every(({ status }) => status === "fulfilled") ? "whole" : "lost");
    }
  };
  await walk(tree, "");
  return found;
}

describe("without another copy it is known exactly what is lost, and the rest can be read:", () => {
  test.each(cases.filter(({ losesSnapshots }) => losesSnapshots === undefined))("$damage", async ({ breakIt }) => {
    const { repository } = spare();
    await breakIt(repository);
    const { losses } = await lossesOf(repository, (await check(repository)).findings);
    for (const { id, snapshot } of await listSnapshots(repository, { signal: NEVER })) {
      const state = await readable(repository, snapshot.tree);
      const lost = [...state].filter(([, is]) => is === "lost").map(([path]) => path);
      const said = losses.find((each: SnapshotLosses) => each.id === id)?.parts.map(({ path }) => path) ?? [];
      expect([...said].sort()).toEqual(lost.sort());
    }
  });
});
