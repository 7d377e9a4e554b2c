import { describe, expect, test } from "vitest";
import { flipBit, idsOf } from "../../test/damaged/good.ts";
import { Author, newRepository, node, signal } from "../../test/made-repository.ts";
import { addHold, releaseHold } from "../forget/holds.ts";
import type { HoldSelector } from "../format/hold.ts";
import { parseId, type Id } from "../format/id.ts";
import type { SnapshotFields } from "../format/snapshot.ts";
import type { Repository } from "../repository/repository.ts";
import { keptSnapshots } from "./kept-snapshots.ts";
import { executeSnapshotRepair, planSnapshotRepair, type SnapshotRepairResult } from "./repair-snapshots.ts";

const LOST = parseId("ab".repeat(32));

/** A snapshot that lacks a file, and one that is whole. */
async function damaged(
  fields: Partial<SnapshotFields> = {},
): Promise<{ repository: Repository; broken: Id; whole: Id }> {
  const author = new Author(newRepository());
  const tree = await author.tree([node("gone", { content: [LOST], size: 5 })]);
  const whole = await author.tree([node("empty")]);
  await author.finish();
  const broken = await author.snapshot(tree, fields);
  return {
    repository: author.repository,
    broken,
    whole: await author.snapshot(whole, { time: "2026-02-01T00:00:00Z" }),
  };
}

const hold = (repository: Repository, selector: HoldSelector) =>
  addHold(
    repository,
    { selector, reason: "case 7", owner: "ann", reviewOn: "2027-01-31", createdAtMs: 1_000 },
    { signal },
  );

async function repair(repository: Repository): Promise<SnapshotRepairResult> {
  const plan = await planSnapshotRepair(repository, { signal });
  return executeSnapshotRepair(repository, plan, { signal, forget: true, forgetUnreadable: true });
}

describe("a repair that removes snapshots", () => {
  test.for<[string, HoldSelector | undefined, string[]]>([
    ["held by id", { ids: [] }, []],
    ["held by host", { hosts: ["box"] }, []],
    ["held with all others", {}, []],
    ["pinned", undefined, ["pinned"]],
  ])("a broken snapshot that is %s stays, and its repaired form is stored", async ([, selector, tags]) => {
    const { repository, broken } = await damaged({ tags });
    const wanted = selector?.ids === undefined ? selector : { ids: [broken] };
    const held = wanted === undefined ? undefined : await hold(repository, wanted);
    const planned = await keptSnapshots(repository, await planSnapshotRepair(repository, { signal }), { signal });
    const { saved, removed, kept } = await repair(repository);
    expect(saved).toMatchObject([{ old: broken }]);
    expect(removed).toEqual([]);
    expect(kept).toMatchObject([{ id: broken, isPinned: tags.length > 0, isReadable: true }]);
    expect(kept).toEqual(planned);
    expect(kept[0]?.holds.map(({ id }) => id)).toEqual(held === undefined ? [] : [held.id]);
    expect(await idsOf(repository, "snapshot")).toContain(broken);
    if (held === undefined) return;
    await releaseHold(repository, held.id, { signal });
    expect(await repair(repository)).toMatchObject({ saved: [], removed: [broken], kept: [] });
  });

  test("a hold that is for others keeps nothing else", async () => {
    const { repository, broken, whole } = await damaged();
    await hold(repository, { ids: [whole] });
    await hold(repository, { hosts: ["other"] });
    expect(await repair(repository)).toMatchObject({ removed: [broken], kept: [] });
  });

  test.for<[string, HoldSelector | "broken"]>([
    ["a hold names it", "broken"],
    ["it may be of the host that is held", { hosts: ["other"] }],
    ["a snapshot that is held is nowhere to be seen: it may be what became of it", { ids: [LOST] }],
  ])("a snapshot that cannot be read stays while %s", async ([, selector]) => {
    const { repository, broken } = await damaged();
    await flipBit(repository.backend, { type: "snapshot", name: broken }, 30);
    const { id } = await hold(repository, selector === "broken" ? { ids: [broken] } : selector);
    expect((await repair(repository)).kept).toMatchObject([{ id: broken, isReadable: false, holds: [{ id }] }]);
    expect(await idsOf(repository, "snapshot")).toContain(broken);
  });

  test("a snapshot that cannot be read goes when all that is held by its id can be seen", async () => {
    const { repository, broken, whole } = await damaged();
    await flipBit(repository.backend, { type: "snapshot", name: broken }, 30);
    await hold(repository, { ids: [whole] });
    expect(await repair(repository)).toMatchObject({ removed: [broken], kept: [] });
  });

  test("a hold that cannot be read stops it before anything is removed", async () => {
    const { repository, broken } = await damaged();
    const { id } = await hold(repository, { hosts: ["other"] });
    await flipBit(repository.backend, { type: "hold", name: id }, 20);
    await expect(repair(repository)).rejects.toMatchObject({ code: "ENGINE_HOLD_DAMAGED" });
    expect(await idsOf(repository, "snapshot")).toContain(broken);
  });
});
