/** A prune with its progress and reports: plan, print, execute, print. */
import { messageOf } from "@holdfast/base";
import {
  type Id,
  type PrunePlan,
  type PruneProgress,
  type RemovableFiles,
  type Repository,
  executePrune,
  planPrune,
  tidyEvidence,
} from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { showProgress } from "../output/progress.ts";
import { plural } from "../output/units.ts";
import { pruneByPlans } from "../removal/prune-by-plans.ts";
import type { PruneSettings } from "./options.ts";
import { pruneProgress } from "./progress.ts";
import { reportPlan, reportResult } from "./report.ts";

interface RunOptions {
  readonly signal: AbortSignal;
  readonly settings: PruneSettings;
  /** How long the data of forgotten snapshots is kept; seven days if absent. */
  readonly graceMs?: number | undefined;
  readonly dryRun: boolean;
}

/** `waiting`: what is to be removed waits for approval, or for its time. */
export type PruneOutcome = "done" | "waiting";

type Context = Pick<CommandContext, "output" | "variables" | "options">;

/**
 * Prunes a repository that is locked exclusively (for a dry run shared is enough); where the server removes by plans, only what
 * they name.
 * @throws what `planPrune` and `executePrune` throw
 */
export async function runPrune(
  context: Context,
  repository: Repository,
  { signal, settings, graceMs, dryRun }: RunOptions,
): Promise<PruneOutcome> {
  const { output, variables } = context;
  let progress: PruneProgress = { phase: "index", done: 0, total: 0 };
  const onProgress = (next: PruneProgress): void => {
    progress = next;
  };
  const { stop } = showProgress(
    pruneProgress(() => progress),
    output,
    variables,
  );
  try {
    const options = { ...settings, signal, onProgress, ...(graceMs === undefined ? {} : { graceMs }) };
    const planned = (only?: RemovableFiles): Promise<PrunePlan> => planPrune(repository, { ...options, only });
    const execute = async (plan: PrunePlan, evidence?: ReadonlySet<Id>): Promise<void> => {
      reportPlan(plan, output);
      const result = dryRun ? undefined : await executePrune(repository, plan, { signal, onProgress });
      reportResult(plan, result, output);
      if (!dryRun) await tidy({ output }, repository, { signal, only: evidence });
    };
    const { removalPlans: plans } = repository.backend;
    if (plans !== undefined && !dryRun) {
      const report = (plan: PrunePlan): void => reportPlan(plan, output);
      const bound = { repository, plans, plan: planned, execute, report };
      return (await pruneByPlans(context, bound, { signal })) ? "waiting" : "done";
    }
    await execute(await planned());
    return "done";
  } finally {
    stop();
  }
}

/** Records of evidence that say nothing any more. What is left of them takes little room: no reason for a prune to fail. */
async function tidy(
  { output }: Pick<CommandContext, "output">,
  repository: Repository,
  { signal, only }: { signal: AbortSignal; only: ReadonlySet<Id> | undefined },
): Promise<void> {
  try {
    const removed = await tidyEvidence(repository, { signal, nowMs: Date.now(), only });
    if (removed > 0) output.message(`removed ${plural(removed, "record")} of evidence that say nothing any more`, 1);
  } catch (error) {
    signal.throwIfAborted();
    output.warn(`records of evidence were not tidied up: ${messageOf(error)}`, { during: "evidence" });
  }
}
