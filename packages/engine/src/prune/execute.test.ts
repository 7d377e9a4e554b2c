/** That a prune may be cut off at any write, finds neither room nor truth, and still loses nothing. */
import { bytesSource, type FaultPlan, FaultyBackend, loadBytes, storageError } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { check, copyOf, namesOf, noise, RecordingBackend, storedBlobs, through } from "../../test/backup-lab.ts";
import { oneFault } from "../../test/faults/one-fault.ts";
import { Author, newRepository, signal } from "../../test/made-repository.ts";
import { contentOfAll, DyingBackend, plan, prune, SmallBackend, store } from "../../test/model/prune-lab.ts";
import { forgetSnapshots } from "../forget/forgotten.ts";
import { idOf, idToBytes, type Id } from "../format/id.ts";
import type { BlobLocation } from "../index/blob-index.ts";
import { removeLocks } from "../repository/locks.ts";
import type { Repository } from "../repository/repository.ts";
import { executePrune } from "./execute.ts";
import { moveFew } from "./move-few.ts";
import type { PruneOptions } from "./options.ts";
import { prunedPacks } from "./plan.ts";

const NOTHING = { kind: "bytes", bytes: 0 } as const;
/** Few blobs move without threads, many with them: both ways must do the same. */
const WAYS = [
  { way: "without threads", workers: 0 },
  { way: "with threads", workers: 1 },
] as const;

/** Packs of all kinds: wholly needed, in part, not at all, stored twice, and one that no index lists. */
async function makeAll(): Promise<Repository> {
  const repository = newRepository();
  await store(repository, { whole: noise(900, 1), more: noise(800, 2) });
  const author = new Author(repository);
  const files = [];
  for (let n = 0; n < 8; n++) files.push(await author.file(`f${n}`, [noise(700 + n, 10 + n)]));
  const [all, some] = [await author.tree(files), await author.tree(files.slice(0, 3))];
  await author.finish();
  const going = [await author.snapshot(all)];
  await author.snapshot(some);
  going.push(await store(repository, { gone: noise(900, 3) }));
  await store(repository, { whole: noise(900, 1), other: noise(600, 4) });
  await forgetSnapshots(repository, going, { signal });
  await repository.backend.save({ type: "pack", name: "ab".repeat(32) }, bytesSource(new Uint8Array(50)), { signal });
  return repository;
}

async function damage(repository: Repository, name: Id, at = 20): Promise<void> {
  const bytes = await loadBytes(repository.backend, { type: "pack", name }, undefined, { signal });
  bytes[at] = (bytes[at] as number) ^ 1;
  await repository.backend.save({ type: "pack", name }, bytesSource(bytes), { signal });
}

async function expectWhole(repository: Repository, contents: unknown): Promise<void> {
  const { healthy, findings, affected } = await check(repository);
  expect({ healthy, affected }).toEqual({ healthy: true, affected: [] });
  expect(findings.filter(({ code }) => code !== "pack-unindexed")).toEqual([]);
  expect(await contentOfAll(repository)).toEqual(contents);
}

/** Names of everything but locks. */
async function everything({ backend }: Repository): Promise<string[]> {
  const names = [];
  for (const type of ["snapshot", "forgotten", "index", "pack"] as const) names.push(...(await namesOf(backend, type)));
  return names;
}

