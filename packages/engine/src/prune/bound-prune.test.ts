/** A prune that may remove named files only, as people have approved them; time has passed since the files were named. */
import { type CallOptions, type FileKey, ForwardingBackend, bytesSource } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { check, copyOf, namesOf, noise, storedBlobs, through } from "../../test/backup-lab.ts";
import { Author, newRepository, signal } from "../../test/made-repository.ts";
import { contentOfAll, DyingBackend, plan, prune, SmallBackend, store } from "../../test/model/prune-lab.ts";
import { forgetSnapshots } from "../forget/forgotten.ts";
import type { Id } from "../format/id.ts";
import { removeLocks } from "../repository/locks.ts";
import type { Repository } from "../repository/repository.ts";
import type { PruneOptions, RemovableFiles } from "./options.ts";
import { type PrunePlan, prunedFiles } from "./plan.ts";

const OPTIONS: Partial<PruneOptions> = { maxUnused: { kind: "bytes", bytes: 0 }, workers: 0 };

/** Refuses to remove anything else, as a server would. */
class GuardedBackend extends ForwardingBackend {
  readonly #only: RemovableFiles;
  refused = 0;

  constructor(inner: Repository["backend"], only: RemovableFiles) {
    super(inner);
    this.#only = only;
  }

  override async remove(key: FileKey, options: CallOptions): Promise<void> {
    const { packs, indexFiles, forgotten } = this.#only;
    const names = key.type === "pack" ? packs : key.type === "index" ? indexFiles : forgotten;
    if (key.type !== "lock" && !names.has(key.name as Id)) {
      this.refused++;
      throw new Error(`${key.type} ${key.name} must not be removed`);
    }
    return super.remove(key, options);
  }
}

/** What a plan removes, as it is named to people. */
function named(planned: PrunePlan): RemovableFiles {
  const files = [...prunedFiles(planned)];
  const ids = (wanted: string): Set<Id> => new Set(files.filter(({ type }) => type === wanted).map(({ id }) => id));
  return { packs: ids("pack"), indexFiles: ids("index"), forgotten: ids("forgotten") };
}

interface Made {
  readonly repository: Repository;
  /** The tree of a snapshot that is forgotten. */
  readonly goingTree: Id;
}

/** Packs of which all, a part, and nothing is needed, and one that no index lists. */
async function make(): Promise<Made> {
  const repository = newRepository();
  await store(repository, { whole: noise(900, 1), more: noise(800, 2) });
  const author = new Author(repository);
  const files = [];
  for (let n = 0; n < 6; n++) files.push(await author.file(`f${n}`, [noise(700 + n, 10 + n)]));
  const goingTree = await author.tree(files);
  const some = await author.tree(files.slice(0, 2));
  await author.finish();
  const going = [await author.snapshot(goingTree)];
  await author.snapshot(some);
  going.push(await store(repository, { gone: noise(900, 3) }));
  await forgetSnapshots(repository, going, { signal });
  await repository.backend.save({ type: "pack", name: "ab".repeat(32) }, bytesSource(new Uint8Array(50)), { signal });
  return { repository, goingTree };
}

async function expectWhole(repository: Repository, contents: unknown): Promise<void> {
  const { healthy, affected } = await check(repository);
  expect({ healthy, affected }).toEqual({ healthy: true, affected: [] });
  expect(await contentOfAll(repository)).toEqual(contents);
}

