/** Whether the job that extends locks is late: for the command that tells it, and as a warning of others. */
import { messageOf } from "@holdfast/base";
import { type Id, type JobStanding, type Repository, firstLock, judgeJob, listLockRuns } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { formatLocalTime } from "../output/units.ts";

interface JudgeOptions {
  readonly signal: AbortSignal;
  readonly lateAfterMs?: number | undefined;
}

/** How the job stands by the store's clock. @throws what the backend throws */
export async function judgeNow(
  { output }: Pick<CommandContext, "output">,
  repository: Repository,
  { signal, lateAfterMs }: JudgeOptions,
): Promise<{ readonly standing: JobStanding; readonly nowMs: number }> {
  const onDamaged = (id: Id, error: unknown): void =>
    output.warn(`a record of a run that extends locks cannot be read: ${messageOf(error)}`, {
      during: "object-lock",
      item: id,
    });
  const runs = await listLockRuns(repository, { signal, onDamaged });
  const { untilMs: firstLockMs, nowMs } = await firstLock(repository, { signal });
  return { standing: judgeJob(runs, { nowMs, lateAfterMs, firstLockMs }), nowMs };
}

interface LatenessOptions {
  readonly signal: AbortSignal;
  readonly during: string;
}

/**
 * Warns when the job is late, where files are locked: because this run locks what it stores, or because the job ran once. That it
 * cannot be found out is told with --verbose, and fails nothing.
 */
export async function warnIfLate(
  context: Pick<CommandContext, "output">,
  repository: Repository,
  options: LatenessOptions,
): Promise<void> {
  const tell = await findLateness(context, repository, options);
  tell();
}

/** Finds out what `warnIfLate` warns of. @returns what does so. @throws the signal's reason */
export async function findLateness(
  context: Pick<CommandContext, "output">,
  repository: Repository,
  { signal, during }: LatenessOptions,
): Promise<() => void> {
  const { capabilities } = repository.backend;
  if (capabilities.tellsRetention !== true || capabilities.isReadOnly === true) return () => {};
  try {
    const { standing } = await judgeNow(context, repository, { signal });
    if (!standing.isLate) return () => {};
    if (standing.lastRun === undefined && capabilities.objectLock === undefined) return () => {};
    const text = `${latenessText(standing)}. Run \`holdfast object-lock extend\`, and see to its timer`;
    return () => context.output.warn(text, { during });
  } catch (error) {
    signal.throwIfAborted();
    const text = `whether the job that extends locks is late is not known: ${messageOf(error)}`;
    return () => context.output.message(text, 1);
  }
}

/** One line about a job that is late. */
export function latenessText({ lastRun, lastGoodMs }: JobStanding): string {
  if (lastGoodMs !== undefined)
    return `the job that extends locks is late: its last good run was at ${timeOf(lastGoodMs)}`;
  if (lastRun !== undefined) return "the job that extends locks has never locked all that snapshots need";
  return "the job that extends locks has never run, and what was stored first is not locked for long, if at all";
}

/** A moment as people here write it. @param ms milliseconds since 1970 */
export function timeOf(ms: number): string {
  return formatLocalTime(BigInt(Math.floor(ms)) * 1_000_000n);
}
