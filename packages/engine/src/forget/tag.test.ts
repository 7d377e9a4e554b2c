import { describe, expect, test } from "vitest";
import { cutOffEverywhere, idsOf } from "../../test/damaged/good.ts";
import { Author, newRepository, signal } from "../../test/made-repository.ts";
import type { HoldSelector } from "../format/hold.ts";
import { parseId, type Id } from "../format/id.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots } from "../repository/snapshots.ts";
import { addHold } from "./holds.ts";
import { changedTags, tagSnapshots, type ChangedSnapshot, type TagChange } from "./tag.ts";

const TREE = parseId("cc".repeat(32));
const OLDER = parseId("dd".repeat(32));

async function made(...each: Partial<Snapshot>[]): Promise<{ repository: Repository; ids: Id[] }> {
  const author = new Author(newRepository());
  const ids: Id[] = [];
  for (const fields of each) ids.push(await author.snapshot(TREE, fields));
  return { repository: author.repository, ids };
}

async function tag(repository: Repository, change: TagChange): Promise<ChangedSnapshot[]> {
  const changed: ChangedSnapshot[] = [];
  const snapshots = await listSnapshots(repository, { signal });
  await tagSnapshots(repository, snapshots, change, { signal, onChanged: (each) => void changed.push(each) });
  return changed;
}

const snapshotsOf = (repository: Repository) => listSnapshots(repository, { signal });

describe("tags after a change", () => {
  test.for([
    ["are those that were set", ["a"], { set: ["c", "b"] }, ["c", "b"]],
    ["are none when none is set", ["a"], { set: [] }, []],
    ["are each there once", ["a"], { set: ["b", "b"] }, ["b"]],
    ["gain what is added", ["a"], { add: ["b", "a"], remove: [] }, ["a", "b"]],
    ["lose what is removed", ["a", "b", "c"], { add: [], remove: ["b", "x"] }, ["a", "c"]],
    ["lack what is added and removed", ["a"], { add: ["b"], remove: ["b"] }, ["a"]],
  ] as const)("%s", ([, tags, change, expected]) => {
    expect(changedTags(tags, change)).toEqual(expected);
  });
});

describe("tagging", () => {
  test("makes a new snapshot that names the original, and nothing else in it changes", async () => {
    const { repository, ids } = await made({ tags: ["a"], hostname: "h", otherFields: { later: [1] } });
    const [before] = await snapshotsOf(repository);
    const changed = await tag(repository, { add: ["b"], remove: [] });
    const [after] = await snapshotsOf(repository);
    expect(changed).toEqual([{ old: ids[0], new: after?.id }]);
    expect(after?.id).not.toBe(ids[0]);
    expect(after?.snapshot).toEqual({ ...before?.snapshot, tags: ["a", "b"], original: ids[0] });
    expect(await idsOf(repository, "forgotten")).toEqual([]);
  });

  test("keeps the first original", async () => {
    const { repository } = await made({ original: OLDER });
    await tag(repository, { set: ["x"] });
    expect((await snapshotsOf(repository))[0]?.snapshot.original).toBe(OLDER);
  });

  test("leaves alone what has those tags already", async () => {
    const { repository, ids } = await made({ tags: ["a", "b"] }, { tags: ["a"], hostname: "other" });
    expect(await tag(repository, { add: ["b"], remove: [] })).toHaveLength(1);
    expect((await snapshotsOf(repository)).map(({ id }) => id)).toContain(ids[0]);
    expect(await tag(repository, { set: ["a", "b"] })).toEqual([]);
  });

  test("cut off at any write, no snapshot is lost, and the next run leaves each once", async () => {
    const { repository: whole } = await made({ hostname: "a" }, { hostname: "b" });
    let ends = 0;
    for await (const { repository, step } of cutOffEverywhere(await withConfig(whole), (each) =>
      tag(each, { set: ["x"] }),
    )) {
      ends++;
      const hosts = new Set((await snapshotsOf(repository)).map(({ snapshot }) => snapshot.hostname));
      expect([...hosts].toSorted(), step).toEqual(["a", "b"]);
      await tag(repository, { set: ["x"] });
      const after = await snapshotsOf(repository);
      expect(after.map(({ snapshot }) => `${snapshot.hostname} ${snapshot.tags.join()}`).sort(), step).toEqual([
        "a x",
        "b x",
      ]);
    }
    expect(ends).toBe(8);
  });

  const hold = (repository: Repository, selector: HoldSelector) =>
    addHold(
      repository,
      { selector, reason: "case 7", owner: "ann", reviewOn: "2027-01-01", createdAtMs: 0 },
      { signal },
    );

  test("does not take a snapshot out of a hold; nothing is changed then", async () => {
    const { repository, ids } = await made({ tags: [], hostname: "a" }, { tags: ["legal"], hostname: "b" });
    await hold(repository, { tags: [["legal"]] });
    await expect(tag(repository, { set: ["x"] })).rejects.toMatchObject({ code: "ENGINE_HELD" });
    expect(await idsOf(repository, "snapshot")).toEqual(ids.toSorted());
    await tag(repository, { add: ["x"], remove: [] });
    expect((await snapshotsOf(repository)).map(({ snapshot }) => snapshot.tags.join()).sort()).toEqual([
      "legal,x",
      "x",
    ]);
  });

  test("is no way out of a hold by id, which is for the new form as well", async () => {
    const { repository, ids } = await made({});
    await hold(repository, { ids: [ids[0] as Id] });
    await tag(repository, { set: ["x"] });
    await tag(repository, { set: ["y"] });
    expect((await snapshotsOf(repository))[0]?.snapshot).toMatchObject({ original: ids[0], tags: ["y"] });
  });

  test("refuses where a hold names a snapshot that has an older origin", async () => {
    const { repository, ids } = await made({ original: OLDER });
    await hold(repository, { ids: [ids[0] as Id] });
    await expect(tag(repository, { set: ["x"] })).rejects.toMatchObject({ code: "ENGINE_HELD" });
  });
});

/** `cutOffEverywhere` copies repositories with all their files. */
async function withConfig(repository: Repository): Promise<Repository> {
  const body = Buffer.from("{}");
  await repository.backend.save(
    { type: "config", name: "" },
    { sizeBytes: body.length, open: () => [body] },
    { signal },
  );
  return repository;
}
