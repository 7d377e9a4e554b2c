/** `holdfast rewrite`: leaves files out of snapshots that exist, and changes what is noted of them. */
import { isHoldfastError } from "@holdfast/base";
import {
  type Id,
  type RewriteRequest,
  type RewriteResult,
  type SnapshotOutcome,
  displayPath,
  rewriteSnapshots,
} from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { type MadeSnapshot, carryIncomplete } from "../evidence/carry.ts";
import { EXIT } from "../exit.ts";
import { refuseUnplanned } from "../removal/refuse-unplanned.ts";
import { stepProgress } from "../repair/step-progress.ts";
import { type Session, withSession } from "../repository-session.ts";
import { reportOutcome, reportRequest, reportRewrite } from "../rewrite/report.ts";
import { findWholeSnapshot, snapshotFilter } from "../snapshot-choice.ts";
import { packOptions } from "../values/pack-options.ts";
import { patternOptions } from "../values/pattern-options.ts";
import { parseTime } from "../values/time.ts";

export const run: RunCommand = async (context) => {
  const { options, output } = context;
  const request = await rewriteRequest(context);
  const dryRun = options.flag("dry-run");
  const forget = options.flag("forget");
  return withSession(context, (session) =>
    session.locked(dryRun ? "read" : forget ? "exclusive" : "append", async (signal) => {
      if (forget && !dryRun) refuseUnplanned(session.repository, "rewrite --forget");
      reportRequest(request, output);
      const result = await rewrite(context, session, { request, forget, dryRun }, signal);
      reportRewrite(result, request, output, { dryRun, forget });
      return exitCode(result);
    }),
  );
};

/** @throws CLI_USAGE, CLI_OPTIONS_CONFLICT, CLI_INVALID_VALUE, CLI_FILE_UNREADABLE */
async function rewriteRequest(context: CommandContext): Promise<RewriteRequest> {
  const { options } = context;
  const exclude = await patternOptions(context, "exclude");
  const include = await patternOptions(context, "include");
  const hostname = options.text("new-host");
  const timeNs = options.parsed("new-time", "give a time such as '2026-11-01 22:08:41'", (text) => parseTime(text));
  const summary = options.flag("snapshot-summary");
  if (exclude.length > 0 && include.length > 0) {
    const reason = "one says what goes, the other what alone stays";
    throw cliError("CLI_OPTIONS_CONFLICT", { first: "--exclude", second: "--include", reason });
  }
  if (hostname === "") {
    throw cliError("CLI_INVALID_VALUE", { value: "", option: "--new-host", expected: "give a host name" });
  }
  const isNothing = exclude.length + include.length === 0 && hostname === undefined && timeNs === undefined && !summary;
  if (isNothing) {
    const problem = "nothing to change: give --exclude, --include, --new-host, --new-time or --snapshot-summary";
    throw cliError("CLI_USAGE", { problem, help: "holdfast help rewrite" });
  }
  return { exclude, include, hostname, timeNs, summary };
}

async function rewrite(
  context: CommandContext,
  session: Session,
  { request, forget, dryRun }: { request: RewriteRequest; forget: boolean; dryRun: boolean },
  signal: AbortSignal,
): Promise<RewriteResult> {
  const { args, options, output } = context;
  const { repository } = session;
  const beganAtMs = Date.now();
  const filter = snapshotFilter(options);
  const ids: Id[] = [];
  for (const name of args) ids.push((await findWholeSnapshot(repository, name, { signal, filter })).id);
  const steps = stepProgress(context, "snapshots rewritten");
  const onSnapshot = (outcome: SnapshotOutcome, done: number, total: number): void => {
    steps.tell({ done, total });
    reportOutcome(outcome, output);
  };
  const namesEntries = output.settings.verbosity >= 2;
  const result = await rewriteSnapshots(repository, request, {
    signal,
    forget,
    dryRun,
    ...(ids.length === 0 ? { filter } : { ids }),
    ...packOptions(options),
    onSnapshot,
    ...(namesEntries ? { onLeftOut: (path: string) => tellLeftOut(path, context) } : {}),
  }).finally(() => steps.stop());
  await carryIncomplete(context, { from: session, to: session }, newForms(result), {
    signal,
    run: "rewrite",
    beganAtMs,
  });
  return result;
}

function newForms({ outcomes, saved }: RewriteResult): MadeSnapshot[] {
  const ids = new Map(saved.map(({ old, rewritten }) => [old, rewritten]));
  return outcomes.flatMap(({ old: source, form }) => {
    const id = ids.get(source.id);
    if (id === undefined || form === undefined) return [];
    return [{ source, made: { id, snapshot: { ...form, timeNs: source.snapshot.timeNs } } }];
  });
}

function tellLeftOut(path: string, { output }: CommandContext): void {
  if (output.settings.json) output.printJson({ message_type: "verbose_status", action: "excluded", item: path });
  else output.print(`leaving out ${displayPath(path)}`);
}

/** What was refused decides: damage before all else. A run that did all the rest did not do what it was asked. */
function exitCode({ outcomes, unreadable }: RewriteResult): number {
  const refused = outcomes.flatMap(({ error }) => (error === undefined ? [] : [error]));
  // What is stored and cannot be found is damage here.
  const isDamage = (error: Error): boolean =>
    isHoldfastError(error) && (error.kind === "corrupt" || error.kind === "not-found");
  if (unreadable.length > 0 || refused.some(isDamage)) return EXIT.damage;
  return refused.length > 0 ? EXIT.failure : EXIT.ok;
}
