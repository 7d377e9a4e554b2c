import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cutOffEverywhere, flipBit, idsOf } from "../../test/damaged/good.ts";
import { Author, newRepository, signal } from "../../test/made-repository.ts";
import { forgetSnapshots, listForgotten } from "../forget/forgotten.ts";
import type { EvidenceFields } from "../format/evidence.ts";
import { parseId, type Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots, type StoredSnapshot } from "../repository/snapshots.ts";
import { listEvidence, saveEvidence, subjectsOf } from "./records.ts";
import { Evidence } from "./standing.ts";
import { tidyEvidence } from "./tidy.ts";

const NOW = 1_000_000;
const TREES = ["70", "71"].map((text) => parseId(text.repeat(32)));

async function record(repository: Repository, atMs: number, found: Partial<EvidenceFields>): Promise<void> {
  const nothing = { proven: [], damaged: [], incomplete: [] };
  const run = (found.incomplete?.length ?? 0) > 0 ? "backup" : "check";
  await saveEvidence(
    repository,
    { run, beganAtMs: atMs, endedAtMs: atMs, hostname: "h", programVersion: "p", ...nothing, ...found },
    { signal },
  );
}

const snapshotsOf = (repository: Repository): Promise<StoredSnapshot[]> => listSnapshots(repository, { signal });

/** How every snapshot stands, forgotten ones too. */
async function standings(repository: Repository): Promise<Record<Id, unknown>> {
  const records = await listEvidence(repository, { signal, onDamaged: () => {} });
  const evidence = new Evidence(records, { nowMs: NOW });
  const all = [...(await snapshotsOf(repository)), ...(await listForgotten(repository, { signal }))];
  return Object.fromEntries(
    all.map((stored) => {
      const { foundedOn: _, ...standing } = evidence.of(stored);
      return [stored.id, standing];
    }),
  );
}

describe("tidying evidence", () => {
  test("removes what later records supersede, and what is about snapshots that are gone", async () => {
    const repository = newRepository();
    const author = new Author(repository);
    await author.snapshot(TREES[0] as Id);
    const kept = subjectsOf(await snapshotsOf(repository));
    const gone = [{ snapshot: parseId("aa".repeat(32)), tree: TREES[1] as Id }];
    await record(repository, 1, { proven: kept });
    await record(repository, 2, { damaged: kept });
    await record(repository, 3, { incomplete: gone });
    await record(repository, 4, { proven: kept, damaged: gone });
    expect(await tidyEvidence(repository, { signal, nowMs: NOW })).toBe(3);
    const [left] = await listEvidence(repository, { signal, onDamaged: () => {} });
    expect(left?.beganAtMs).toBe(4);
    expect(await tidyEvidence(repository, { signal, nowMs: NOW })).toBe(0);
  });

  test("keeps what is about forgotten snapshots, which may come back", async () => {
    const repository = newRepository();
    const id = await new Author(repository).snapshot(TREES[0] as Id);
    await record(repository, 1, { incomplete: subjectsOf(await snapshotsOf(repository)) });
    await forgetSnapshots(repository, [id], { signal });
    expect(await tidyEvidence(repository, { signal, nowMs: NOW })).toBe(0);
    await repository.removeFile("forgotten", id, { signal });
    expect(await tidyEvidence(repository, { signal, nowMs: NOW })).toBe(1);
  });

  test("leaves alone what it cannot read, and proof whose time has not come", async () => {
    const repository = newRepository();
    await record(repository, 1, { proven: [{ snapshot: TREES[0] as Id, tree: TREES[0] as Id }] });
    const [name] = await idsOf(repository, "evidence");
    await flipBit(repository.backend, { type: "evidence", name: name as Id }, 20);
    await record(repository, 10 * NOW, { proven: [{ snapshot: TREES[0] as Id, tree: TREES[0] as Id }] });
    expect(await tidyEvidence(repository, { signal, nowMs: NOW })).toBe(0);
    expect(await idsOf(repository, "evidence")).toHaveLength(2);
  });

  test("removes nothing while a snapshot cannot be read: any record could be about it", async () => {
    const repository = newRepository();
    const id = await new Author(repository).snapshot(TREES[0] as Id);
    await record(repository, 1, { damaged: [{ snapshot: TREES[1] as Id, tree: TREES[1] as Id }] });
    await flipBit(repository.backend, { type: "snapshot", name: id }, 20);
    await expect(tidyEvidence(repository, { signal, nowMs: NOW })).rejects.toMatchObject({ code: "ENGINE_WRONG_HASH" });
    expect(await idsOf(repository, "evidence")).toHaveLength(1);
  });

  test("changes nothing of what is known, whatever the records are, and leaves at most three for each snapshot", async () => {
    const place = fc.nat({ max: 3 });
    const anyRecord = fc.record({
      atMs: fc.integer({ min: 1, max: 6 }),
      good: fc.array(place, { maxLength: 3 }),
      bad: fc.array(place, { maxLength: 2 }),
      isBackup: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyRecord, { maxLength: 12 }), fc.boolean(), async (records, forgets) => {
        const repository = newRepository();
        const author = new Author(repository);
        const first = await author.snapshot(TREES[0] as Id, { hostname: "a" });
        await author.snapshot(TREES[0] as Id, { hostname: "b", original: first });
        const third = await author.snapshot(TREES[0] as Id, { hostname: "c" });
        await author.snapshot(TREES[1] as Id, { hostname: "d", original: first });
        const subjects = subjectsOf(await snapshotsOf(repository));
        const chosen = (places: readonly number[]) =>
          places.map((n) => subjects[n]).filter((each) => each !== undefined);
        for (const { atMs, good, bad, isBackup } of records) {
          const found = isBackup ? { incomplete: chosen(good) } : { proven: chosen(good), damaged: chosen(bad) };
          await record(repository, atMs, found);
        }
        if (forgets) await forgetSnapshots(repository, [third], { signal });
        const before = await standings(repository);
        await tidyEvidence(repository, { signal, nowMs: NOW });
        expect(await standings(repository)).toEqual(before);
        expect((await idsOf(repository, "evidence")).length).toBeLessThanOrEqual(3 * subjects.length);
      }),
      { numRuns: 150 },
    );
  });

  test("cut off at any write, changes nothing of what is known", async () => {
    const repository = newRepository();
    await new Author(repository).snapshot(TREES[0] as Id);
    const subjects = subjectsOf(await snapshotsOf(repository));
    for (const atMs of [1, 2, 3]) await record(repository, atMs, { [atMs === 2 ? "damaged" : "proven"]: subjects });
    const before = await standings(repository);
    const work = (each: Repository): Promise<number> => tidyEvidence(each, { signal, nowMs: NOW });
    let ends = 0;
    for await (const { repository: left, step } of cutOffEverywhere(await withConfig(repository), work)) {
      ends++;
      expect(await standings(left), step).toEqual(before);
    }
    expect(ends).toBe(4);
  });
});

/** `cutOffEverywhere` copies the config as well. */
async function withConfig(repository: Repository): Promise<Repository> {
  const source = { sizeBytes: 1, open: () => [new Uint8Array(1)] };
  await repository.backend.save({ type: "config", name: "" }, source, { signal });
  return repository;
}
