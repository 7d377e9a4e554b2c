/** A prune with its progress and reports: plan, print, execute, print. */
import { messageOf } from "@holdfast/base";
import { type PruneProgress, type Repository, executePrune, planPrune, tidyEvidence } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { showProgress } from "../output/progress.ts";
import { plural } from "../output/units.ts";
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
    if (!dryRun) await tidy({ output }, repository, signal);
  } finally {
    stop();
  }
}

/** Records of evidence that say nothing any more. What is left of them takes little room: no reason for a prune to fail. */
async function tidy(
  { output }: Pick<CommandContext, "output">,
  repository: Repository,
  signal: AbortSignal,
): Promise<void> {
  try {
    const removed = await tidyEvidence(repository, { signal, nowMs: Date.now() });
    if (removed > 0) output.message(`removed ${plural(removed, "record")} of evidence that say nothing any more`, 1);
  } catch (error) {
    signal.throwIfAborted();
    output.warn(`records of evidence were not tidied up: ${messageOf(error)}`, { during: "evidence" });
  }
}
