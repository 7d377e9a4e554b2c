/**
 * Asked as restic is asked, Holdfast keeps and removes exactly the snapshots that restic does, for the same reasons. Many
 * histories lie in one repository as hosts of their own, so that one run of `restic forget --dry-run` judges them all.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@holdfast/base";
import { encodeSnapshot, listSnapshots, openRepository, parseId, type Repository } from "@holdfast/engine";
import {
  type Candidate,
  candidateOf,
  NO_FLOORS,
  NO_LIMITS,
  parseRetentionOptions,
  planRetention,
  type RetentionPlan,
} from "@holdfast/protection";
import { openLocal } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import { has, PASSWORD, restic, run, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { Chance, inventHistory, type InventedPolicy, inventPolicy } from "./retention-histories.ts";
import { scratchFolder } from "./scratch.ts";

/** More with HOLDFAST_RETENTION_HISTORIES, others with HOLDFAST_RETENTION_SEED. */
const HISTORIES = Number(process.env["HOLDFAST_RETENTION_HISTORIES"] ?? 2000);
const SEED = Number(process.env["HOLDFAST_RETENTION_SEED"] ?? 1);
const PER_REPOSITORY = 500;
const POLICIES = 12;
const MINUTE = 60_000;
/** Zones of the machine on which restic runs. */
const LOCAL_ZONES = ["UTC", "Europe/Berlin", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];

const { signal } = new AbortController();
const TREE = parseId("0".repeat(64));

interface Filled {
  readonly place: string;
  readonly candidates: readonly Candidate[];
}

async function fill(place: string, { hosts, chance }: { hosts: number; chance: Chance }): Promise<Filled> {
  makeQuickRepository(place);
  const repository: Repository = await openRepository(openLocal(place), new Secret(PASSWORD), { signal });
  const used = new Set<bigint>();
  const nowMs = Date.now();
  const invented = Array.from({ length: hosts }, (_, n) =>
    inventHistory(chance, { hostname: `host-${n}`, used, nowMs }),
  );
  const rest = { parent: undefined, tree: TREE, username: "", uid: 0, gid: 0, excludes: [], original: undefined };
  for (const each of invented.flat()) {
    const snapshot = encodeSnapshot({ ...each, ...rest, programVersion: "", summary: undefined });
    const { id, sealed } = repository.sealDocument(snapshot);
    // As `saveSnapshot` does, but for the flush of each file, which would take most of the time.
    writeFileSync(join(place, "snapshots", id), sealed);
  }
  const stored = await listSnapshots(repository, { signal });
  expect(stored.length).toBe(invented.flat().length);
  await repository.close();
  return { place, candidates: stored.map((each) => candidateOf(each)) };
}

interface ResticGroup {
  readonly keep: readonly { readonly id: string }[] | null;
  readonly remove: readonly { readonly id: string }[] | null;
  readonly reasons: readonly { readonly matches: readonly string[] }[];
}

/** For each snapshot restic's reasons to keep it; none for one that it removes. */
type Decisions = ReadonlyMap<string, readonly string[]>;

function resticDecides(place: string, { texts, grouping }: InventedPolicy, localZone: string): Decisions {
  const words = Object.entries(texts).flatMap(([name, value]) =>
    [value].flat().map((text) => `--${name}=${text === "unlimited" ? resticVersion.unlimited : text}`),
  );
  const args = ["forget", "--dry-run", "--json", "--no-lock", `--group-by=${grouping.join(",")}`, ...words];
  const text = succeed(restic(place, args, { env: { TZ: localZone } }));
  const decisions = new Map<string, readonly string[]>();
  for (const { keep, remove, reasons } of JSON.parse(text.split("\n")[0] ?? "") as ResticGroup[]) {
    for (const [at, { id }] of (keep ?? []).entries()) decisions.set(id, reasons[at]?.matches ?? []);
    for (const { id } of remove ?? []) decisions.set(id, []);
  }
  return decisions;
}

