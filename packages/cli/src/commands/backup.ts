/** `holdfast backup`: makes a snapshot. */
import {
  Backup,
  type BackupOptions,
  type BackupResult,
  repositoryFolder,
  type SelectionRules,
  type StoredSnapshot,
} from "@holdfast/engine";
import { type BackupRequest, backupRequest } from "../backup/options.ts";
import { backupProgress } from "../backup/progress.ts";
import { reportPresent, recordPresent } from "../backup/present.ts";
import { reportBackup } from "../backup/report.ts";
import { tellBackup } from "../backup/tell.ts";
import { reportShrinkage, shrinkageOf } from "../backup/shrinkage.ts";
import type { CommandContext, RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { SHRINK_EXPECTED } from "../forget/limit-options.ts";
import { findLateness } from "../object-lock/lateness.ts";
import { showProgress } from "../output/progress.ts";
import { type Session, withSession } from "../repository-session.ts";
import { noteSnapshot, noticeLostHistory } from "../seen/history.ts";
import { meantSources } from "../sources/meant-sources.ts";
import { parsePercent } from "../values/percent.ts";

export const run: RunCommand = async (context) => {
  const meant = takesSources(context) ? await meantSources(context) : undefined;
  return meant === undefined
    ? backupPaths(context)
    : (await import("../sources/backup-sources.ts")).backupSources(context, meant);
};

/** Lists of paths and streams say themselves what is to be stored. */
function takesSources({ options }: CommandContext): boolean {
  const others = ["stdin", "stdin-from-command", "files-from", "files-from-verbatim", "files-from-raw"];
  return others.every((option) => options.count(option) === 0);
}

async function backupPaths(context: CommandContext): Promise<number> {
  const request = await backupRequest(context);
  const { dryRun } = request;
  const { options, output } = context;
  // What comes from elsewhere is not taken before the repository is locked for it; a parent by its name has to be found.
  const mayBeFirst = !dryRun && request.given === undefined && request.parent.kind !== "id";
  const maxShrinkPercent = options.parsed("max-shrink", SHRINK_EXPECTED, parsePercent);
  const result = await withSession(
    context,
    (session) => {
      const work = (signal: AbortSignal, asFirst?: BackupOptions["asFirst"]): Promise<BackupResult> =>
        backUp(context, session, { ...request, asFirst }, signal);
      if (dryRun) return work(context.signal);
      return mayBeFirst ? session.lockedAhead(work) : session.locked("append", (signal) => work(signal));
    },
    { whileOpening: () => Backup.startThreads(request.workers), use: mayBeFirst ? "adds" : "reads" },
  );
  const shrinkage = shrinkageOf(result, maxShrinkPercent === undefined ? undefined : maxShrinkPercent / 100);
  reportBackup(result, output, { dryRun, shrinkage });
  if (shrinkage !== undefined) reportShrinkage(shrinkage, result, output);
  if (reportPresent(result, output)) return EXIT.damage;
  if (shrinkage !== undefined && options.flag("fail-if-shrunk")) return EXIT.shrunk;
  return result.problems.unreadable > 0 ? EXIT.incomplete : EXIT.ok;
}

/** Makes the snapshot, and looks at what was there before with what this machine remembers. */
async function backUp(
  context: CommandContext,
  session: Session,
  request: BackupRequest & Pick<BackupOptions, "asFirst">,
  signal: AbortSignal,
): Promise<BackupResult> {
  const { repository } = session;
  const beganAtMs = Date.now();
  let there: readonly StoredSnapshot[] = [];
  const backup = new Backup(repository, {
    ...request,
    rules: { ...request.rules, repository: leftOut(context, repository.backend.location) },
    signal,
    onEvent: (event) => {
      if (event.kind === "snapshots") there = event.snapshots;
      else tellBackup(context, event);
    },
  });
  // It has to do with what was there before, and is not waited for at the end.
  const over = new AbortController();
  const late = findLateness(context, repository, {
    signal: AbortSignal.any([signal, over.signal]),
    during: "backup",
  });
  late.catch(() => {});
  const made = await runBackup(context, backup).catch(async (error: unknown) => {
    over.abort(error);
    await late.catch(() => {});
    throw error;
  });
  const { source, snapshotId: id } = made;
  const timeNs = request.timeNs ?? made.startedAtNs;
  await noticeLostHistory(context, repository, there);
  if (id !== undefined) await noteSnapshot(context, repository, { source, id, timeNs }, there);
  await recordPresent(context, session, made, { signal, beganAtMs });
  const tellIfLate = await late;
  tellIfLate();
  return made;
}

async function runBackup({ output, variables }: CommandContext, backup: Backup): Promise<BackupResult> {
  const progress = showProgress(backupProgress(backup), output, variables);
  try {
    return await backup.run();
  } finally {
    progress.stop();
  }
}

/** The folder of a repository of this machine, which a backup leaves out unless it is asked not to. */
function leftOut({ options }: CommandContext, location: string): SelectionRules["repository"] {
  return options.flag("include-repository") ? undefined : repositoryFolder(location);
}
