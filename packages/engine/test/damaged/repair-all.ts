/** What a person does with a damaged repository: repair the index, then packs in which something is wrong, then snapshots. */
import type { Finding } from "../../src/check/findings.ts";
import { parseId, type Id } from "../../src/format/id.ts";
import { executeIndexRepair, planIndexRepair } from "../../src/repair/repair-index.ts";
import { executePackRepair, planPackRepair } from "../../src/repair/repair-packs.ts";
import { executeSnapshotRepair, planSnapshotRepair } from "../../src/repair/repair-snapshots.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { NEVER } from "../backup-lab.ts";
import { idsOf } from "./good.ts";

/** @param findings of a check that read everything */
export async function repairAll(repository: Repository, findings: readonly Finding[]): Promise<void> {
  // Packs come first where something in them may be saved by what the index still knows, if all of it can be read.
  const isIndexDamaged = findings.some(({ code }) => code === "index-damaged");
  if (!isIndexDamaged) await repairPacks(repository, findings);
  const plan = await planIndexRepair(repository, { readAllPacks: false, signal: NEVER });
  await executeIndexRepair(repository, plan, { signal: NEVER });
  if (isIndexDamaged) await repairPacks(repository, findings);
  const snapshots = await planSnapshotRepair(repository, { signal: NEVER });
  await executeSnapshotRepair(repository, snapshots, { signal: NEVER, forget: true, forgetUnreadable: true });
}

async function repairPacks(repository: Repository, findings: readonly Finding[]): Promise<void> {
  const there = new Set(await idsOf(repository, "pack"));
  const packs = new Set<Id>();
  for (const { what } of findings) {
    const [, id] = /pack ([0-9a-f]{64})$/.exec(what) ?? [];
    if (id !== undefined && there.has(parseId(id))) packs.add(parseId(id));
  }
  const plan = await planPackRepair(repository, [...packs], { signal: NEVER });
  await executePackRepair(repository, plan, { signal: NEVER, onBackup: async () => {} });
}
