/** What a server's plans allow a command to remove, and which of them still wait. */
import { type FileType, type PlanStatus, type RemovalPlans, decodePlan } from "@holdfast/storage";
import type { Id } from "@holdfast/engine";

/** The commands that propose plans, as plans name them. */
export type PlannedCommand = "forget" | "prune";

export interface KnownPlans {
  readonly waiting: readonly PlanStatus[];
  /** What may be removed now, by type. */
  readonly removable: ReadonlyMap<FileType, ReadonlySet<Id>>;
}

/** @throws what the server refuses; STORAGE_PLAN_DAMAGED when a document is not what its hash says */
export async function knownPlans(
  plans: RemovalPlans,
  command: PlannedCommand,
  { signal }: { signal: AbortSignal },
): Promise<KnownPlans> {
  const own = (await plans.list({ signal })).filter((plan) => plan.command === command);
  const waiting = own.filter(({ state }) => state === "waiting");
  const ready = own.filter(({ state }) => state === "ready");
  return { waiting, removable: await filesOf(plans, ready, { signal }) };
}

/** The names of one type; empty when there are none. */
export function namesOf(files: ReadonlyMap<FileType, ReadonlySet<Id>>, type: FileType): ReadonlySet<Id> {
  return files.get(type) ?? new Set();
}

/** The files of all these plans, by type. @throws STORAGE_PLAN_DAMAGED when a document is not what its hash says */
export async function filesOf(
  plans: RemovalPlans,
  chosen: readonly PlanStatus[],
  { signal }: { signal: AbortSignal },
): Promise<ReadonlyMap<FileType, ReadonlySet<Id>>> {
  const files = new Map<FileType, Set<Id>>();
  for (const { hash } of chosen) {
    for (const { type, name } of decodePlan(await plans.document(hash, { signal }), hash).files) {
      const names = files.get(type) ?? new Set();
      files.set(type, names.add(name as Id));
    }
  }
  return files;
}
