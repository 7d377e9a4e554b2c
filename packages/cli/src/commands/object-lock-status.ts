/** `holdfast object-lock status`: whether all that snapshots need is locked, and the job that extends locks is in time. */
import { parseDuration } from "@holdfast/base";
import { type LockStatus, lockStatus, type ProtectionDue, protectionDue } from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { judgeNow } from "../object-lock/lateness.ts";
import { type LockProgress, lockProgress } from "../object-lock/progress.ts";
import { reportStatus } from "../object-lock/report.ts";
import { showProgress } from "../output/progress.ts";
import { type Session, withSession } from "../repository-session.ts";

const WEEK_MS = 7 * 86_400_000;

export const run: RunCommand = (context) =>
  withSession(context, (session) => {
    const { location, capabilities } = session.repository.backend;
    if (capabilities.tellsRetention !== true) throw cliError("CLI_NO_LOCKS_HERE", { location });
    return session.locked("look", (signal) => tell(context, session, signal));
  });

async function tell(context: CommandContext, session: Session, signal: AbortSignal): Promise<number> {
  const { options, output } = context;
  const duration = (name: string): number | undefined =>
    options.parsed(name, "give a duration such as 2d or 36h", parseDuration);
  const withinMs = duration("within") ?? WEEK_MS;
  const lateAfterMs = duration("late-after");
  const graceMs = duration("grace");
  const { standing, nowMs } = await judgeNow(context, session.repository, { signal, lateAfterMs });
  const due = protectionDue(standing, nowMs);
  const locks = options.flag("quick")
    ? undefined
    : await lookAtLocks(context, session, { signal, withinMs, graceMs, due });
  const isAlarm = reportStatus({ standing, due, nowMs, locks, withinMs }, output);
  return isAlarm ? EXIT.incomplete : EXIT.ok;
}

interface LookOptions {
  readonly signal: AbortSignal;
  readonly withinMs: number;
  readonly graceMs: number | undefined;
  readonly due: ProtectionDue;
}

async function lookAtLocks(
  { output, variables }: CommandContext,
  { repository }: Session,
  { due, ...settings }: LookOptions,
): Promise<LockStatus> {
  let progress: LockProgress = { phase: "index", done: 0, total: 0 };
  const { stop } = showProgress(
    lockProgress(() => progress),
    output,
    variables,
  );
  const onProgress = (next: LockProgress): void => {
    progress = next;
  };
  try {
    return await lockStatus(repository, { ...settings, dueMs: due.atMs, onProgress });
  } finally {
    stop();
  }
}
