/** `holdfast start`: protects this machine, or the paths that are named, and proves that the copy can be restored. */
import { homedir, hostname } from "node:os";
import { dirname, resolve } from "node:path";
import {
  criticalFiles,
  namedFiles,
  openOwnRepository,
  protect,
  requireRoom,
  type CriticalFiles,
  type ProtectResult,
} from "@holdfast/protection";
import { displayPath, type Repository } from "@holdfast/engine";
import { backupProgress } from "../backup/progress.ts";
import { reportShrinkage, shrinkageOf } from "../backup/shrinkage.ts";
import { reportProblem } from "../backup/report.ts";
import { checkProgress } from "../check/progress.ts";
import type { CommandContext, RunCommand } from "../context.ts";
import { warnUnrecorded } from "../evidence/record.ts";
import { EXIT } from "../exit.ts";
import { showProgress } from "../output/progress.ts";
import { formatBytes, plural } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { reportPlaces, reportProof, reportRestoreCommand } from "../start/report.ts";
import { namedLocation, ownPlaces } from "../repository-location.ts";
import { currentUser } from "../values/key-origin.ts";
import { programVersion } from "../version.ts";

export const run: RunCommand = async (context) => {
  const result =
    (await namedLocation(context)) !== undefined
      ? await withSession(context, ({ repository, hasCache }) =>
          protectInto(context, repository, repository.backend.location, { hasCache }),
        )
      : await protectAtHome(context);
  if (!result.proven) return EXIT.damage;
  return result.backup.problems.unreadable > 0 ? EXIT.incomplete : EXIT.ok;
};

/** Nobody named a repository: the one in the user's data folder, made at the first run. */
async function protectAtHome(context: CommandContext): Promise<ProtectResult> {
  const { signal, output } = context;
  const places = ownPlaces(context);
  const { repository, isNew } = await openOwnRepository(places, {
    signal,
    hostname: hostname(),
    username: currentUser(),
  });
  try {
    if (isNew) reportPlaces(places, output);
    const result = await protectInto(context, repository, places.repository, { isNew });
    reportRestoreCommand(result, output);
    return result;
  } finally {
    await repository.close();
  }
}

async function protectInto(
  context: CommandContext,
  repository: Repository,
  location: string,
  { isNew = false, hasCache = false } = {},
): Promise<ProtectResult> {
  const { args, output, signal } = context;
  const files =
    args.length === 0
      ? criticalFiles(homedir(), resolve(location))
      : namedFiles(
          args.map((path) => resolve(path)),
          resolve(location),
        );
  output.message(`protecting ${files.targets.map(displayPath).join(" and ")}`);
  if (isNew) await announceSize(context, files, dirname(location));
  const result = await withSteps(context, (onStep) =>
    protect({
      repository,
      files,
      identity: {
        hostname: hostname(),
        username: currentUser(),
        uid: process.getuid?.() ?? 0,
        gid: process.getgid?.() ?? 0,
      },
      programVersion: `holdfast ${programVersion()}`,
      signal,
      onStep,
      onProblem: (problem) => reportProblem(problem, output),
      onUnrecorded: (error) => warnUnrecorded(context, error),
      hasCache,
    }),
  );
  reportProof(result, location, output);
  // What is proven to be restorable may still be much less than it was.
  const shrinkage = shrinkageOf(result.backup);
  if (shrinkage !== undefined) reportShrinkage(shrinkage, result.backup, output);
  return result;
}

async function announceSize({ output, signal }: CommandContext, files: CriticalFiles, folder: string): Promise<void> {
  const { files: count, bytes } = await requireRoom(files, folder, { signal });
  output.message(`${plural(count, "file")}, ${formatBytes(bytes)}`);
}

type OnStep = Parameters<typeof protect>[0]["onStep"];

/** Shows the progress of each step while it lasts. */
async function withSteps<T>({ output, variables }: CommandContext, work: (onStep: OnStep) => Promise<T>): Promise<T> {
  let shown: { stop(): void } | undefined;
  const next: OnStep = (step) => {
    shown?.stop();
    shown = undefined;
    if (step.kind === "restore") return output.message("restoring a random sample and comparing it with the source");
    const view = step.kind === "backup" ? backupProgress(step.work) : checkProgress(step.work);
    if (step.kind === "check") output.message("checking the repository");
    shown = showProgress(view, output, variables);
  };
  try {
    return await work(next);
  } finally {
    shown?.stop();
  }
}
