/**
 * Pruning at a server that removes by plans. A proposal writes nothing: what it names is found as for a dry run. When it is approved,
 * the prune is planned anew, bound to those files: so what a snapshot has come to need meanwhile stays, and packs that were not
 * named are left alone.
 */
import {
  type Id,
  type PrunePlan,
  type RemovableFiles,
  type Repository,
  prunedFiles,
  superfluousEvidence,
} from "@holdfast/engine";
import type { FileType, RemovalPlans } from "@holdfast/storage";
import type { CommandContext } from "../context.ts";
import { type KnownPlans, knownPlans, namesOf } from "./known-plans.ts";
import { proposePlan, reasonOption } from "./propose.ts";
import { reportWaiting } from "./show-plan.ts";

export interface BoundPrune {
  readonly repository: Repository;
  readonly plans: RemovalPlans;
  /** Plans a prune; with `only`, of these files. */
  readonly plan: (only: RemovableFiles | undefined) => Promise<PrunePlan>;
  /** Prints a plan, carries it out, and tidies up records of evidence of these names. */
  readonly execute: (plan: PrunePlan, evidence: ReadonlySet<Id>) => Promise<void>;
  /** Prints a plan that is not carried out. */
  readonly report: (plan: PrunePlan) => void;
}

type Context = Pick<CommandContext, "output" | "options">;

/** @returns whether something waits. @throws what planning, executing and the server throw */
export async function pruneByPlans(
  context: Context,
  prune: BoundPrune,
  { signal }: { signal: AbortSignal },
): Promise<boolean> {
  const { output } = context;
  const known = await knownPlans(prune.plans, "prune", { signal });
  if (await carriedOut(prune, known)) return false;
  if (known.waiting.length > 0) {
    if (!output.settings.json) output.print("nothing was removed: this server removes by plans");
    reportWaiting(output, known.waiting, { isNew: false });
    return true;
  }
  const plan = await prune.plan(undefined);
  prune.report(plan);
  if (!plan.isNeeded) return false;
  const evidence = await superfluousEvidence(prune.repository, { signal, nowMs: Date.now() });
  const reason = reasonOption(context, "no snapshot needs it");
  const proposal = { command: "prune", reason, files: filesOf(plan, evidence) } as const;
  const proposed = await proposePlan(prune.plans, proposal, { signal });
  if (!output.settings.json) output.print("nothing was removed yet: this server removes by plans");
  reportWaiting(output, [proposed], { isNew: true });
  return true;
}

/** Carries out what is approved, as far as it is still not needed. Returns false when there is nothing of that kind. */
async function carriedOut(prune: BoundPrune, { removable }: KnownPlans): Promise<boolean> {
  if (removable.size === 0) return false;
  const evidence = namesOf(removable, "evidence");
  const only: RemovableFiles = {
    packs: namesOf(removable, "pack"),
    indexFiles: namesOf(removable, "index"),
    forgotten: namesOf(removable, "forgotten"),
  };
  const plan = await prune.plan(only);
  if (!plan.isNeeded) return false;
  await prune.execute(plan, evidence);
  return true;
}

function* filesOf(plan: PrunePlan, evidence: readonly string[]): Iterable<{ type: FileType; name: string }> {
  for (const { type, id } of prunedFiles(plan)) yield { type, name: id };
  for (const name of evidence) yield { type: "evidence", name };
}
