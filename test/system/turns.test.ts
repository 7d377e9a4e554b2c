/**
 * restic and Holdfast work on one repository in turn: backup, forget, prune and check, each by either program. What one leaves
 * must be good for the other, and every snapshot must be restored alike by both.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { noise } from "./odd-tree.ts";
import { differences, has, holdfast, holdfastCommand, restic, resticCommand, run, start, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

/** More with HOLDFAST_TURNS, for a long run. */
const ROUNDS = Number(process.env["HOLDFAST_TURNS"] ?? 50);
/** Snapshots that are kept; each has a copy of what it must hold. */
const KEPT = 5;
const FILES = 40;

const folder = scratchFolder();
const source = join(folder, "source");
const repository = join(folder, "repository");
const programs = { holdfast, restic };
type Program = keyof typeof programs;

/** Snapshots that are there, by id, with the folder that holds what they must hold. */
const snapshots = new Map<string, string>();
let restored = 0;

/** The rounds count in binary, so that each combination of programs and steps comes. */
function programFor(round: number, step: number): Program {
  return ((round >> step) & 1) === 0 ? "holdfast" : "restic";
}

function change(round: number): void {
  for (let n = 0; n < 6; n++) {
    const file = (round * 7 + n * 5) % FILES;
    const path = join(source, `folder ${file % 4}`, `file ${file}`);
    if ((round + n) % 7 === 0) rmSync(path, { force: true });
    else writeFileSync(path, noise(500 + ((round * n * 997) % 60_000), round * 10 + n));
  }
  // A few files of one content, so that there is something to store once.
  writeFileSync(join(source, `same ${round % 3}`), noise(30_000, 5));
}

/** Ids as restic tells them, which knows no more than what lies in the repository. */
function listed(): string[] {
  const json = succeed(restic(repository, ["snapshots", "--json"]));
  return (JSON.parse(json) as { id: string }[]).map(({ id }) => id).sort();
}

function backup(program: Program, round: number): void {
  change(round);
  const before = new Set(listed());
  succeed(programs[program](repository, ["backup", source]));
  const [id, ...others] = listed().filter((each) => !before.has(each));
  expect(others).toEqual([]);
  const copy = join(folder, `copy ${round}`);
  succeed(run("cp", ["-a", source, copy]));
  snapshots.set(id as string, copy);
}

function forget(program: Program, round: number): void {
  while (snapshots.size > KEPT) {
    // Not always the oldest: what is in the middle shares data with both sides.
    const [id, copy] = [...snapshots][round % 3] as [string, string];
    // Young ones would be kept by Holdfast, and so would be the only ones of their kind.
    const floors = program === "holdfast" ? ["--min-age", "0", "--keep-at-least", "0"] : [];
    succeed(programs[program](repository, ["forget", id, ...floors]));
    snapshots.delete(id);
    rmSync(copy, { recursive: true, force: true });
  }
}

function prune(program: Program, round: number): void {
  const limit = ["0", "5%", "unlimited", "20k"][round % 4] as string;
  const settings = round % 5 === 0 ? ["--repack-small"] : [];
  // What was forgotten is given up at once, or kept for later prunes, which restic's do not respect.
  const grace = program === "holdfast" && round % 3 !== 0 ? ["--grace", "0"] : [];
  succeed(programs[program](repository, ["prune", "--max-unused", limit, ...settings, ...grace]));
}

/** Restores a snapshot with both programs and compares with what it must hold. */
function expectRestored(id: string): void {
  for (const program of ["holdfast", "restic"] as const) {
    const target = join(folder, `restored ${++restored}`);
    succeed(programs[program](repository, ["restore", id, "--target", target]));
    expect(differences(snapshots.get(id) as string, join(target, source)), `${program}: ${id}`).toBe("");
    rmSync(target, { recursive: true, force: true });
  }
}

describe.skipIf(!has("restic") || !has("rsync"))("restic and Holdfast", { timeout: 120_000 + ROUNDS * 30_000 }, () => {
  beforeAll(() => {
    for (let n = 0; n < 4; n++) mkdirSync(join(source, `folder ${n}`), { recursive: true });
    makeQuickRepository(repository);
  });

  test(`in turn, ${ROUNDS} rounds of backup, forget, prune and check: every snapshot is restored alike by both`, () => {
    const done = { holdfast: 0, restic: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const steps = [backup, forget, prune] as const;
      for (const [step, work] of steps.entries()) {
        const program = programFor(round, step);
        work(program, round);
        done[program]++;
      }
      const checker = programFor(round, 3);
      succeed(programs[checker](repository, round % 5 === 0 ? ["check", "--read-data"] : ["check"]));
      expect(listed()).toEqual([...snapshots.keys()].sort());
      expectRestored([...snapshots.keys()][round % snapshots.size] as string);
    }
    for (const id of snapshots.keys()) expectRestored(id);
    for (const program of ["holdfast", "restic"] as const)
      succeed(programs[program](repository, ["check", "--read-data"]));
    process.stdout.write(`${ROUNDS} rounds: ${done.holdfast} steps by Holdfast, ${done.restic} by restic\n`);
    expect(Math.min(done.holdfast, done.restic)).toBeGreaterThan(ROUNDS / 4);
  });

  test("backups by both, while Holdfast forgets and prunes: every snapshot that was made is whole", async () => {
    const busy = join(folder, "busy");
    const sources = ["one", "two"].map((name) => join(folder, name)) as [string, string];
    for (const each of sources) mkdirSync(each);
    makeQuickRepository(busy);
    let made = 0;
    let refused = 0;
    // Neither waits for ever: who finds the repository locked tries again, as a scheduler would.
    const often = async (times: number, command: () => [string, string[]]): Promise<void> => {
      for (let n = 0; n < times; n++) {
        const { status, stdout, stderr } = await start(...command()).outcome;
        if (status === 0) made++;
        else if (/lock/.test(stderr)) refused++;
        else throw new Error(`exit code ${status}\n${stdout}\n${stderr}`);
      }
    };
    const backupOf = (program: Program, of: string): [string, string[]] => {
      for (let n = 0; n < 5; n++) writeFileSync(join(of, `file ${made % 3} ${n}`), noise(40_000, made * 10 + n));
      const args = ["backup", of];
      return program === "restic" ? resticCommand(busy, args) : holdfastCommand(busy, [...args, "--retry-lock", "1m"]);
    };
    const rules = [
      "forget",
      "--keep-last",
      "2",
      "--min-age",
      "0",
      "--keep-at-least",
      "0",
      "--allow",
      "too-large-share",
    ];
    await Promise.all([
      often(12, () => backupOf("restic", sources[0])),
      often(12, () => backupOf("holdfast", sources[1])),
      often(8, () =>
        holdfastCommand(busy, [...rules, "--prune", "--grace", "0", "--max-unused", "0", "--retry-lock", "1m"]),
      ),
    ]);
    process.stdout.write(`at the same time: ${made} runs, ${refused} found the repository locked\n`);
    expect(made).toBeGreaterThan(10);
    for (const program of ["holdfast", "restic"] as const) succeed(programs[program](busy, ["check", "--read-data"]));
    for (const [of, by] of [
      [sources[0], "holdfast"],
      [sources[1], "restic"],
    ] as const) {
      // What is there now may be younger than the last backup that got in.
      succeed(programs.holdfast(busy, ["backup", of]));
      const target = join(folder, `busy ${by}`);
      succeed(programs[by](busy, ["restore", "latest", "--path", of, "--target", target]));
      expect(differences(of, join(target, of))).toBe("");
    }
  });
});
