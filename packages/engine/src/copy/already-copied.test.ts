import { describe, expect, test } from "vitest";
import { idOf } from "../format/id.ts";
import { decodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import { CopiedSnapshots } from "./already-copied.ts";

const SNAPSHOT = decodeSnapshot(
  Buffer.from(
    JSON.stringify({
      time: "2026-05-01T10:00:00+02:00",
      parent: idOf(Buffer.from("parent")),
      tree: idOf(Buffer.from("tree")),
      paths: ["/a", "/b"],
      hostname: "box",
      username: "ann",
      uid: 7,
      gid: 8,
      excludes: ["*.o", "*.a"],
      tags: ["daily", "db"],
      program_version: "restic 0.18",
    }),
  ),
);

const SOURCE: StoredSnapshot = { id: idOf(Buffer.from("source")), snapshot: SNAPSHOT };

function stored(name: string, changes: Partial<Snapshot> = {}): StoredSnapshot {
  return { id: idOf(Buffer.from(name)), snapshot: { ...SNAPSHOT, parent: undefined, ...changes } };
}

describe("a snapshot counts as copied when the target has", () => {
  test.for<[string, StoredSnapshot]>([
    ["one that says that it was made of it", stored("copy", { original: SOURCE.id })],
    ["the very same", SOURCE],
    [
      "one whose lists are in another order, by another program",
      stored("copy", { original: SOURCE.id, tags: ["db", "daily"], paths: ["/b", "/a"], programVersion: "holdfast 1" }),
    ],
    ["one of the same moment in another zone", stored("copy", { original: SOURCE.id, time: "2026-05-01T08:00:00Z" })],
  ])("%s", ([, target]) => {
    expect(new CopiedSnapshots([stored("other"), target]).find(SOURCE)).toBe(target);
  });

  test("one with the same first name: copies of copies, and snapshots whose tags were changed before", () => {
    const first = idOf(Buffer.from("first"));
    const source = { ...SOURCE, snapshot: { ...SNAPSHOT, original: first } };
    expect(new CopiedSnapshots([stored("copy", { original: first })]).find(source)).toBeDefined();
    expect(new CopiedSnapshots([{ ...stored("x"), id: first }]).find(source)).toBeDefined();
    expect(new CopiedSnapshots([stored("copy", { original: source.id })]).find(source)).toBeUndefined();
  });
});

describe("a snapshot counts as not copied when what the target has", () => {
  test.for<[string, Partial<Snapshot>]>([
    ["is of another", { original: idOf(Buffer.from("another")) }],
    ["has another time", { timeNs: SNAPSHOT.timeNs + 1n }],
    ["has another tree", { tree: idOf(Buffer.from("other tree")) }],
    ["is of another host", { hostname: "den" }],
    ["is of another user", { username: "bob" }],
    ["has another user id", { uid: 0 }],
    ["has another group id", { gid: 0 }],
    ["has fewer paths", { paths: ["/a"] }],
    ["has other paths", { paths: ["/a", "/c"] }],
    ["has other tags", { tags: ["daily", "old"] }],
    ["has more tags", { tags: ["daily", "db", "old"] }],
    ["has its excludes in another order", { excludes: ["*.a", "*.o"] }],
  ])("%s", ([, changes]) => {
    const target = stored("copy", { original: SOURCE.id, ...changes });
    expect(new CopiedSnapshots([target]).find(SOURCE)).toBeUndefined();
  });
});
