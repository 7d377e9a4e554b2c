/**
 * Attacks over months on a repository behind the server, with all that runs in earnest: the server, `forget` with its rules, and
 * restic's. What is simulated is time: the clock that the server gets, and the times of the files of snapshots, which a local folder
 * takes for when they arrived.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@holdfast/base";
import {
  type Id,
  type Repository,
  type StoredSnapshot,
  addHold,
  createRepository,
  forgetSnapshots,
  listForgotten,
  listHolds,
  listSnapshots,
  openRepository,
  releaseHold,
  saveEvidence,
  saveSnapshot,
} from "@holdfast/engine";
import { DEFAULT_FLOORS, DEFAULT_LIMITS } from "@holdfast/protection";
import { type Client, type Role, RepositoryServer, hashToken, writeClients } from "@holdfast/server";
import { type Clock, NO_SURROUNDINGS, openBackend } from "@holdfast/storage";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { planByRules } from "../../src/forget/plan.ts";
import { readSituation } from "../../src/forget/situation.ts";
import { Output } from "../../src/output/output.ts";
import { type AgedRepository, copyOf, makeAgedRepository, namesIn } from "../aged-repository.ts";
import { type Ended, holdfast, isInstalled, program, temporaryFolder } from "../command-runner.ts";

type Snapshot = StoredSnapshot["snapshot"];

const { signal } = new AbortController();
const DAY_MS = 24 * 3_600_000;
const PASSWORD = "test";
const CHEAP_KDF = { N: 128, r: 1, p: 1 };
const folder = temporaryFolder();
const tokenOf = (name: string): string => `token-of-${name}`;
const client = (name: string, role: Role, repository: string): Client => ({
  name,
  role,
  repositories: [repository],
  tokenHashes: [hashToken(tokenOf(name))],
});

/** A server over a folder, with a machine that backs up, which was taken over, and one that forgets. */
class Site implements Clock {
  readonly root: string;
  readonly repository: string;
  nowMs_ = Date.now();
  #server: RepositoryServer | undefined;
  readonly #clientsFile: string;

  constructor(root: string, repository: string) {
    this.root = root;
    this.repository = repository;
    this.#clientsFile = `${root}.clients.json`;
  }

  nowMs(): number {
    return this.nowMs_;
  }

  elapsedMs(): number {
    return performance.now();
  }

  async sleep(): Promise<void> {}

  /** Starts it, or starts it again: it takes no jump of its clock for time that has passed. */
  async start(minAgeMs = 0): Promise<void> {
    await this.stop();
    const { repository } = this;
    await writeClients(this.#clientsFile, [
      client("machine", "append-only", repository),
      client("keeper", "maintenance", repository),
    ]);
    this.#server = await RepositoryServer.start({
      root: this.root,
      surroundings: NO_SURROUNDINGS,
      listen: { host: "127.0.0.1", port: 0 },
      access: { clientsFile: this.#clientsFile },
      clock: this,
      minAgeMs,
    });
  }

  async stop(): Promise<void> {
    await this.#server?.close({ graceMs: 1000 });
    this.#server = undefined;
  }

  /** The address for a client, with its token. */
  address(name: string): string {
    const url = new URL(this.#server?.url ?? "");
    return `rest:http://${name}:${tokenOf(name)}@${url.host}/${this.repository}/`;
  }

  /** Works on the repository as a client of the server. */
  async as<T>(name: string, work: (repository: Repository) => Promise<T>): Promise<T> {
    const backend = await openBackend(this.address(name), NO_SURROUNDINGS);
    try {
      return await work(await openRepository(backend, new Secret(PASSWORD), { signal }));
    } finally {
      await backend.close();
    }
  }

  /** The command line as a client of the server. */
  run(name: string, ...argv: string[]): Promise<Ended> {
    const variables = {
      HOLDFAST_REPOSITORY: this.address(name),
      HOLDFAST_PASSWORD: PASSWORD,
      XDG_STATE_HOME: `${this.root}.state`,
    };
    return holdfast(["--no-cache", ...argv], { variables });
  }

  /** The taken-over machine stores a snapshot, which arrives at this time. */
  async add(snapshot: Snapshot, atMs: number): Promise<Id> {
    const time = new Date(atMs).toISOString().replace(/\.\d+Z/, "Z");
    const id = await this.as("machine", (repository) => saveSnapshot(repository, { ...snapshot, time }, { signal }));
    utimesSync(join(this.root, this.repository, "snapshots", id), new Date(atMs), new Date(atMs));
    return id;
  }
}

const sites: Site[] = [];
afterAll(async () => {
  for (const site of sites) await site.stop();
});

async function start(
  root: string,
  repository: string,
  { minAgeMs, nowMs = Date.now() }: { readonly minAgeMs?: number; readonly nowMs?: number } = {},
): Promise<Site> {
  const site = new Site(root, repository);
  site.nowMs_ = nowMs;
  sites.push(site);
  await site.start(minAgeMs);
  return site;
}

