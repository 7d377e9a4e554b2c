/** Backups that are killed at any moment leave a correct repository, and the next one goes on from it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@holdfast/base";
import {
  Check,
  type CheckResult,
  type DataSubset,
  type Repository,
  createRepository,
  isDamage,
  listLocks,
  listSnapshots,
} from "@holdfast/engine";
import { openLocal } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import { ChangingCorpus } from "./changing-corpus.ts";
import { type Moment, runVictim, Tally } from "./kill-runs.ts";
import { differences, has, holdfast, PASSWORD, restic, succeed } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";
import type { VictimOrder } from "./victim.ts";

/** Processes that are killed. More with HOLDFAST_CRASH_RUNS, for a long run. */
const KILLS = Number(process.env["HOLDFAST_CRASH_RUNS"] ?? 200);
const INTERRUPTS = Math.ceil(KILLS / 8);
/** Every so many kills restic looks too, and all data is read. */
const DEEP_CHECK_EVERY = 10;
/** A restart within this time after an interruption is what a person waits for. */
const PATIENCE_MS = 15_000;
const MINUTES = 60_000;

const folder = scratchFolder();
const place = join(folder, "repository");
const { signal } = new AbortController();

let repository: Repository;
let corpus: ChangingCorpus;
let order: VictimOrder;

beforeAll(async () => {
  repository = await createRepository(openLocal(place), new Secret(PASSWORD), {
    signal,
    hostname: "victim",
    username: "tester",
  });
  const { config, keyId, masterKey } = repository;
  const source = join(folder, "source");
  mkdirSync(source);
  corpus = new ChangingCorpus(source);
  order = {
    repository: place,
    source,
    repositoryId: config.id,
    chunkerPolynomial: String(config.chunkerPolynomial),
    keyId,
    masterKey: {
      encrypt: masterKey.encrypt.toHex(),
      macK: masterKey.macK.toHex(),
      macR: masterKey.macR.toHex(),
    },
    packSizeBytes: 512 * 1024,
  };
});

function check(readData: DataSubset): Promise<CheckResult> {
  return new Check(repository, { readData, signal, onFinding: () => {} }).run();
}

async function expectHealthy(readData: DataSubset): Promise<void> {
  const { healthy, findings, affected } = await check(readData);
  expect({ healthy, damage: findings.filter(isDamage), affected }).toEqual({ healthy: true, damage: [], affected: [] });
}

async function snapshotIds(): Promise<string[]> {
  return (await listSnapshots(repository, { signal })).map(({ id }) => id);
}

/**
 * Moments over the whole run: some while it starts and locks, most spread evenly over its work, and some in its last steps,
 * which are short but write index and snapshot.
 */
function moment(workMs: number): Moment {
  const kind = Math.random();
  if (kind < 0.03) return { after: "starting", delayMs: Math.random() * 100 };
  if (kind < 0.08) return { after: "locking", delayMs: Math.random() * 220 };
  if (kind < 0.75) return { after: "index", delayMs: Math.random() * workMs };
  if (kind < 0.95) return { after: "finishing", delayMs: Math.random() ** 2 * workMs * 0.3 };
  return { after: "done", delayMs: Math.random() * 3 };
}

/** How long the work of a run takes that nobody stops. */
async function usualWorkMs(): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 3; n++) {
    corpus.change();
    const { code, workMs, stderr } = await runVictim(order);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    times.push(workMs);
  }
  return times.sort((a, b) => a - b)[1] as number;
}

describe("a backup", () => {
  test(
    `that is killed ${KILLS} times at any moment never harms the repository`,
    async () => {
      let workMs = await usualWorkMs();
      const tally = new Tally();
      let finished = 0;
      let known = await snapshotIds();
      while (tally.total < KILLS) {
        corpus.change();
        const ended = await runVictim(order, moment(workMs));
        if (ended.signal === null) {
          expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
          finished++;
          workMs = 0.8 * workMs + 0.2 * ended.workMs;
        } else tally.add(ended.phase);
        const isDeep = tally.total % DEEP_CHECK_EVERY === 0 && ended.signal !== null;
        await expectHealthy({ kind: isDeep ? "all" : "none" });
        if (isDeep && has("restic")) succeed(restic(place, ["check", "--no-lock"]));
        const now = await snapshotIds();
        expect(now).toEqual(expect.arrayContaining(known));
        known = now;
      }
      process.stdout.write(`killed ${tally.total} backups (${tally.toString()}); ${finished} finished before\n`);
      expect(tally.of("saving"), "kills while data was saved").toBeGreaterThan(KILLS / 10);
      expect(tally.of("finishing"), "kills while index and snapshot were written").toBeGreaterThan(KILLS / 20);
    },
    Math.max(10, KILLS / 20) * MINUTES,
  );

  test(
    `that is interrupted ${INTERRUPTS} times ends soon, leaves no lock, and keeps what it has stored`,
    async () => {
      const workMs = await usualWorkMs();
      const tally = new Tally();
      const locksBefore = (await listLocks(repository, { signal })).length;
      while (tally.total < INTERRUPTS) {
        corpus.change();
        const at = { after: "index", delayMs: Math.random() * workMs } as const;
        const ended = await Promise.race([runVictim(order, at, "SIGINT"), tooLong(at.delayMs + PATIENCE_MS)]);
        if (ended.code !== 0) {
          tally.add(ended.phase);
          expect(ended.stderr).toContain("interrupted");
        }
        expect((await listLocks(repository, { signal })).length).toBe(locksBefore);
        const { healthy, findings } = await check({ kind: "none" });
        // Every pack that was stored is in an index: the next run need not store its blobs again.
        expect({ healthy, damage: findings.filter(isDamage) }).toEqual({ healthy: true, damage: [] });
      }
      process.stdout.write(`interrupted ${tally.total} backups (${tally.toString()})\n`);
    },
    10 * MINUTES,
  );

  test("after all that finishes, passes the check of all data, and is restored as it was", { timeout: MINUTES }, async () => {
    const stale = await listLocks(repository, { signal });
    expect(stale.filter((lock) => !lock.stale)).toEqual([]);
    corpus.change();
    const { code, stderr } = await runVictim(order);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    await expectHealthy({ kind: "all" });
    const target = join(folder, "restored");
    succeed(holdfast(place, ["restore", "latest", "--target", target]));
    expect(differences(corpus.folder, join(target, corpus.folder))).toBe("");
  });

  test.skipIf(!has("restic"))("after all that is accepted by restic, which also knows the locks as left behind", () => {
    succeed(restic(place, ["unlock"]));
    succeed(restic(place, ["check", "--read-data"]));
    const target = join(folder, "restored by restic");
    succeed(restic(place, ["restore", "latest", "--target", target]));
    expect(differences(corpus.folder, join(target, corpus.folder))).toBe("");
  });
});

function tooLong(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`the interrupted backup still runs after ${ms} ms`)), ms).unref();
  });
}
