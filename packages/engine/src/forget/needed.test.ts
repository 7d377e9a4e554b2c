import { describe, expect, test } from "vitest";
import { DatedBackend } from "../../test/dated-backend.ts";
import { through } from "../../test/backup-lab.ts";
import { flipBit } from "../../test/damaged/good.ts";
import { Author, newRepository, signal } from "../../test/made-repository.ts";
import { parseId, type Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import { forgetSnapshots } from "./forgotten.ts";
import { addHold, releaseHold } from "./holds.ts";
import { DEFAULT_GRACE_MS, neededSnapshots } from "./needed.ts";

const TREE = parseId("cc".repeat(32));
const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);

/** Three snapshots: one live, one forgotten on the first day, one on the fifth. */
async function made(): Promise<{ repository: Repository; store: DatedBackend; ids: [Id, Id, Id] }> {
  const store = new DatedBackend(START);
  const repository = through(newRepository(), store);
  const author = new Author(repository);
  const ids: [Id, Id, Id] = [
    await author.snapshot(TREE, { hostname: "live" }),
    await author.snapshot(TREE, { hostname: "early" }),
    await author.snapshot(TREE, { hostname: "late" }),
  ];
  await forgetSnapshots(repository, [ids[1]], { signal });
  store.nowMs = START + 4 * DAY;
  await forgetSnapshots(repository, [ids[2]], { signal });
  return { repository, store, ids };
}

async function hosts(repository: Repository, graceMs: number, nowMs: number): Promise<Record<string, string[]>> {
  const { live, inGrace, expired } = await neededSnapshots(repository, { signal, graceMs, nowMs });
  const names = (list: readonly StoredSnapshot[]): string[] => list.map(({ snapshot }) => snapshot.hostname).sort();
  return { live: names(live), inGrace: names(inGrace), expired: names(expired) };
}

describe("which snapshots are needed", () => {
  test.for([
    ["both within the grace period", DEFAULT_GRACE_MS, START + 7 * DAY - 1, ["early", "late"], []],
    ["one at its end", DEFAULT_GRACE_MS, START + 7 * DAY, ["late"], ["early"]],
    ["both beyond", DEFAULT_GRACE_MS, START + 11 * DAY, [], ["early", "late"]],
    ["no grace", 0, START + 4 * DAY, [], ["early", "late"]],
    ["no grace, and a clock that is slow", 0, START, [], ["early", "late"]],
    ["a clock that is slow: forgotten in the future", DEFAULT_GRACE_MS, START - DAY, ["early", "late"], []],
  ] as const)("are still to be had, or expired: %s", async ([, graceMs, nowMs, inGrace, expired]) => {
    const { repository } = await made();
    expect(await hosts(repository, graceMs, nowMs)).toEqual({ live: ["live"], inGrace, expired });
  });

  test("where the store does not know when, nothing expires but without grace", async () => {
    const { repository, store } = await made();
    const silent = through(repository, new DatedBackend(0, store["inner"]));
    expect(await hosts(silent, 1, START + 1000 * DAY)).toMatchObject({ inGrace: ["early", "late"], expired: [] });
    expect(await hosts(silent, 0, START)).toMatchObject({ inGrace: [], expired: ["early", "late"] });
  });

  test("what is held does not expire, not even without grace", async () => {
    const { repository } = await made();
    const common = { reason: "audit", owner: "ann", reviewOn: "2026-01-02", createdAtMs: START };
    const { id } = await addHold(repository, { ...common, selector: { hosts: ["early"] } }, { signal });
    expect(await hosts(repository, 0, START + 999 * DAY)).toMatchObject({ inGrace: ["early"], expired: ["late"] });
    await releaseHold(repository, id, { signal });
    expect(await hosts(repository, 0, START + 999 * DAY)).toMatchObject({ inGrace: [], expired: ["early", "late"] });
  });

  test.for([
    ["a snapshot", "snapshot", 0, "ENGINE_WRONG_HASH"],
    ["a forgotten snapshot", "forgotten", 1, "ENGINE_FORGOTTEN_DAMAGED"],
    ["a hold", "hold", undefined, "ENGINE_HOLD_DAMAGED"],
  ] as const)("%s that cannot be read stops the question", async ([, type, which, code]) => {
    const { repository, ids } = await made();
    const common = { reason: "audit", owner: "ann", reviewOn: "2026-01-02", createdAtMs: START };
    const { id } = await addHold(repository, { ...common, selector: { ids: [TREE] } }, { signal });
    const name = which === undefined ? id : ids[which];
    await flipBit(repository.backend, { type, name }, 33);
    const asked = neededSnapshots(repository, { signal, graceMs: DEFAULT_GRACE_MS, nowMs: START });
    await expect(asked).rejects.toMatchObject({ code });
  });

  test("a snapshot that is forgotten and there as well is only there", async () => {
    const { repository, ids } = await made();
    const { sealed } = await copyOfForgotten(repository, ids[1]);
    await repository.backend.save(
      { type: "snapshot", name: ids[1] },
      { sizeBytes: sealed.length, open: () => [sealed] },
      { signal },
    );
    expect(await hosts(repository, 0, START)).toEqual({ live: ["early", "live"], inGrace: [], expired: ["late"] });
  });
});

async function copyOfForgotten({ backend }: Repository, id: Id): Promise<{ sealed: Uint8Array }> {
  const chunks: Uint8Array[] = [];
  await backend.load(
    { type: "forgotten", name: id },
    undefined,
    async (parts) => {
      for await (const part of parts) chunks.push(part.slice());
    },
    { signal },
  );
  return { sealed: Buffer.concat(chunks) };
}