describe("attack 3, other hosts, paths and tags, so that there are many groups:", { timeout: 180_000 }, () => {
  const RULES = ["--keep-daily", "3", "--keep-weekly", "2"];
  const OURS = ["forget", ...RULES, "--min-age", "0", "--allow", "too-large-share", "--allow", "group-unseen"];
  let base: AgedRepository;
  /** The same, after the machine has added bogus snapshots: so many on each day. */
  const attacked = new Map<number, string>();

  beforeAll(async () => {
    const clean = join(folder, "clean");
    mkdirSync(clean);
    base = await makeAgedRepository(clean, 20);
    for (const perDay of [1, 4]) {
      const root = join(folder, `attacked ${perDay}`);
      cpSync(clean, root, { recursive: true, preserveTimestamps: true });
      const site = await start(root, "aged");
      const good = await site.as("machine", (repository) => listSnapshots(repository, { signal }));
      for (const { snapshot } of good) {
        for (let n = 0; n < perDay; n++) {
          const bogus = { hostname: `bogus ${n}`, paths: [`/bogus ${n}`], tags: [`bogus ${n}`] };
          // An hour later than the good one of the day, and more.
          const atMs = Number(snapshot.timeNs / 1_000_000n) + (n + 1) * 3_600_000;
          await site.add({ ...snapshot, ...bogus }, Math.min(atMs, Date.now() - 1000));
        }
      }
      await site.stop();
      attacked.set(perDay, root);
    }
  }, 180_000);

  const goodOnes = (ids: readonly string[]): string[] =>
    ids.filter((id) => base.ids.some((each) => each === id)).sort();

  /** The good snapshots that the server still shows. */
  async function goodBehind(site: Site): Promise<string[]> {
    const all = await site.as("keeper", (repository) => listSnapshots(repository, { signal }));
    return goodOnes(all.map(({ id }) => id));
  }

  async function siteWith(perDay: number): Promise<Site> {
    const root = join(folder, `site ${sites.length}`);
    cpSync(attacked.get(perDay) ?? "", root, { recursive: true, preserveTimestamps: true });
    return start(root, "aged");
  }

  async function withoutAttack(groupBy: string): Promise<string[]> {
    const copy = copyOf(base);
    const { code, stderr } = await copy.run(...OURS, "--group-by", groupBy);
    expect(code, stderr).toBe(0);
    return goodOnes(namesIn(copy, "snapshots"));
  }

  test.for(["host,paths", "host", "paths", "tags", "host,paths,tags"])(
    "grouped by %s, `forget` over the server keeps the good snapshots that it would keep without them",
    async (groupBy) => {
      const site = await siteWith(4);
      const { code, stderr } = await site.run("keeper", ...OURS, "--group-by", groupBy);
      expect(code, stderr).toBe(0);
      const left = await goodBehind(site);
      expect(left).toEqual(await withoutAttack(groupBy));
      expect(left.length).toBeGreaterThanOrEqual(4);
      expect(left.length).toBeLessThan(20);
    },
  );

  test("as one group, one a day takes the place of none", async () => {
    const site = await siteWith(1);
    const { code, stderr } = await site.run("keeper", ...OURS, "--group-by", "");
    expect(code, stderr).toBe(0);
    expect(await goodBehind(site)).toEqual(expect.arrayContaining(await withoutAttack("")));
  });

  test.skipIf(!isInstalled("restic"))(
    "restic's own `forget` keeps them too in its groups, and none when all are one group",
    async () => {
      const left = async (groupBy: string): Promise<string[]> => {
        const site = await siteWith(4);
        const variables = { RESTIC_REPOSITORY: site.address("keeper"), RESTIC_PASSWORD: PASSWORD };
        const argv = ["--no-cache", "forget", ...RULES, "--group-by", groupBy];
        const { code, stderr } = await program("restic", argv, { variables });
        expect(code, stderr).toBe(0);
        return await goodBehind(site);
      };
      expect((await left("host,paths")).length).toBeGreaterThanOrEqual(4);
      expect(await left("")).toEqual([]);
    },
  );
});

