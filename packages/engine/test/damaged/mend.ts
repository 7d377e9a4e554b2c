/** What a person does with a damaged repository of which there is a second copy: the order of the guide. */
import type { Finding } from "../../src/check/findings.ts";
import { Copy } from "../../src/copy/copy.ts";
import type { SnapshotLosses } from "../../src/forget/losses.ts";
import { parseId, type Id } from "../../src/format/id.ts";
import { executeRefill, planRefill, remainingLosses, type RefillPlan } from "../../src/repair/refill.ts";
import { executeIndexRepair, planIndexRepair } from "../../src/repair/repair-index.ts";
import { executePackRepair, planPackRepair } from "../../src/repair/repair-packs.ts";
import { executeSnapshotRepair, planSnapshotRepair } from "../../src/repair/repair-snapshots.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import { NEVER } from "../backup-lab.ts";
import { idsOf } from "./good.ts";

const PACKS = { packSizeBytes: 64 * 1024, compression: "auto" } as const;

/**
 * `repair index` where the index is damaged, `repair packs --from-repo`, `repair index`, `copy` for snapshots.
 * @param findings of a check that read everything
 * @returns what the packs' repair said is lost for good
 */
export async function mendFrom(
  repository: Repository,
  other: Repository,
  findings: readonly Finding[],
): Promise<SnapshotLosses[]> {
  await repairIndexFirst(repository, findings);
  const packs = await planPackRepair(repository, await namedPacks(repository, findings), {
    withSuspects: true,
    signal: NEVER,
  });
  const plan = await planRefill(repository, packs, other, { signal: NEVER });
  await executeRefill(repository, plan, { signal: NEVER, ...PACKS });
  await executePackRepair(repository, packs, { signal: NEVER, onBackup: async () => {}, ...PACKS });
  const losses = await remainingLosses(repository, plan, { signal: NEVER, isExecuted: true });
  await repairIndex(repository);
  await bringSnapshots(other, repository);
  const snapshots = await planSnapshotRepair(repository, { signal: NEVER });
  await executeSnapshotRepair(repository, snapshots, { signal: NEVER, forget: false, forgetUnreadable: true });
  return losses;
}

/** What a repair without another copy says is lost. Nothing is changed but the index, where that is damaged. */
export async function lossesOf(
  repository: Repository,
  findings: readonly Finding[],
): Promise<{ plan: RefillPlan; losses: SnapshotLosses[] }> {
  await repairIndexFirst(repository, findings);
  const packs = await planPackRepair(repository, await namedPacks(repository, findings), {
    withSuspects: true,
    signal: NEVER,
  });
  const plan = await planRefill(repository, packs, undefined, { signal: NEVER });
  return { plan, losses: await remainingLosses(repository, plan, { signal: NEVER, isExecuted: false }) };
}

async function repairIndexFirst(repository: Repository, findings: readonly Finding[]): Promise<void> {
  // What the index still knows helps to save blobs of a pack whose header is damaged.
  if (findings.some(({ code }) => code === "index-damaged" || code === "pack-unindexed")) await repairIndex(repository);
}

async function repairIndex(repository: Repository): Promise<void> {
  const plan = await planIndexRepair(repository, { readAllPacks: false, signal: NEVER });
  await executeIndexRepair(repository, plan, { signal: NEVER });
}

async function namedPacks(repository: Repository, findings: readonly Finding[]): Promise<Id[]> {
  const there = new Set(await idsOf(repository, "pack"));
  const named = findings.flatMap(({ what }) => /pack ([0-9a-f]{64})$/.exec(what)?.[1] ?? []);
  return [...new Set(named.map(parseId))].filter((id) => there.has(id));
}

async function bringSnapshots(from: Repository, to: Repository): Promise<void> {
  const snapshots = await listSnapshots(from, { signal: NEVER });
  await new Copy({ from, to, snapshots, ...PACKS, workers: 1, dryRun: false, signal: NEVER, onEvent: () => {} }).run();
}
