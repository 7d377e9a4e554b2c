/** Holdfast and restic work on one repository: whatever one stores, the other checks, restores and builds on. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { makeOddTree } from "./odd-tree.ts";
import {
  differences,
  has,
  holdfast,
  holdfastCommand,
  type Outcome,
  restic,
  resticCommand,
  run,
  start,
  succeed,
} from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
const programs = { holdfast, restic };
type Program = keyof typeof programs;

beforeAll(() => {
  mkdirSync(source);
  makeOddTree(source);
});

let restored = 0;

/** Restores a snapshot with a program and says how that differs from the source. */
function restoreAndCompare(program: Program, repository: string, snapshot: string, from = source): string {
  const target = join(folder, `restored ${++restored}`);
  succeed(programs[program](repository, ["restore", snapshot, "--target", target]));
  return differences(from, join(target, from));
}

function check(program: Program, repository: string): Outcome {
  return programs[program](repository, ["check", "--read-data"]);
}

describe.skipIf(!has("restic") || !has("rsync"))("one repository, two programs", { timeout: 120_000 }, () => {
  test("each makes repositories that the other uses", () => {
    for (const [maker, user] of [
      ["restic", "holdfast"],
      ["holdfast", "restic"],
    ] as const) {
      const repository = join(folder, `made by ${maker}`);
      succeed(programs[maker](repository, ["init"]));
      succeed(programs[user](repository, ["backup", source]));
      succeed(check(maker, repository));
      expect(restoreAndCompare(maker, repository, "latest")).toBe("");
    }
  });

  describe.for([1, 2] as const)("in a repository of version %i", (version) => {
    const repository = join(folder, `version ${version}`);

    test("restic checks what Holdfast has stored, every kind of file, and both restore it", () => {
      makeQuickRepository(repository, version);
      succeed(holdfast(repository, ["backup", source]));
      succeed(check("restic", repository));
      expect(restoreAndCompare("restic", repository, "latest")).toBe("");
      expect(restoreAndCompare("holdfast", repository, "latest")).toBe("");
    });

    test("Holdfast checks what restic has stored, every kind of file, and restores it", () => {
      const more = join(folder, `more for version ${version}`);
      mkdirSync(more);
      makeOddTree(more);
      succeed(restic(repository, ["backup", more]));
      succeed(check("holdfast", repository));
      succeed(check("restic", repository));
      expect(restoreAndCompare("holdfast", repository, "latest", more)).toBe("");
    });

    test("both go on from snapshots of the other", () => {
      succeed(run("touch", [join(source, "text")]));
      succeed(holdfast(repository, ["backup", source]));
      succeed(run("touch", [join(source, "folder", "deeper", "same text")]));
      succeed(restic(repository, ["backup", source]));
      succeed(check("restic", repository));
      succeed(check("holdfast", repository));
      expect(restoreAndCompare("holdfast", repository, "latest")).toBe("");
      expect(restoreAndCompare("restic", repository, "latest")).toBe("");
    });
  });

  test("a repository that Holdfast filled survives restic's forget and prune, and goes on", () => {
    const repository = join(folder, "pruned");
    const changing = join(folder, "changing");
    mkdirSync(changing);
    makeOddTree(changing);
    makeQuickRepository(repository);
    for (let round = 0; round < 3; round++) {
      succeed(run("dd", ["if=/dev/urandom", `of=${join(changing, "text")}`, "bs=1M", "count=3"]));
      succeed(holdfast(repository, ["backup", changing]));
    }
    succeed(restic(repository, ["forget", "--keep-last", "1", "--prune", "--max-unused", "0"]));
    succeed(check("holdfast", repository));
    expect(restoreAndCompare("holdfast", repository, "latest", changing)).toBe("");
    succeed(run("touch", [join(changing, "text")]));
    succeed(holdfast(repository, ["backup", changing]));
    succeed(check("holdfast", repository));
    succeed(check("restic", repository));
    expect(restoreAndCompare("restic", repository, "latest", changing)).toBe("");
  });

  test("two backups by Holdfast and one by restic at the same time do not disturb each other", async () => {
    const repository = join(folder, "busy");
    const sources = ["one", "two", "three"].map((name) => join(folder, name));
    for (const each of sources) {
      mkdirSync(each);
      makeOddTree(each);
      // The same new data in all of them: each may store it.
      succeed(run("cp", [join(source, "several chunks"), join(each, "same")]));
    }
    const [one, two, three] = sources as [string, string, string];
    makeQuickRepository(repository);
    const runs = [
      start(...holdfastCommand(repository, ["backup", one])),
      start(...resticCommand(repository, ["backup", two])),
      start(...holdfastCommand(repository, ["backup", three])),
    ];
    for (const { outcome } of runs) succeed(await outcome);
    succeed(check("holdfast", repository));
    succeed(check("restic", repository));
    for (const each of sources) {
      const target = join(folder, `${each} restored`);
      succeed(holdfast(repository, ["restore", "latest", "--path", each, "--target", target]));
      expect(differences(each, join(target, each))).toBe("");
    }
  });
});