describe("a prune bound to named files", () => {
  test("does what an unbound one does, where nothing has changed", async () => {
    const { repository } = await make();
    const before = await contentOfAll(repository);
    const unbound = through(repository, await copyOf(repository.backend));
    await prune(unbound, OPTIONS);
    const planned = await plan(repository, OPTIONS);
    const only = named(planned);
    expect(only.packs.size).toBe(planned.packs.removeTotal + planned.packs.repack);
    expect(only.indexFiles.size).toBeGreaterThan(1);
    expect(only.forgotten.size).toBe(2);
    const guarded = through(repository, new GuardedBackend(repository.backend, only));
    await prune(guarded, { ...OPTIONS, only });
    await expectWhole(repository, before);
    expect(await storedBlobs(repository)).toEqual(await storedBlobs(unbound));
    for (const [type, ids] of [
      ["pack", only.packs],
      ["index", only.indexFiles],
      ["forgotten", only.forgotten],
    ] as const) {
      expect((await namesOf(repository.backend, type)).filter((name) => ids.has(name as Id))).toEqual([]);
    }
    expect(await plan(repository, OPTIONS)).toMatchObject({ isNeeded: false });
  });

  test("keeps what a backup has come to need since, and leaves alone what came since", async () => {
    const { repository, goingTree } = await make();
    const only = named(await plan(repository, OPTIONS));
    // One snapshot needs again all that was unneeded; another one has packs and an index file of its own.
    await new Author(repository).snapshot(goingTree);
    await store(repository, { later: noise(1000, 50) });
    await forgetSnapshots(repository, [await store(repository, { soon: noise(1000, 51) })], { signal });
    const before = await contentOfAll(repository);
    const young = (await namesOf(repository.backend, "index")).filter((name) => !only.indexFiles.has(name as Id));
    expect(young).toHaveLength(2);
    const { result } = await prune(through(repository, new GuardedBackend(repository.backend, only)), {
      ...OPTIONS,
      only,
    });
    expect(result.removedPacks).toBeGreaterThan(0);
    expect(await namesOf(repository.backend, "index")).toEqual(expect.arrayContaining(young));
    expect(await namesOf(repository.backend, "forgotten")).toHaveLength(1);
    await expectWhole(repository, before);
    // What was not named, and is not needed, is for the next plan.
    expect(await plan(repository, OPTIONS)).toMatchObject({ isNeeded: true });
    await prune(repository, OPTIONS);
    await expectWhole(repository, before);
  });

  test("keeps the data of a forgotten snapshot whose time is over, but that was not named", async () => {
    const { repository, goingTree } = await make();
    const { packs, indexFiles } = named(await plan(repository, OPTIONS));
    const only = { packs, indexFiles, forgotten: new Set<Id>() };
    await prune(through(repository, new GuardedBackend(repository.backend, only)), { ...OPTIONS, only });
    expect(await namesOf(repository.backend, "forgotten")).toHaveLength(2);
    await new Author(repository).snapshot(goingTree);
    await expectWhole(repository, await contentOfAll(repository));
  });

  test.each([0, 1, 2, 3, 4])(
    "to a part of the packs (without each of number %i) removes these only",
    async (without) => {
      const { repository } = await make();
      const before = await contentOfAll(repository);
      const all = named(await plan(repository, OPTIONS));
      const only = { ...all, packs: new Set([...all.packs].filter((_, at) => at % 5 !== without)) };
      await prune(through(repository, new GuardedBackend(repository.backend, only)), { ...OPTIONS, only });
      await expectWhole(repository, before);
      const left = [...all.packs].filter((id) => !only.packs.has(id));
      expect(await namesOf(repository.backend, "pack")).toEqual(expect.arrayContaining(left));
    },
  );

  test("may be cut off at any write, with a backup before and another after; the next one finishes", async () => {
    const { repository: made, goingTree } = await make();
    const only = named(await plan(made, OPTIONS));
    await store(made, { later: noise(1000, 50) });
    let died = 0;
    for (let dieAt = 1, isDone = false; !isDone; dieAt++) {
      const backend = await copyOf(made.backend);
      const repository = through(made, backend);
      const guarded = new GuardedBackend(backend, only);
      isDone = await prune(through(made, new DyingBackend(guarded, dieAt)), { ...OPTIONS, only }).then(
        () => true,
        () => false,
      );
      if (!isDone) died++;
      await removeLocks(repository, { all: true, signal });
      await store(repository, { meanwhile: noise(500, 60) });
      const before = await contentOfAll(repository);
      await prune(through(made, guarded), { ...OPTIONS, only });
      expect(guarded.refused, `cut off at write ${dieAt}`).toBe(0);
      await expectWhole(repository, before);
      const packs = await namesOf(backend, "pack");
      expect(
        packs.filter((name) => only.packs.has(name as Id)),
        `cut off at write ${dieAt}`,
      ).toEqual([]);
      await prune(repository, OPTIONS);
      await expectWhole(repository, before);
    }
    expect(died).toBeGreaterThan(10);
    expect(goingTree).toHaveLength(64);
  });

  test("that finds no room stops, takes nothing back that it may not remove, and the next one finishes", async () => {
    const { repository: made } = await make();
    const only = named(await plan(made, OPTIONS));
    const before = await contentOfAll(made);
    let full = 0;
    for (let room = 0, isDone = false; !isDone; room += 400) {
      const memory = await copyOf(made.backend);
      const guarded = new GuardedBackend(memory, only);
      const small = new SmallBackend(guarded, memory, memory.totalBytes + room);
      const failure: unknown = await prune(through(made, small), { ...OPTIONS, only }).then(
        () => undefined,
        (error: unknown) => error,
      );
      isDone = failure === undefined;
      if (!isDone) {
        full++;
        expect(failure).toMatchObject({ code: "ENGINE_PRUNE_FULL" });
      }
      expect(guarded.refused).toBe(0);
      const repository = through(made, memory);
      expect(await contentOfAll(repository)).toEqual(before);
      await prune(through(made, guarded), { ...OPTIONS, only });
      await expectWhole(repository, before);
    }
    expect(full).toBeGreaterThan(0);
  });
});
