/** `holdfast backup` of sources of the configuration. */
import { Backup, type BackupResult } from "@holdfast/engine";
import type { OpenedSource, SourceConfiguration } from "@holdfast/protection/configured";
import type { SourceWarning } from "@holdfast/sources";
import { type BackupSettings, backupSettings } from "../backup/options.ts";
import { backupProgress } from "../backup/progress.ts";
import { reportBackup } from "../backup/report.ts";
import { tellBackup } from "../backup/tell.ts";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT, exitCodeOf } from "../exit.ts";
import { showProgress } from "../output/progress.ts";
import { safeText } from "../output/safe-text.ts";
import { toldError } from "../output/told-error.ts";
import { withSession } from "../repository-session.ts";
import type { MeantSources } from "./meant-sources.ts";
import { refuseOptions } from "./refuse-options.ts";
import { repositoriesOf } from "./source-repositories.ts";
import { sourceRun } from "./source-run.ts";

const HELP = "holdfast help backup";

/** Each source into each of its repositories. One that fails keeps no other from being stored; the first failure is the exit code. */
export async function backupSources(
  context: CommandContext,
  { configuration, sources }: MeantSources,
): Promise<number> {
  const { output, signal } = context;
  const { captureSource, withSource } = await import("@holdfast/protection/configured");
  refuseOptions(context, ["tag", "host", "time", "dry-run", "skip-if-unchanged", "no-scan", "read-concurrency"], HELP);
  if (sources.length === 0)
    throw cliError("CLI_USAGE", { problem: `${configuration.path} has no sources`, help: HELP });
  const request = backupSettings(context);
  let code: number = EXIT.ok;
  let warned = false;
  const onWarning = (source: SourceConfiguration, { message }: SourceWarning): void => {
    warned = true;
    output.warn(`source ${source.name}: ${safeText(message)}`, { during: "backup", item: source.name });
  };
  const failed = (source: SourceConfiguration, error: unknown): void => {
    signal.throwIfAborted();
    output.warn(`source ${source.name} is not stored: ${toldError(error)}`, {
      during: "backup",
      item: source.name,
    });
    if (code === EXIT.ok || code === EXIT.incomplete) code = exitCodeOf(error);
  };
  for (const source of sources) {
    signal.throwIfAborted();
    try {
      for (const target of await repositoriesOf(context, configuration, source)) {
        const { chosen } = target;
        output.message(`source ${source.name}${chosen === undefined ? "" : ` to ${chosen.name}`}`);
        const result = await withSource(configuration, source, sourceRun(context, request.hostname), (opened) =>
          intoRepository(target, { opened, source, request, captureSource, onWarning }),
        );
        reportBackup(result, output, { dryRun: request.dryRun });
        if ((result.problems.unreadable > 0 || warned) && code === EXIT.ok) code = EXIT.incomplete;
      }
    } catch (error) {
      failed(source, error);
    }
  }
  return code;
}

interface Capturing {
  readonly opened: OpenedSource;
  readonly source: SourceConfiguration;
  readonly request: BackupSettings;
  readonly captureSource: typeof import("@holdfast/protection/configured").captureSource;
  onWarning(source: SourceConfiguration, warning: SourceWarning): void;
}

function intoRepository(context: CommandContext, capturing: Capturing): Promise<BackupResult> {
  const { output, variables } = context;
  const { opened, source, request, captureSource, onWarning } = capturing;
  return withSession(
    context,
    (session) => {
      let shown: { stop(): void } | undefined;
      const work = (signal: AbortSignal): Promise<BackupResult> =>
        captureSource(session.repository, {
          opened,
          backup: { ...request, tags: [...request.tags, ...source.tags] },
          signal,
          onWarning: (warning) => onWarning(source, warning),
          onEvent: (event) => tellBackup(context, event),
          onBackup: (backup) => {
            shown = showProgress(backupProgress(backup), output, variables);
          },
        }).finally(() => shown?.stop());
      return request.dryRun ? work(context.signal) : session.locked("append", work);
    },
    { whileOpening: () => Backup.startThreads(request.workers) },
  );
}
