/** `holdfast backup` of sources of the configuration. */
import { isHoldfastError } from "@holdfast/base";
import { Backup, type BackupResult } from "@holdfast/engine";
import type { OpenedSource, SourceConfiguration } from "@holdfast/protection/configured";
import type { SourceWarning } from "@holdfast/sources";
import { type BackupSettings, backupSettings } from "../backup/options.ts";
import { backupProgress } from "../backup/progress.ts";
import { reportBackup } from "../backup/report.ts";
import { reportShrinkage, shrinkageOf } from "../backup/shrinkage.ts";
import { tellBackup } from "../backup/tell.ts";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT, exitCodeOf } from "../exit.ts";
import { SHRINK_EXPECTED } from "../forget/limit-options.ts";
import { showProgress } from "../output/progress.ts";
import { safeText } from "../output/safe-text.ts";
import { toldError } from "../output/told-error.ts";
import { withSession } from "../repository-session.ts";
import { parsePercent } from "../values/percent.ts";
import { type StoredCapture, copyCapture } from "./copy-capture.ts";
import type { MeantSources } from "./meant-sources.ts";
import { refuseOptions } from "./refuse-options.ts";
import { repositoriesOf } from "./source-repositories.ts";
import { sourceRun } from "./source-run.ts";

const HELP = "holdfast help backup";
/** What a backup of sources takes of the options for files. */
const TAKEN = [
  "tag",
  "host",
  "time",
  "dry-run",
  "skip-if-unchanged",
  "no-scan",
  "read-concurrency",
  "max-shrink",
  "fail-if-shrunk",
];

/**
 * Each source is captured into the first of its repositories and copied from there into the others, so that all have the same
 * moment. One that fails keeps no other from being stored; the first failure is the exit code.
 */
export async function backupSources(context: CommandContext, meant: MeantSources): Promise<number> {
  refuseOptions(context, TAKEN, HELP);
  const { configuration, sources } = meant;
  if (sources.length === 0) {
    throw cliError("CLI_USAGE", { problem: `${configuration.path} has no sources`, help: HELP });
  }
  const run = new SourcesRun(context, configuration);
  for (const source of sources) await run.store(source);
  return run.code;
}

class SourcesRun {
  readonly #context: CommandContext;
  readonly #configuration: MeantSources["configuration"];
  readonly #request: BackupSettings;
  readonly #maxShrink: number | undefined;
  #code: number = EXIT.ok;

  constructor(context: CommandContext, configuration: MeantSources["configuration"]) {
    this.#context = context;
    this.#configuration = configuration;
    this.#request = backupSettings(context);
    const percent = context.options.parsed("max-shrink", SHRINK_EXPECTED, parsePercent);
    this.#maxShrink = percent === undefined ? undefined : percent / 100;
  }

  /** The first failure; else whether everything is whole. */
  get code(): number {
    return this.#code;
  }

  /** @throws only the signal's reason */
  async store(source: SourceConfiguration): Promise<void> {
    const { output, signal } = this.#context;
    signal.throwIfAborted();
    let stored: StoredCapture | undefined;
    for (const target of await this.#targetsOf(source)) {
      const to = target.chosen === undefined ? "" : ` to ${target.chosen.name}`;
      output.message(`${stored === undefined ? "" : "copying "}source ${source.name}${to}`);
      try {
        if (stored === undefined) stored = await this.#capture(source, target);
        else if (!(await copyCapture(stored, target))) this.#mind(EXIT.incomplete);
      } catch (error) {
        const isFaultOfSource = isHoldfastError(error) && error.code.startsWith("SOURCES_");
        this.#failed(source, error, isFaultOfSource ? "" : to);
        // It would fail again; where only its repository did, the next one takes the capture.
        if (isFaultOfSource) return;
      }
    }
  }

  async #targetsOf(source: SourceConfiguration): Promise<readonly CommandContext[]> {
    try {
      return await repositoriesOf(this.#context, this.#configuration, source);
    } catch (error) {
      this.#failed(source, error);
      return [];
    }
  }

  async #capture(source: SourceConfiguration, target: CommandContext): Promise<StoredCapture | undefined> {
    const { output, options } = this.#context;
    const { withSource } = await import("@holdfast/protection/configured");
    const run = sourceRun(this.#context, this.#request.hostname);
    const result = await withSource(this.#configuration, source, run, (opened) =>
      this.#intoRepository(target, opened, source),
    );
    const shrinkage = shrinkageOf(result, this.#maxShrink);
    reportBackup(result, output, { dryRun: this.#request.dryRun, shrinkage });
    if (shrinkage !== undefined) {
      reportShrinkage(shrinkage, result, output);
      if (options.flag("fail-if-shrunk")) this.#mind(EXIT.shrunk);
    }
    if (result.problems.unreadable > 0) this.#mind(EXIT.incomplete);
    return result.snapshotId === undefined ? undefined : { context: target, id: result.snapshotId };
  }

  async #intoRepository(
    context: CommandContext,
    opened: OpenedSource,
    source: SourceConfiguration,
  ): Promise<BackupResult> {
    const { output, variables } = context;
    const { captureSource } = await import("@holdfast/protection/configured");
    const request = this.#request;
    return withSession(
      context,
      (session) => {
        let shown: { stop(): void } | undefined;
        const work = (signal: AbortSignal): Promise<BackupResult> =>
          captureSource(session.repository, {
            opened,
            backup: { ...request, tags: [...request.tags, ...source.tags] },
            signal,
            onWarning: (warning) => this.#warn(source, warning),
            onEvent: (event) => tellBackup(context, event),
            onBackup: (backup) => {
              shown = showProgress(backupProgress(backup), output, variables);
            },
          }).finally(() => shown?.stop());
        return request.dryRun ? work(context.signal) : session.locked("append", work);
      },
      { whileOpening: () => Backup.startThreads(request.workers), use: "reads" },
    );
  }

  #warn(source: SourceConfiguration, { message }: SourceWarning): void {
    this.#mind(EXIT.incomplete);
    const item = source.name;
    this.#context.output.warn(`source ${item}: ${safeText(message)}`, { during: "backup", item });
  }

  #failed(source: SourceConfiguration, error: unknown, to = ""): void {
    const { output, signal } = this.#context;
    signal.throwIfAborted();
    const item = source.name;
    output.warn(`source ${item} is not stored${to}: ${toldError(error)}`, { during: "backup", item });
    if (this.#code === EXIT.incomplete) this.#code = EXIT.ok;
    this.#mind(exitCodeOf(error));
  }

  /** The first that matters stays, but what failed outweighs what is not whole. */
  #mind(code: number): void {
    if (this.#code === EXIT.ok) this.#code = code;
  }
}
