import { describe, expect, test } from "vitest";
import type { EvidenceFields, EvidenceSubject } from "../format/evidence.ts";
import { parseId, type Id } from "../format/id.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import type { EvidenceRecord } from "./records.ts";
import { Evidence, type Standing } from "./standing.ts";

const [A, B, T, U] = ["aa", "bb", "70", "71"].map((text) => parseId(text.repeat(32))) as [Id, Id, Id, Id];
const HOUR = 3_600_000;
const NOW = 100 * HOUR;

let made = 0;

function record(atMs: number, found: Partial<EvidenceFields>, receivedAtMs?: number): EvidenceRecord {
  const id = parseId((++made).toString(16).padStart(64, "0"));
  const nothing = { proven: [], damaged: [], incomplete: [] };
  return {
    id,
    receivedAtMs,
    run: "check",
    beganAtMs: atMs,
    endedAtMs: atMs,
    hostname: "h",
    programVersion: "p",
    ...nothing,
    ...found,
  };
}

const subject = (snapshot: Id, tree: Id): EvidenceSubject => ({ snapshot, tree });
const proven = (atMs: number, snapshot = A, tree = T) => record(atMs, { proven: [subject(snapshot, tree)] });
const damaged = (atMs: number, snapshot = A, tree = T) => record(atMs, { damaged: [subject(snapshot, tree)] });
const incomplete = (atMs: number, snapshot = A, tree = T) => record(atMs, { incomplete: [subject(snapshot, tree)] });

function stored(id: Id, tree: Id, original?: Id): StoredSnapshot {
  return { id, snapshot: { tree, original } as Snapshot };
}

function standing(records: readonly EvidenceRecord[], snapshot = stored(A, T)): Standing {
  const { foundedOn: _, ...rest } = new Evidence(records, { nowMs: NOW }).of(snapshot);
  return rest;
}

const UNKNOWN: Standing = { isIncomplete: false, provenAtMs: undefined, damagedAtMs: undefined };

describe("what is known of a snapshot", () => {
  test.for<[string, EvidenceRecord[], Partial<Standing>]>([
    ["nothing, where nobody looked", [], {}],
    ["proof, by the last record", [proven(1), proven(3), proven(2)], { provenAtMs: 3 }],
    ["damage, by the last record", [damaged(1), damaged(3)], { damagedAtMs: 3 }],
    ["damage after proof", [proven(1), damaged(2)], { damagedAtMs: 2 }],
    ["proof after damage", [damaged(1), proven(2)], { provenAtMs: 2 }],
    ["damage, where both are of one moment", [proven(2), damaged(2)], { damagedAtMs: 2 }],
    [
      "that it is incomplete, whatever is proven of it",
      [incomplete(1), proven(2)],
      { isIncomplete: true, provenAtMs: 2 },
    ],
    ["proof of another snapshot with its tree is none", [proven(1, B)], {}],
    ["damage of another snapshot with its tree is its own", [proven(1), damaged(2, B)], { damagedAtMs: 2 }],
    ["damage of its tree is over when another with it was proven", [damaged(1), proven(2, B)], {}],
    ["but that is no proof for it, nor is the one from before", [proven(1), damaged(2), proven(3, B)], {}],
    ["proof of its id with another tree is none", [proven(1, A, U)], {}],
    ["that another one is incomplete says nothing", [incomplete(1, B)], {}],
    ["proof from the future is none", [proven(NOW + HOUR)], {}],
    ["but from a clock that is a little ahead", [proven(NOW + 60_000)], { provenAtMs: NOW + 60_000 }],
    ["damage from the future counts", [proven(1), damaged(NOW + HOUR)], { damagedAtMs: NOW + HOUR }],
  ])("%s", ([, records, expected]) => {
    expect(standing(records)).toEqual({ ...UNKNOWN, ...expected });
    expect(standing(records.toReversed())).toEqual({ ...UNKNOWN, ...expected });
  });
});

describe("where the clocks of host and store differ", () => {
  test("proof counts from the earlier, damage from the later: no wrong clock makes proof outlast damage", () => {
    const ahead = record(50 * HOUR, { proven: [subject(A, T)] }, 10 * HOUR);
    expect(standing([ahead])).toMatchObject({ provenAtMs: 10 * HOUR });
    expect(standing([ahead, damaged(20 * HOUR)])).toMatchObject({ provenAtMs: undefined, damagedAtMs: 20 * HOUR });
    const behind = record(10 * HOUR, { damaged: [subject(A, T)] }, 30 * HOUR);
    expect(standing([proven(20 * HOUR), behind])).toMatchObject({ provenAtMs: undefined, damagedAtMs: 30 * HOUR });
    expect(standing([proven(40 * HOUR), behind])).toMatchObject({ provenAtMs: 40 * HOUR, damagedAtMs: undefined });
  });

  test("a run that began before another and ended after it has seen what that one may have missed", () => {
    const long = { ...damaged(20), endedAtMs: 50 };
    expect(standing([long, proven(25)])).toMatchObject({ provenAtMs: undefined, damagedAtMs: 50 });
    expect(standing([{ ...proven(20), endedAtMs: 50 }, damaged(30)])).toMatchObject({ damagedAtMs: 30 });
  });

  test("damage that was overruled does not come back when the repository is copied without the times of its files", () => {
    const copied = [damaged(1 * HOUR), proven(2 * HOUR)].map((each) => ({ ...each, receivedAtMs: 90 * HOUR }));
    expect(standing(copied)).toMatchObject({ provenAtMs: 2 * HOUR, damagedAtMs: undefined });
  });

  test("proof that the store received in time is believed, whatever its own clock said", () => {
    expect(standing([record(NOW + HOUR, { proven: [subject(A, T)] }, 5)])).toMatchObject({ provenAtMs: 5 });
  });
});

describe("a snapshot that was made of another one", () => {
  test("keeps what was proven of its tree, and with another tree does not", () => {
    expect(standing([proven(1)], stored(B, T, A))).toMatchObject({ provenAtMs: 1 });
    expect(standing([proven(1)], stored(B, U, A))).toMatchObject({ provenAtMs: undefined });
  });

  test("is incomplete if that one is, whatever its tree", () => {
    expect(standing([incomplete(1)], stored(B, U, A))).toMatchObject({ isIncomplete: true });
    // Of a chain of changes only the first is named; the tree tells.
    expect(standing([incomplete(1)], stored(B, T, parseId("cc".repeat(32))))).toMatchObject({ isIncomplete: true });
    expect(standing([incomplete(1)], stored(B, U, parseId("cc".repeat(32))))).toMatchObject({ isIncomplete: false });
  });
});
