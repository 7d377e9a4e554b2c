/** Backups that are killed at any moment leave a correct repository, and the next one goes on from it. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { CrashSite } from "./crash-site.ts";
import { type Moment, Tally } from "./kill-runs.ts";
import { differences, has, holdfast, restic, succeed } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";

/** Processes that are killed. More with HOLDFAST_CRASH_RUNS, for a long run. */
const KILLS = Number(process.env["HOLDFAST_CRASH_RUNS"] ?? 200);
const INTERRUPTS = Math.ceil(KILLS / 8);
/** Every so many kills all data is read, and restic looks too. */
const DEEP_CHECK_EVERY = 20;
/** Nobody waits longer for a program to end. */
const PATIENCE_MS = 15_000;
const MINUTE = 60_000;

const folder = scratchFolder();
/** Two repositories at once: a backup spends half of its time waiting. */
const sites: CrashSite[] = [];

beforeAll(async () => {
  for (const name of ["a", "b"]) sites.push(await CrashSite.make(join(folder, name)));
}, MINUTE);

/**
 * Moments over the whole run: some while it starts and locks, most spread evenly over its work, and some in its last steps,
 * which are short but write index and snapshot.
 */
function anyMoment(workMs: number): Moment {
  const kind = Math.random();
  if (kind < 0.03) return { after: "starting", delayMs: Math.random() * 100 };
  if (kind < 0.08) return { after: "locking", delayMs: Math.random() * 220 };
  if (kind < 0.75) return { after: "index", delayMs: Math.random() * workMs };
  if (kind < 0.95) return { after: "finishing", delayMs: Math.random() * 20 };
  return { after: "done", delayMs: Math.random() * 2 };
}

async function killOften(site: CrashSite, kills: number, tally: Tally): Promise<void> {
  let known = await site.snapshotIds();
  for (let killed = 0; killed < kills;) {
    const ended = await site.run(anyMoment(site.workMs));
    if (ended.signal === null) {
      site.expectFinished(ended);
      tally.addFinished();
    } else {
      killed++;
      tally.add(ended.phase);
    }
    const isDeep = killed % DEEP_CHECK_EVERY === 0;
    await site.expectHealthy(isDeep ? "all" : "none");
    if (isDeep && has("restic")) succeed(restic(site.place, ["check", "--no-lock"]));
    const now = await site.snapshotIds();
    expect(now, "no snapshot is lost").toEqual(expect.arrayContaining(known));
    known = now;
  }
}

describe("a backup", () => {
  test(
    `that is killed ${KILLS} times at any moment never harms the repository`,
    async () => {
      const tally = new Tally();
      await Promise.all(sites.map((site) => killOften(site, Math.ceil(KILLS / sites.length), tally)));
      process.stdout.write(`killed: ${tally.toString()}\n`);
      // Where the kills fall depends on the machine; that both phases are hit at all is what makes the test one.
      expect(tally.of("saving"), "kills while data was saved").toBeGreaterThan(KILLS / 40);
      expect(tally.of("finishing"), "kills while index and snapshot were written").toBeGreaterThan(KILLS / 100);
    },
    Math.max(10, KILLS / 20) * MINUTE,
  );

  test(
    `that is interrupted ${INTERRUPTS} times ends soon and leaves no lock`,
    async () => {
      const site = sites[0] as CrashSite;
      const tally = new Tally();
      const before = (await site.locks()).length;
      while (tally.total < INTERRUPTS) {
        const ended = await site.run({ after: "index", delayMs: Math.random() * site.workMs }, "SIGINT");
        // Its work was done when the signal came.
        if (ended.phase === "unlocked") tally.addFinished();
        else {
          expect(ended.stderr).toContain("interrupted");
          expect(ended.dyingMs, "time from the signal to the end").toBeLessThan(PATIENCE_MS);
          tally.add(ended.phase);
        }
        expect((await site.locks()).length).toBe(before);
        await site.expectHealthy("none");
      }
      process.stdout.write(`interrupted: ${tally.toString()}\n`);
    },
    10 * MINUTE,
  );

  test.for([0, 1])(
    "after all that finishes and is restored as it was (repository %i)",
    { timeout: MINUTE },
    async (n) => {
      const site = sites[n] as CrashSite;
      expect((await site.locks()).filter((lock) => !lock.stale)).toEqual([]);
      await site.finishOne();
      await site.expectHealthy("all");
      const target = join(folder, `restored ${n}`);
      succeed(holdfast(site.place, ["restore", "latest", "--target", target]));
      expect(differences(site.corpus.folder, join(target, site.corpus.folder))).toBe("");
    },
  );

  test.skipIf(!has("restic"))("after all that is accepted by restic, which also sees that the locks are stale", () => {
    const { place, corpus } = sites[0] as CrashSite;
    succeed(restic(place, ["unlock"]));
    succeed(restic(place, ["check", "--read-data"]));
    const target = join(folder, "restored by restic");
    succeed(restic(place, ["restore", "latest", "--target", target]));
    expect(differences(corpus.folder, join(target, corpus.folder))).toBe("");
  });
});
