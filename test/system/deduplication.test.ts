/** What one program has stored, the other finds there: no folder and no content is stored twice, whoever comes first. */
import { mkdirSync, unlinkSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { makeOddTree } from "./odd-tree.ts";
import { has, holdfast, messages, restic, run, succeed } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
const programs = { holdfast, restic };

beforeAll(() => {
  mkdirSync(source);
  makeOddTree(source);
  // Since version 0.17 restic stores such a target with its bytes besides, as Holdfast does; Debian's version does not yet.
  unlinkSync(join(source, "link to bytes"));
  for (const name of ["holdfast", "restic"]) succeed(holdfast(join(folder, name), ["init"]));
});

/** Ways to name what is saved; zones because times are stored with their offset, also odd ones. */
interface Way {
  readonly what: string;
  readonly cwd: string;
  readonly targets: readonly string[];
  readonly zone: string;
  readonly changed?: number;
}

const WAYS: readonly Way[] = [
  { what: "an absolute path", cwd: "/", targets: [source], zone: "UTC" },
  { what: "a time zone with half an hour", cwd: "/", targets: [source], zone: "Asia/Kolkata" },
  { what: "a time zone behind, with half an hour", cwd: "/", targets: [source], zone: "America/St_Johns" },
  // Its offset had seconds until 1972. What Go writes of such a time is not the time, so a file of 1969 counts as changed.
  { what: "a time zone that had seconds once", cwd: "/", targets: [source], zone: "Africa/Monrovia", changed: 1 },
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
    const unchanged = { data_blobs: 0, tree_blobs: 0, files_new: 0, files_changed: way.changed ?? 0 };
    expect(backup(second, way)).toMatchObject(unchanged);
    // Without a parent: everything is read, cut and encoded, and all of it is there.
    expect(backup(second, way, "--force")).toMatchObject({ data_blobs: 0, tree_blobs: 0, files_unmodified: 0 });
  });
});
