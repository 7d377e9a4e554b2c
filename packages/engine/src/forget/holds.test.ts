import { bytesSource } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { Author, newRepository, signal } from "../../test/made-repository.ts";
import { flipBit } from "../../test/damaged/good.ts";
import type { HoldFields, HoldSelector } from "../format/hold.ts";
import { idOf, parseId, type Id } from "../format/id.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { listSnapshots, type StoredSnapshot } from "../repository/snapshots.ts";
import { addHold, heldError, holdsOf, listHolds, releaseHold, type Hold } from "./holds.ts";

const A = parseId("aa".repeat(32));
const B = parseId("bb".repeat(32));

function fields(selector: HoldSelector, changes: Partial<HoldFields> = {}): HoldFields {
  return { selector, reason: "audit", owner: "ann@box", reviewOn: "2027-01-31", createdAtMs: 1_000, ...changes };
}

async function snapshot(changes: Partial<Snapshot> = {}): Promise<StoredSnapshot> {
  const author = new Author(newRepository());
  await author.snapshot(A, changes);
  const [stored] = await listSnapshots(author.repository, { signal });
  if (stored === undefined) throw new Error("no snapshot");
  return stored;
}

describe("holds in a repository", () => {
  test("are listed, the oldest first, until they are released", async () => {
    const repository = newRepository();
    expect(await listHolds(repository, { signal })).toEqual([]);
    const later = await addHold(repository, fields({ hosts: ["box"] }, { createdAtMs: 2_000 }), { signal });
    const earlier = await addHold(repository, fields({ ids: [A] }), { signal });
    expect(await listHolds(repository, { signal })).toEqual([earlier, later]);
    await releaseHold(repository, earlier.id, { signal });
    expect(await listHolds(repository, { signal })).toEqual([later]);
    await expect(releaseHold(repository, earlier.id, { signal })).rejects.toMatchObject({ code: "STORAGE_NOT_FOUND" });
  });

  test("stop everything when one cannot be read, and can be released all the same", async () => {
    const repository = newRepository();
    const good = await addHold(repository, fields({ ids: [A] }), { signal });
    const { id } = await addHold(repository, fields({ ids: [B] }), { signal });
    await flipBit(repository.backend, { type: "hold", name: id }, 20);
    await expect(listHolds(repository, { signal })).rejects.toMatchObject({ code: "ENGINE_HOLD_DAMAGED" });
    const damaged: Id[] = [];
    const onDamaged = (each: Id): void => void damaged.push(each);
    expect(await listHolds(repository, { signal, onDamaged })).toEqual([good]);
    expect(damaged).toEqual([id]);
    await releaseHold(repository, id, { signal });
    expect(await listHolds(repository, { signal })).toEqual([good]);
  });

  test("of a newer version stop everything as well", async () => {
    const repository = newRepository();
    await repository.saveDocument("hold", Buffer.from(`{"version":2,"everything":true}`), { signal });
    await expect(listHolds(repository, { signal })).rejects.toMatchObject({ code: "ENGINE_HOLD_DAMAGED" });
  });

  test("are sealed: whoever has no key cannot make one", async () => {
    const repository = newRepository();
    const plain = Buffer.from(`{"version":1}`);
    await repository.backend.save({ type: "hold", name: idOf(plain) }, bytesSource(plain), { signal });
    await expect(listHolds(repository, { signal })).rejects.toMatchObject({ code: "ENGINE_HOLD_DAMAGED" });
  });
});

describe("what a hold is for", () => {
  const CASES: readonly [string, HoldSelector, Partial<Snapshot>, boolean][] = [
    ["everything, without criteria", {}, {}, true],
    ["a host", { hosts: ["other", "box"] }, { hostname: "box" }, true],
    ["another host", { hosts: ["other"] }, { hostname: "box" }, false],
    ["all of its paths", { paths: ["/a", "/b"] }, { paths: ["/b", "/c", "/a"] }, true],
    ["not all of its paths", { paths: ["/a", "/b"] }, { paths: ["/a"] }, false],
    ["one of its lists of tags", { tags: [["x"], ["a", "b"]] }, { tags: ["b", "a"] }, true],
    ["none of its lists of tags", { tags: [["a", "b"]] }, { tags: ["a"] }, false],
    ["no tags", { tags: [[]] }, { tags: [] }, true],
    ["its first instant", { fromNs: 0n }, { time: "1970-01-01T00:00:00Z" }, true],
    ["before its first instant", { fromNs: 1n }, { time: "1970-01-01T00:00:00Z" }, false],
    ["its last instant", { toNs: 0n }, { time: "1970-01-01T01:00:00+01:00" }, true],
    ["after its last instant", { toNs: 0n }, { time: "1970-01-01T00:00:00.000000001Z" }, false],
    ["the origin of it", { ids: [B] }, { original: B }, true],
    ["another one", { ids: [B] }, { original: A }, false],
    ["host but not time", { hosts: ["box"], fromNs: 1n }, { hostname: "box", time: "1970-01-01T00:00:00Z" }, false],
  ];
  test.for(CASES)("%s", async ([, selector, changes, expected]) => {
    const hold: Hold = { id: A, ...fields(selector) };
    expect(holdsOf([hold], await snapshot(changes))).toEqual(expected ? [hold] : []);
  });

  test("its id", async () => {
    const stored = await snapshot();
    const hold: Hold = { id: A, ...fields({ ids: [B, stored.id] }) };
    expect(holdsOf([hold], stored)).toEqual([hold]);
  });

  test("is told by the error: snapshot, hold, reason and owner", async () => {
    const stored = await snapshot();
    const hold: Hold = { id: A, ...fields({}) };
    const { message } = heldError(stored.id, [hold]);
    expect(message).toContain(`snapshot ${stored.id} is held by aaaaaaaa ("audit", by ann@box, review on 2027-01-31)`);
  });
});