describe.for(WAYS)("a prune $way", { timeout: 120_000 }, ({ workers }) => {
  const options: Partial<PruneOptions> = { maxUnused: NOTHING, workers };

  test("stores packs, then the index; only then old index files go, and packs last", async () => {
    const made = await makeAll();
    const recording = new RecordingBackend(made.backend);
    const repository = through(made, recording);
    const before = await contentOfAll(repository);
    const old = await namesOf(made.backend, "index");
    const calls: string[] = [];
    const order: FaultPlan = {
      next: (operation, type) => {
        if (operation === "save" || operation === "remove") calls.push(`${operation} ${type}`);
        return undefined;
      },
    };
    const { plan: planned, result } = await prune(through(made, new FaultyBackend(recording, order)), options);
    const grouped = calls.filter((call, n) => call !== calls[n - 1]);
    expect(grouped).toEqual([
      "remove pack", // the one that no index lists
      "save pack",
      "save index",
      "remove forgotten",
      "remove index",
      "remove pack",
    ]);
    expect(planned.packs).toMatchObject({ unlisted: 1 });
    expect(planned.packs.repack).toBeGreaterThan(1);
    expect(planned.packs.remove).toBeGreaterThan(1);
    expect(result.removedPacks).toBe(planned.packs.removeTotal + planned.packs.repack);
    expect(
      recording.removes
        .filter(({ type }) => type === "index")
        .map(({ name }) => name)
        .sort(),
    ).toEqual(old);
    await expectWhole(repository, before);
    expect(await plan(repository, options)).toMatchObject({ isNeeded: false });
  });

  test("may be cut off at any write; the next one finishes, with the same outcome", async () => {
    const made = await makeAll();
    const before = await contentOfAll(made);
    const undisturbed = through(made, await copyOf(made.backend));
    await prune(undisturbed, options);
    const outcome = await storedBlobs(undisturbed);
    const ended: string[] = [];
    for (let dieAt = 1; ; dieAt++) {
      const backend = await copyOf(made.backend);
      const dying = new DyingBackend(backend, dieAt);
      const isDone = await prune(through(made, dying), options).then(
        () => true,
        () => false,
      );
      const repository = through(made, backend);
      await removeLocks(repository, { all: true, signal });
      expect(await contentOfAll(repository), `cut off at write ${dieAt}`).toEqual(before);
      // Every third one, and the last, is looked over in full.
      if (dieAt % 3 === 0 || isDone) await expectWhole(repository, before);
      await prune(repository, { ...options, workers: 0 });
      expect(await contentOfAll(repository), `after write ${dieAt}`).toEqual(before);
      expect(await storedBlobs(repository), `after write ${dieAt}`).toEqual(outcome);
      expect(await plan(repository, options)).toMatchObject({ isNeeded: false });
      if (isDone) break;
      ended.push(String(dieAt));
    }
    expect(ended.length).toBeGreaterThan(10);
  });

  test("that finds no room takes back what it has written, and removes what nothing needs", async () => {
    const made = await makeAll();
    const before = await contentOfAll(made);
    const planned = await plan(made, options);
    const useless = new Set(prunedPacks(planned, "remove"));
    let freed = 0;
    let finished = 0;
    for (let room = 0; finished === 0; room += 500) {
      const memory = await copyOf(made.backend);
      const small = new SmallBackend(memory, memory, memory.totalBytes + room);
      const failure: unknown = await prune(through(made, small), options).then(
        () => undefined,
        (error: unknown) => error,
      );
      const repository = through(made, memory);
      expect(await contentOfAll(repository), `room ${room}`).toEqual(before);
      if (failure === undefined) {
        finished++;
        continue;
      }
      expect(failure).toMatchObject({ code: "ENGINE_PRUNE_FULL", kind: "unavailable" });
      const left = await namesOf(memory, "pack");
      const isFreed = left.every((name) => !useless.has(name as Id));
      if (isFreed) freed++;
      const known = new Set(await namesOf(made.backend, "pack"));
      expect(left.filter((name) => !known.has(name))).toEqual([]);
      if (isFreed) await expectWhole(repository, before);
      // With room the next one does the rest.
      await prune(repository, options);
      expect(await contentOfAll(repository)).toEqual(before);
    }
    expect(freed).toBeGreaterThan(0);
  });

  test("moves a blob from its other copy when the first is damaged", async () => {
    const repository = newRepository();
    const author = new Author(repository);
    const files = [];
    for (let n = 0; n < 4; n++) files.push(await author.file(`f${n}`, [noise(700 + n, n)]));
    const [all, some] = [await author.tree(files), await author.tree(files.slice(0, 2))];
    await author.finish();
    const whole = await author.snapshot(all);
    await author.snapshot(some);
    const before = await contentOfAll(repository);
    // The same file again, beside something that goes: a smaller share of that pack is needed.
    const second = await store(repository, { f0: noise(700, 0), gone: noise(9_000, 9) });
    await forgetSnapshots(repository, [whole, second], { signal });
    const planned = await plan(repository, options);
    const { index } = planned.work;
    const going = new Set(prunedPacks(planned, "repack"));
    const places = index.findAll("data", idToBytes(idOf(noise(700, 0))), 0);
    const moving = places.find(({ pack }) => going.has(index.packId(pack))) as BlobLocation;
    expect(places).toHaveLength(2);
    await damage(repository, index.packId(moving.pack), moving.offset + 20);
    await executePrune(repository, planned, { signal });
    delete before[whole];
    await expectWhole(repository, before);
  });

  test("stops when the only copy of a blob that must move is damaged, and removes nothing", async () => {
    const repository = newRepository();
    const author = new Author(repository);
    const files = [];
    for (let n = 0; n < 4; n++) files.push(await author.file(`f${n}`, [noise(700 + n, n)]));
    const [all, some] = [await author.tree(files), await author.tree(files.slice(0, 2))];
    await author.finish();
    const whole = await author.snapshot(all);
    await author.snapshot(some);
    await forgetSnapshots(repository, [whole], { signal });
    const planned = await plan(repository, options);
    const before = await everything(repository);
    const { index } = planned.work;
    const place = index.find("data", idToBytes(idOf(noise(700, 0))), 0) as BlobLocation;
    await damage(repository, index.packId(place.pack), place.offset + 20);
    await expect(executePrune(repository, planned, { signal })).rejects.toMatchObject({
      code: "ENGINE_PRUNE_DAMAGED",
      kind: "corrupt",
      details: { blobs: 1 },
    });
    expect(await everything(repository)).toEqual(expect.arrayContaining(before));
  });
});