describe(
  "attack 6, backups that look right and are garbage, until the good ones are gone:",
  { timeout: 180_000 },
  () => {
    const MIN_AGE_MS = 14 * DAY_MS;
    const GOOD_DAYS = 10;
    const source = join(folder, "source");
    const startMs = Date.now() - 150 * DAY_MS;
    const silent = { output: new Output({ json: false, quiet: true, verbosity: 0, color: false }) };
    let site: Site;
    let held: Id;
    let proven: Id;
    let bad: Snapshot;
    let today = 0;

    /** A snapshot of every day, and a forget every week, as a machine of its own does. */
    async function live(days: number, snapshot: Snapshot): Promise<Id> {
      let last: Id | undefined;
      for (let n = 0; n < days; n++) {
        today++;
        site.nowMs_ = startMs + today * DAY_MS;
        last = await site.add(snapshot, site.nowMs_);
        if (today % 7 === 0) await forget();
      }
      return last as Id;
    }

    async function forget(): Promise<void> {
      await site.start(MIN_AGE_MS);
      const settings = {
        floors: { ...DEFAULT_FLOORS, minAgeMs: MIN_AGE_MS },
        limits: DEFAULT_LIMITS,
        grouping: ["host", "paths"] as const,
        zone: "snapshot",
        allowed: [],
        rules: { daily: 7, weekly: 4 },
      };
      await site.as("keeper", async (repository) => {
        const situation = await readSituation(silent, repository, { signal, filter: {} });
        const { remove } = planByRules(situation, settings.rules, settings, site.nowMs_);
        await forgetSnapshots(repository, remove, { signal });
      });
    }

    const there = (): Promise<Id[]> =>
      site.as("keeper", async (repository) => (await listSnapshots(repository, { signal })).map(({ id }) => id));

    function prove(by: string, id: Id): Promise<unknown> {
      return site.as(by, async (repository) => {
        const stored = (await listSnapshots(repository, { signal })).find((each) => each.id === id);
        const proof = [{ snapshot: id, tree: stored?.snapshot.tree ?? id }];
        const when = { beganAtMs: site.nowMs_, endedAtMs: site.nowMs_ };
        const fields = {
          run: "restore",
          ...when,
          hostname: by,
          programVersion: "test",
          proven: proof,
          damaged: [],
          incomplete: [],
        } as const;
        return saveEvidence(repository, fields, { signal });
      });
    }

    beforeAll(async () => {
      const root = join(folder, "patient");
      mkdirSync(root);
      site = await start(root, "den", { minAgeMs: MIN_AGE_MS, nowMs: startMs });
      const backend = await openBackend(join(root, "den"));
      const made = { signal, hostname: "box", username: "tester", kdf: CHEAP_KDF };
      await (await createRepository(backend, new Secret(PASSWORD), made)).close();
      mkdirSync(source);
      const fill = (content: (n: number) => Uint8Array): void => {
        for (let n = 0; n < 5; n++) writeFileSync(join(source, `f${n}`), content(n));
      };
      const backUp = async (): Promise<Snapshot> => {
        const { code, stderr } = await site.run("machine", "backup", "-q", "--host", "box", source);
        expect(code, stderr).toBe(0);
        const all = await site.as("machine", (repository) => listSnapshots(repository, { signal }));
        const last = all.at(-1) as StoredSnapshot;
        // Only what it holds is wanted; it is of today.
        rmSync(join(root, "den", "snapshots", last.id));
        return last.snapshot;
      };
      fill(() => randomBytes(20_000));
      bad = await backUp();
      fill((n) => Buffer.from(`what matters ${n}\n`.repeat(2000).slice(0, 20_000)));
      const good = await backUp();
      await live(GOOD_DAYS / 2, good);
      held = await live(1, good);
      proven = await live(GOOD_DAYS / 2 - 1, good);
      await prove("keeper", proven);
      const hold = {
        selector: { ids: [held] },
        reason: "restored, and looked at",
        owner: "keeper",
        reviewOn: "2099-01-01",
        createdAtMs: site.nowMs_,
      };
      await site.as("keeper", (repository) => addHold(repository, hold, { signal }));
    }, 180_000);

    test("90 days later all good ones are gone but the newest that was proven and the one that is held, and these restore", async () => {
      await live(90, bad);
      const left = await site.as("keeper", (repository) => listSnapshots(repository, { signal }));
      const good = left.filter(({ snapshot }) => snapshot.tree !== bad.tree).map(({ id }) => id);
      expect(good).toEqual([held, proven]);
      for (const id of [held, proven]) {
        const target = join(folder, `restored ${id.slice(0, 8)}`);
        const { code, stderr } = await site.run("keeper", "restore", id, "-t", target, "--verify");
        expect(code, stderr).toBe(0);
        expect(execFileSync("diff", ["-r", source, join(target, source)], { encoding: "utf8" })).toBe("");
      }
    }, 180_000);

    test("whoever has the key can claim that a bad one is proven: then only the hold keeps one, which the machine cannot release", async () => {
      await prove("machine", await live(1, bad));
      await live(14, bad);
      const left = await there();
      expect(left).toContain(held);
      expect(left).not.toContain(proven);
      // It was removed in the usual way, so it can be brought back until a prune.
      const forgotten = await site.as("keeper", (repository) => listForgotten(repository, { signal }));
      expect(forgotten.map(({ id }) => id)).toContain(proven);
      const release = site.as("machine", async (repository) => {
        for (const { id } of await listHolds(repository, { signal })) await releaseHold(repository, id, { signal });
      });
      await expect(release).rejects.toMatchObject({ code: "STORAGE_APPEND_ONLY" });
    }, 180_000);
  },
);
