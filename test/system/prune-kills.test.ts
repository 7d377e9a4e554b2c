/** Prunes that are killed at any moment: both programs find the repository whole each time, and the next prune finishes. */
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { noise } from "./odd-tree.ts";
import { differences, has, holdfast, holdfastCommand, restic, run, start, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

/** More with HOLDFAST_CRASH_RUNS, for a long run. */
const KILLS = Math.ceil(Number(process.env["HOLDFAST_CRASH_RUNS"] ?? 200) / 5);
const SNAPSHOTS = 8;
const FILES = 60;
/** All data is read after every so many kills, and a snapshot restored. */
const DEEP_EVERY = 5;
/** Storing is slowed down to this many KiB a second, so that kills fall into it. */
const UPLOAD = "20000";

const folder = scratchFolder();
const source = join(folder, "source");
const original = join(folder, "original");
const PRUNE = ["prune", "--grace", "0", "--max-unused", "0", "--pack-size", "4", "--limit-upload", UPLOAD];

/** What lies in a repository. */
interface Files {
  readonly packs: ReadonlySet<string>;
  readonly indexes: ReadonlySet<string>;
}

function filesOf(repository: string): Files {
  const packs = readdirSync(join(repository, "data"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name))
    .map(({ name }) => name);
  return { packs: new Set(packs), indexes: new Set(readdirSync(join(repository, "index"))) };
}

/** How far a prune came, by what it left. */
function progress(before: Files, after: Files): string {
  const isIn = (names: ReadonlySet<string>) => (name: string) => names.has(name);
  const oldIndexes = [...before.indexes].filter(isIn(after.indexes)).length;
  if (oldIndexes < before.indexes.size) return oldIndexes > 0 ? "old index files going" : "old packs going";
  const newIndexes = [...after.indexes].some((name) => !before.indexes.has(name));
  if (newIndexes) return "new index files stored";
  return [...after.packs].some((name) => !before.packs.has(name)) ? "new packs stored" : "nothing stored";
}

/** Where kills are aimed at. What comes after the packs takes milliseconds, and would hardly ever be hit by chance. */
const STAGES = ["any moment", "packs", "index", "old index", "old packs"] as const;
type Stage = (typeof STAGES)[number];

/** Waits until a prune has come as far as that, and a few milliseconds more; or has ended. */
async function reached(
  stage: Exclude<Stage, "any moment">,
  { repository, before, ended }: { repository: string; before: Files; ended: Promise<boolean> },
): Promise<void> {
  let isOver = false;
  void ended.then(() => (isOver = true));
  const isThere = (): boolean => {
    if (stage === "packs") return [...filesOf(repository).packs].some((name) => !before.packs.has(name));
    const indexes = new Set(readdirSync(join(repository, "index")));
    const old = [...before.indexes].filter((name) => indexes.has(name)).length;
    if (stage === "index") return indexes.size > old;
    return stage === "old index" ? old < before.indexes.size : old === 0;
  };
  while (!isOver && !isThere()) await sleep(stage === "packs" ? 5 : 0);
  await sleep(Math.random() * (stage === "packs" ? 300 : 4));
}

beforeAll(() => {
  mkdirSync(source);
  makeQuickRepository(original);
  for (let round = 0; round < SNAPSHOTS; round++) {
    for (let n = 0; n < FILES; n++) {
      if (round === 0 || n % 4 === round % 4)
        writeFileSync(join(source, `file ${n}`), noise(150_000, round * 100 + n + 1));
    }
    succeed(holdfast(original, ["backup", source, "--pack-size", "4"]));
  }
  const ids = readdirSync(join(original, "snapshots"));
  // The newest stays, and with it something in every pack.
  const newest = JSON.parse(succeed(holdfast(original, ["snapshots", "--json"]))) as { id: string }[];
  const kept = new Set([newest.at(-1)?.id, newest.at(-3)?.id]);
  succeed(
    holdfast(original, ["forget", ...ids.filter((id) => !kept.has(id)), "--min-age", "0", "--keep-at-least", "0"]),
  );
}, 120_000);

function expectWhole(repository: string, deep: boolean): void {
  const more = deep ? ["--read-data"] : [];
  succeed(holdfast(repository, ["check", ...more]));
  // The lock of the process that was killed is still there.
  if (has("restic")) succeed(restic(repository, ["check", "--no-lock", ...more]));
  expect(readdirSync(join(repository, "snapshots"))).toHaveLength(2);
  if (!deep) return;
  const target = join(folder, "restored");
  succeed(holdfast(repository, ["restore", "latest", "--target", target]));
  expect(differences(source, join(target, source))).toBe("");
  rmSync(target, { recursive: true });
}

describe.skipIf(!has("rsync"))("a prune", { timeout: Math.max(300_000, KILLS * 15_000) }, () => {
  test(`that is killed ${KILLS} times at any moment leaves a repository that is whole, and the next one finishes`, async () => {
    const fresh = (): string => {
      const repository = join(folder, "repository");
      rmSync(repository, { recursive: true, force: true });
      cpSync(original, repository, { recursive: true });
      return repository;
    };
    const undisturbed = fresh();
    const begunMs = performance.now();
    succeed(holdfast(undisturbed, PRUNE));
    const takesMs = performance.now() - begunMs;
    expectWhole(undisturbed, true);
    const sizeOf = (repository: string): number =>
      Number(succeed(run("du", ["-sb", join(repository, "data")])).split("\t")[0]);
    const wanted = sizeOf(undisturbed);
    const before = filesOf(original);
    const hits = new Map<string, number>();
    let finished = 0;
    for (let killed = 0; killed < KILLS;) {
      const repository = fresh();
      const stage = STAGES[(killed + finished) % STAGES.length] as Stage;
      const { child, outcome } = start(...holdfastCommand(repository, PRUNE));
      const ended = outcome.then(() => true);
      if (stage === "any moment") await Promise.race([sleep(takesMs * (0.2 + 0.8 * Math.random())), ended]);
      else await reached(stage, { repository, before, ended });
      child.kill("SIGKILL");
      if ((await outcome).status !== null) {
        // It was faster.
        finished++;
        continue;
      }
      killed++;
      const hit = progress(before, filesOf(repository));
      hits.set(hit, (hits.get(hit) ?? 0) + 1);
      const isDeep = killed % DEEP_EVERY === 0;
      expectWhole(repository, isDeep);
      succeed(holdfast(repository, PRUNE));
      expectWhole(repository, isDeep);
      // Packs that no index lists stay for an hour; else it is as small as if nobody had killed anything.
      succeed(holdfast(repository, ["repair", "index"]));
      succeed(holdfast(repository, PRUNE));
      expect(sizeOf(repository) / wanted).toBeLessThan(1.01);
    }
    process.stdout.write(
      `prune: killed ${KILLS} times (${[...hits].map(([what, n]) => `${what} ${n}`).join(", ")}), ${finished} were faster\n`,
    );
    expect(hits.size).toBeGreaterThan(2);
  });
});