describe("a prune", { timeout: 120_000 }, () => {
  const options = { maxUnused: NOTHING } as const;

  test.for(["snapshot", "index"] as const)("stops when another client has stored an unknown %s", async (type) => {
    const repository = await makeAll();
    const other = through(repository, await copyOf(repository.backend));
    await store(other, { new: noise(500, 77) });
    const planned = await plan(repository, options);
    const before = await everything(repository);
    const known = new Set(await namesOf(repository.backend, type));
    const name = (await namesOf(other.backend, type)).find((each) => !known.has(each)) as Id;
    const bytes = await loadBytes(other.backend, { type, name }, undefined, { signal });
    await repository.backend.save({ type, name }, bytesSource(bytes), { signal });
    await expect(executePrune(repository, planned, { signal })).rejects.toMatchObject({ code: "ENGINE_PRUNE_STALE" });
    expect(await everything(repository)).toEqual(expect.arrayContaining(before));
  });

  test("stops when an expired snapshot was brought back meanwhile", async () => {
    const repository = await makeAll();
    const planned = await plan(repository, options);
    const [name] = planned.expired as [Id];
    const bytes = await loadBytes(repository.backend, { type: "forgotten", name }, undefined, { signal });
    await repository.backend.save({ type: "snapshot", name }, bytesSource(bytes), { signal });
    await expect(executePrune(repository, planned, { signal })).rejects.toMatchObject({ code: "ENGINE_PRUNE_STALE" });
    await expectWhole(repository, await contentOfAll(repository));
  });

  test.for([
    { type: "pack", fault: { kind: "lie" } },
    { type: "pack", fault: { kind: "truncate", keepBytes: 30 } },
    { type: "index", fault: { kind: "lie" } },
    { type: "index", fault: { kind: "truncate", keepBytes: 30 } },
    { type: "index", fault: { kind: "flip", bit: 300 } },
  ] as const)("removes nothing when the store lies about a new $type: $fault.kind", async ({ type, fault }) => {
    const made = await makeAll();
    const before = await contentOfAll(made);
    for (let call = 1; ; call++) {
      const backend = await copyOf(made.backend);
      const repository = through(made, backend);
      const names = (await everything(repository)).filter((name) => name !== "ab".repeat(32));
      const lying = oneFault({ operation: "save", type, call, fault });
      const outcome = prune(through(made, new FaultyBackend(backend, lying)), options);
      const failure: unknown = await outcome.then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!lying.fired) break;
      // The first pack of threads is found to be missing as soon as something is read from it, the others in the end.
      expect(failure).toMatchObject({ code: "ENGINE_PRUNE_UNSAFE" });
      expect(await everything(repository)).toEqual(expect.arrayContaining(names));
      expect(await contentOfAll(repository)).toEqual(before);
    }
  });

  test("ends with the signal's reason, wherever it is, and loses nothing", async () => {
    const made = await makeAll();
    const before = await contentOfAll(made);
    for (let call = 1, isDone = false; !isDone; call += 3) {
      const backend = await copyOf(made.backend);
      const interruption = new AbortController();
      const reason = new Error("enough");
      let calls = 0;
      const counting: FaultPlan = {
        next: () => {
          if (++calls === call) interruption.abort(reason);
          return undefined;
        },
      };
      const run = prune(through(made, new FaultyBackend(backend, counting)), {
        ...options,
        signal: interruption.signal,
      });
      const failure: unknown = await run.then(
        () => undefined,
        (error: unknown) => error,
      );
      isDone = calls < call;
      // The last calls of all may be done when the signal comes.
      if (failure !== undefined) expect(failure).toBe(reason);
      expect(await contentOfAll(through(made, backend)), `aborted at call ${call}`).toEqual(before);
    }
  });

  test("tells a failing store from a full one", async () => {
    const made = await makeAll();
    const broken = storageError("STORAGE_FAILED", { location: "here", reason: "broken" });
    const plans = oneFault({ operation: "save", call: 1, fault: { kind: "fail", when: "before", error: broken } });
    await expect(prune(through(made, new FaultyBackend(made.backend, plans)), options)).rejects.toBe(broken);
  });
});

test("few blobs are moved as they were compressed, and a blob with no good copy is an error", async () => {
  const repository = newRepository();
  await store(repository, { text: "the same again and again ".repeat(50), raw: noise(600, 1) });
  const planned = await plan(repository);
  const { index } = planned.work;
  const settings = { signal, packSizeBytes: 10_000, onBlob: () => {} };
  const entries = Uint32Array.from({ length: index.count }, (_, n) => n);
  const pack = index.locationAt(0)?.pack as number;
  const stored = await moveFew(repository, index, [{ pack, entries }], { ...settings, compression: "off" });
  expect(stored).toBeLessThan(600 + 50 * 25);
  for (const name of await namesOf(repository.backend, "pack")) await damage(repository, name as Id);
  await expect(
    moveFew(repository, index, [{ pack, entries }], { ...settings, compression: "off" }),
  ).rejects.toMatchObject({ kind: "corrupt" });
});