function planAsRestic(
  candidates: readonly Candidate[],
  { texts, grouping }: InventedPolicy,
  localZone: string,
): RetentionPlan {
  return planRetention(candidates, {
    rules: parseRetentionOptions(texts),
    floors: { ...NO_FLOORS, oldestWhileUnfilled: resticVersion.keepsOldest },
    limits: NO_LIMITS,
    grouping,
    zone: "snapshot",
    localZone,
    nowMs: Date.now(),
    times: "believed",
  });
}

/** What differs between the versions of restic that may be installed. */
const resticVersion = { unlimited: "unlimited", keepsOldest: true, keepsAny: true };

beforeAll(() => {
  if (!has("restic")) return;
  const [, major, minor] = /^restic (\d+)\.(\d+)/.exec(succeed(run("restic", ["version"]))) ?? [];
  const isOld = Number(major) === 0 && Number(minor) < 16;
  resticVersion.keepsOldest = !isOld;
  resticVersion.keepsAny = !isOld;
  // The old one has no such word, and takes -1 for none.
  if (isOld) resticVersion.unlimited = "1000000";
});

describe.skipIf(!has("restic"))("retention", () => {
  test(
    `keeps and removes what restic does, in ${HISTORIES} histories`,
    async () => {
      const folder = scratchFolder();
      const chance = new Chance(SEED);
      const seen = { histories: 0, snapshots: 0, policies: 0, judged: 0, kept: 0 };
      while (seen.histories < HISTORIES) {
        const hosts = Math.min(PER_REPOSITORY, HISTORIES - seen.histories);
        const { place, candidates } = await fill(join(folder, String(seen.histories)), { hosts, chance });
        seen.histories += hosts;
        seen.snapshots += candidates.length;
        for (let n = 0; n < POLICIES; n++) {
          const policy = inventPolicy(chance, { keepsAny: resticVersion.keepsAny });
          const localZone = chance.pick(LOCAL_ZONES);
          const theirs = resticDecides(place, policy, localZone);
          const plan = planAsRestic(candidates, policy, localZone);
          const verdicts = plan.groups.flatMap((group) => group.verdicts);
          const own = new Map(verdicts.map(({ id, matches }) => [id, matches]));
          if (!sameDecisions(own, theirs)) expect.fail(report(policy, localZone, { candidates, own, theirs }));
          for (const { id, keep } of verdicts) expect(keep).toBe(theirs.get(id)?.length !== 0);
          seen.policies++;
          seen.judged += verdicts.length;
          seen.kept += verdicts.filter(({ keep }) => keep).length;
        }
      }
      process.stdout.write(`retention: ${JSON.stringify(seen)}\n`);
      expect(seen.kept, "snapshots that are kept").toBeGreaterThan(seen.judged / 20);
      expect(seen.judged - seen.kept, "snapshots that are removed").toBeGreaterThan(seen.judged / 20);
    },
    Math.max(5, HISTORIES / 200) * MINUTE,
  );
});

function sameDecisions(own: Decisions, theirs: Decisions): boolean {
  if (own.size !== theirs.size) return false;
  return [...theirs].every(([id, matches]) => own.get(id)?.join("\n") === matches.join("\n"));
}

/** Everything that is needed to look at the first difference. */
function report(
  { texts, grouping }: InventedPolicy,
  localZone: string,
  { candidates, own, theirs }: { candidates: readonly Candidate[]; own: Decisions; theirs: Decisions },
): string {
  const differing = candidates.find(({ id }) => own.get(id)?.join() !== theirs.get(id)?.join());
  const history = candidates
    .filter(({ hostname }) => hostname === differing?.hostname)
    .map((each) => {
      const time = new Temporal.ZonedDateTime(each.timeNs, offsetName(each.offsetSeconds));
      return `${time.toString()} ${each.paths.join()} [${each.tags.join()}] restic: ${theirs.get(each.id)?.join()} own: ${own.get(each.id)?.join()}`;
    });
  const head = `seed ${SEED}, ${JSON.stringify(texts)}, grouped by ${grouping.join()}, in ${localZone}: ${own.size} and ${theirs.size} snapshots`;
  return [head, ...history].join("\n");
}

function offsetName(seconds: number): string {
  const minutes = Math.abs(seconds) / 60;
  const text = `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  return `${seconds < 0 ? "-" : "+"}${text}`;
}
