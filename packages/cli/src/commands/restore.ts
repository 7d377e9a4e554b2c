/** `holdfast restore`: brings a snapshot back as files. */
import { resolve } from "node:path";
import { Restore, type RestoreOptions, type RestoreResult, displayPath } from "@holdfast/engine";
import { openSnapshot } from "../browse/open-snapshot.ts";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { recordEvidence } from "../evidence/record.ts";
import { restoreFindings } from "../restore/findings.ts";
import { EXIT } from "../exit.ts";
import { showProgress } from "../output/progress.ts";
import { formatLocalTime } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { restoreProgress } from "../restore/progress.ts";
import { reportEntry, reportProblem, reportRestore } from "../restore/report.ts";
import { spareRepository } from "../restore/spare-repository.ts";
import { shortId } from "../snapshot-json.ts";
import { patternOptions } from "../values/pattern-options.ts";

type Overwrite = NonNullable<RestoreOptions["overwrite"]>;

export const run: RunCommand = async (context) => {
  const { options, output } = context;
  const settings = await restoreSettings(context);
  const dryRun = options.flag("dry-run");
  const result = await withSession(
    context,
    (session) =>
      session.locked("look", async (signal) => {
        const { location } = session.repository.backend;
        const spare = spareRepository({ location, target: settings.target });
        if (spare.length > 0) output.message(`the repository itself is left alone: ${displayPath(location)}`);
        const { stored, index, place, subfolder } = await openSnapshot(session, context.args[0] ?? "", options, {
          signal,
        });
        const { timeNs, hostname } = stored.snapshot;
        const origin = `of ${displayPath(hostname)} at ${formatLocalTime(timeNs)}`;
        output.message(`restoring snapshot ${shortId(stored.id)} ${origin} to ${displayPath(settings.target)}`);
        const root = place.kind === "tree" ? place.id : place.node;
        const restore = new Restore(session.repository, index, root, { ...settings, spare, signal });
        const beganAtMs = Date.now();
        const restored = await runRestore(context, restore);
        const isWhole = subfolder === "" && spare.length === 0 && !session.hasCache;
        const found = restoreFindings(stored, restored, { ...settings, isWhole });
        await recordEvidence(context, session, { run: "restore", beganAtMs, ...found }, { signal });
        return restored;
      }),
    { whileOpening: () => Restore.startThreads() },
  );
  reportRestore(result, output, { dryRun });
  if ((result.problemCounts.damaged ?? 0) > 0) return EXIT.damage;
  return Object.keys(result.problemCounts).length > 0 ? EXIT.incomplete : EXIT.ok;
};

async function runRestore({ output, variables }: CommandContext, restore: Restore): Promise<RestoreResult> {
  const progress = showProgress(restoreProgress(restore), output, variables);
  try {
    return await restore.run();
  } finally {
    progress.stop();
  }
}

/** @throws CLI_USAGE, CLI_OPTIONS_CONFLICT, CLI_FILE_UNREADABLE */
async function restoreSettings(context: CommandContext): Promise<Omit<RestoreOptions, "signal">> {
  const { options, output } = context;
  const target = options.text("target");
  if (target === undefined || target === "") {
    throw cliError("CLI_USAGE", {
      problem: "give --target FOLDER to say where to restore to",
      help: "holdfast help restore",
    });
  }
  const dryRun = options.flag("dry-run");
  const verify = options.flag("verify");
  if (dryRun && verify) {
    const reason = "nothing is restored that could be verified";
    throw cliError("CLI_OPTIONS_CONFLICT", { first: "--dry-run", second: "--verify", reason });
  }
  return {
    target: resolve(target),
    include: await patternOptions(context, "include"),
    exclude: await patternOptions(context, "exclude"),
    overwrite: (options.text("overwrite") ?? "always") as Overwrite,
    delete: options.flag("delete"),
    sparse: options.flag("sparse"),
    verify,
    dryRun,
    onProblem: (problem) => reportProblem(problem, output),
    ...(output.settings.verbosity >= 2 ? { onEntry: (entry) => reportEntry(entry, output) } : {}),
  };
}
