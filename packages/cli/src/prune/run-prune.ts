/** A prune with its progress and reports: plan, print, execute, print. */
import { type PruneProgress, type Repository, executePrune, planPrune } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { showProgress } from "../output/progress.ts";
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

/**
 * Prunes a repository that is locked exclusively (for a dry run shared is enough).
 * @throws what `planPrune` and `executePrune` throw
 */
export async function runPrune(
  { output, variables }: Pick<CommandContext, "output" | "variables">,
  repository: Repository,
  { signal, settings, graceMs, dryRun }: RunOptions,
): Promise<void> {
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
    const plan = await planPrune(repository, options);
    reportPlan(plan, output);
    const result = dryRun ? undefined : await executePrune(repository, plan, { signal, onProgress });
    reportResult(plan, result, output);
  } finally {
    stop();
  }
}
