/** What one program has stored, the other finds there: no folder and no content is stored twice, whoever comes first. */
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { makeOddTree } from "./odd-tree.ts";
import { has, holdfast, messages, restic, run, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

// Not where other tests work: the time of every folder above the source is part of what is stored.
const folder = scratchFolder("/var/tmp");
const source = join(folder, "source");
const programs = { holdfast, restic };

beforeAll(() => {
  mkdirSync(source);
  makeOddTree(source);
  for (const name of ["holdfast", "restic"]) makeQuickRepository(join(folder, name));
});

/** Ways to name what is saved; zones because times are stored with their offset, also odd ones. */
interface Way {
  readonly what: string;
  readonly cwd: string;
  readonly targets: readonly string[];
  readonly zone: string;
  readonly changedForRestic?: number;
}

const WAYS: readonly Way[] = [
  { what: "an absolute path", cwd: "/", targets: [source], zone: "UTC" },
  { what: "a time zone with half an hour", cwd: "/", targets: [source], zone: "Asia/Kolkata" },
  { what: "a time zone behind, with half an hour", cwd: "/", targets: [source], zone: "America/St_Johns" },
  // Its offset had seconds until 1972. What Go writes of such a time is not the time, so restic takes a file for changed.
  {
    what: "a time zone that had seconds once",
    cwd: "/",
    targets: [source],
    zone: "Africa/Monrovia",
    changedForRestic: 1,
  },
  { what: "the folder itself, as a dot", cwd: source, targets: ["."], zone: "UTC" },
  { what: "a relative path", cwd: folder, targets: ["source/folder"], zone: "Europe/Berlin" },
  { what: "a path through the parent", cwd: join(source, "folder"), targets: ["../folder/deeper"], zone: "UTC" },
  { what: "several targets", cwd: source, targets: ["folder/deeper", "folder", "/etc/hostname"], zone: "UTC" },
  { what: "a single file", cwd: source, targets: ["folder/deeper/same text"], zone: "UTC" },
];

interface Summary {
  readonly data_blobs: number;
  readonly tree_blobs: number;
  readonly files_new: number;
  readonly files_changed: number;
  readonly files_unmodified: number;
}

describe.skipIf(!has("restic")).for([
  ["restic", "holdfast"],
  ["holdfast", "restic"],
] as const)("after %s has saved a tree, %s", { timeout: 60_000 }, ([first, second]) => {
  const repository = join(folder, first);
  const backup = (program: keyof typeof programs, way: Way, ...more: string[]): Summary => {
    const options = { cwd: way.cwd, env: { TZ: way.zone } };
    const args = ["backup", "--json", "--host", hostname(), ...more, ...way.targets];
    return messages(programs[program](repository, args, options), "summary")[0] as unknown as Summary;
  };

  test.for(WAYS)("stores nothing again: $what", (way) => {
    // New times make new trees up to the root, so that there is something that could be stored twice.
    succeed(run("touch", [join(source, "folder", "deeper", "same text")]));
    expect(backup(first, way).tree_blobs).toBeGreaterThan(0);
    // With the other's snapshot as parent: every file counts as unmodified, so not even its content is read.
    const changed = second === "restic" ? (way.changedForRestic ?? 0) : 0;
    const unchanged = { data_blobs: 0, tree_blobs: 0, files_new: 0, files_changed: changed };
    expect(backup(second, way)).toMatchObject(unchanged);
    // Without a parent: everything is read, cut and encoded, and all of it is there.
    expect(backup(second, way, "--force")).toMatchObject({ data_blobs: 0, tree_blobs: 0, files_unmodified: 0 });
  });
});
