/** What a plan says of repositories in memory, and that executing it does that and keeps all that is needed. */
import { bytesSource } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { check, namesOf, noise, storedBlobs } from "../../test/backup-lab.ts";
import { Author, newRepository, node, signal } from "../../test/made-repository.ts";
import type { Id } from "../format/id.ts";
import { forgetSnapshots } from "../forget/forgotten.ts";
import type { Repository } from "../repository/repository.ts";
import { executePrune } from "./execute.ts";
import type { PruneOptions } from "./options.ts";
import { planPrune, type PrunePlan } from "./plan.ts";

const NOTHING_UNUSED = { kind: "bytes", bytes: 0 } as const;

/** Stores a snapshot of files, each of one piece, in packs of its own. */
async function store(repository: Repository, files: Readonly<Record<string, Uint8Array | string>>): Promise<Id> {
  const author = new Author(repository);
  const nodes = [];
  for (const [name, content] of Object.entries(files)) nodes.push(await author.file(name, [content]));
  const tree = await author.tree([await author.folder("sub", nodes), node("zero")]);
  await author.finish();
  return author.snapshot(tree);
}

function plan(repository: Repository, options: Partial<PruneOptions> = {}): Promise<PrunePlan> {
  return planPrune(repository, { signal, graceMs: 0, workers: 0, ...options });
}

async function prune(repository: Repository, options: Partial<PruneOptions> = {}): Promise<PrunePlan> {
  const made = await plan(repository, options);
  await executePrune(repository, made, { signal });
  return made;
}

describe("a plan", () => {
  test("for a repository in which all is needed does nothing", async () => {
    const repository = newRepository();
    await store(repository, { one: "1", two: "2" });
    const made = await plan(repository);
    expect(made).toMatchObject({ isNeeded: false, rewritesIndex: false });
    expect(made.blobs).toMatchObject({ used: 4, duplicate: 0, unused: 0, removeTotal: 0 });
    expect(made.packs).toMatchObject({ used: 2, keep: 2, remove: 0, repack: 0, total: 2 });
  });

  test("removes what only forgotten snapshots need, and executing it does that", async () => {
    const repository = newRepository();
    await store(repository, { one: "1", two: "2" });
    const second = await store(repository, { one: noise(1000, 1), three: "3" });
    await forgetSnapshots(repository, [second], { signal });
    const before = await storedBlobs(repository);
    const made = await prune(repository);
    expect(made.blobs).toMatchObject({ used: 4, unused: 4, removeTotal: 4, remain: 4 });
    expect(made.packs).toMatchObject({ keep: 2, remove: 2, repack: 0 });
    expect(made.expired).toEqual([second]);
    expect(before).toHaveLength(8);
    expect(await storedBlobs(repository)).toHaveLength(4);
    expect(await namesOf(repository.backend, "forgotten")).toEqual([]);
    expect(await check(repository)).toMatchObject({ healthy: true, findings: [], unusedBlobs: 0, snapshots: 1 });
    expect(await plan(repository)).toMatchObject({ isNeeded: false });
  });
});
