import { expect, test } from "vitest";
import { idOf } from "../format/id.ts";
import { decodeSnapshot } from "../format/snapshot.ts";
import type { SnapshotSummary } from "../format/snapshot-summary.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import { lotsOf } from "./lots.ts";

const GIB = 1024 ** 3;

/** A snapshot that added so many GiB; `undefined`: that says nothing of it. */
function snapshot(name: string, gib: number | undefined): StoredSnapshot {
  const id = idOf(Buffer.from(name));
  const json = JSON.stringify({ time: "2026-01-01T00:00:00Z", tree: id, paths: ["/"] });
  const read = decodeSnapshot(Buffer.from(json));
  const summary = gib === undefined ? undefined : ({ dataAddedPacked: gib * GIB } as SnapshotSummary);
  return { id, snapshot: { ...read, hostname: name, summary } };
}

const named = (lots: Iterable<StoredSnapshot[]>): string[] =>
  Array.from(lots, (lot) => lot.map((stored) => stored.snapshot.hostname).join(""));

test("a lot ends with the snapshot that makes it full; one that says nothing counts a gibibyte", () => {
  const all = [snapshot("a", 3), snapshot("b", 3), snapshot("c", undefined), snapshot("d", 50), snapshot("e", 0)];
  expect(named(lotsOf(all, { lotBytes: 5 * GIB }))).toEqual(["ab", "cd", "e"]);
  expect(named(lotsOf(all, { lotBytes: 100 * GIB }))).toEqual(["abcde"]);
  expect(named(lotsOf(all))).toEqual(["abcd", "e"]);
  expect(named(lotsOf([]))).toEqual([]);
});
