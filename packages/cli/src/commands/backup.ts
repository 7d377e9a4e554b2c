/** `holdfast backup`: makes a snapshot. */
import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { Backup, type BackupEvent, type BackupResult, fsPath, type SelectionRules } from "@holdfast/engine";
import { backupRequest } from "../backup/options.ts";
import { reportCounted, reportItem } from "../backup/item-report.ts";
import { backupProgress } from "../backup/progress.ts";
import { reportBackup, reportProblem, reportRepository } from "../backup/report.ts";
import type { CommandContext, RunCommand } from "../context.ts";
import { warnUnrecorded } from "../evidence/record.ts";
import { EXIT } from "../exit.ts";
import { warnIfLate } from "../object-lock/lateness.ts";
import { showProgress } from "../output/progress.ts";
import { withSession } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";

export const run: RunCommand = async (context) => {
  const request = await backupRequest(context);
  const { dryRun } = request;
  const result = await withSession(
    context,
    (session) => {
      const work = async (signal: AbortSignal): Promise<BackupResult> => {
        const backup = new Backup(session.repository, {
          ...request,
          rules: { ...request.rules, repository: leftOut(context, session.repository.backend.location) },
          signal,
          onEvent: (event) => tell(context, event),
        });
        const made = await runBackup(context, backup);
        await warnIfLate(context, session.repository, { signal, during: "backup" });
        return made;
      };
      return dryRun ? work(context.signal) : session.locked("append", work);
    },
    { whileOpening: () => Backup.startThreads(request.workers) },
  );
  reportBackup(result, context.output, { dryRun });
  return result.problems.unreadable > 0 ? EXIT.incomplete : EXIT.ok;
};

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
  if (options.flag("include-repository") || !isAbsolute(location)) return undefined;
  const { dev, ino } = statSync(fsPath(location), { bigint: true });
  return { deviceId: dev, inode: ino };
}

function tell({ output }: CommandContext, event: BackupEvent): void {
  if (event.kind === "problem") reportProblem(event.problem, output);
  else if (event.kind === "unrecorded") warnUnrecorded({ output }, event.error);
  else if (event.kind === "item") reportItem(event.item, output);
  else if (event.kind === "counted") reportCounted(event, output);
  else if (event.kind === "repository") reportRepository(event.path, output);
  else if (event.kind === "parent") {
    output.message(
      event.id === undefined
        ? "there is no parent snapshot: every file is read"
        : `the parent is snapshot ${shortId(event.id)}`,
      1,
    );
  }
}
