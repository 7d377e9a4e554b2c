/** `holdfast restore`: brings a snapshot back as files. */
import { resolve } from "node:path";
import type { RestoreOptions } from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { restoreFromCopies } from "../restore/from-copies.ts";
import type { RestoreSettings } from "../restore/restore-once.ts";
import { reportEntry, reportProblem, reportRestore } from "../restore/report.ts";
import { meantSources } from "../sources/meant-sources.ts";
import { RESTORE_OF_SOURCES, refuseSourceOptions } from "../sources/refuse-options.ts";
import { patternOptions } from "../values/pattern-options.ts";

type Overwrite = NonNullable<RestoreOptions["overwrite"]>;

export const run: RunCommand = async (context) => {
  const meant = await meantSources(context);
  if (meant !== undefined) return (await import("../sources/restore-source.ts")).restoreSource(context, meant);
  return restoreFiles(context);
};

async function restoreFiles(context: CommandContext): Promise<number> {
  const { options, output } = context;
  refuseSourceOptions(context, RESTORE_OF_SOURCES, "holdfast help restore");
  const settings = await restoreSettings(context);
  const dryRun = options.flag("dry-run");
  const result = await restoreFromCopies(context, settings);
  reportRestore(result, output, { dryRun });
  if ((result.problemCounts.damaged ?? 0) > 0) return EXIT.damage;
  return Object.keys(result.problemCounts).length > 0 ? EXIT.incomplete : EXIT.ok;
}

/** @throws CLI_USAGE, CLI_OPTIONS_CONFLICT, CLI_FILE_UNREADABLE */
async function restoreSettings(context: CommandContext): Promise<RestoreSettings> {
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
