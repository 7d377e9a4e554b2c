/** `holdfast object-lock extend`: extends the locks of all that snapshots need. */
import { parseDuration } from "@holdfast/base";
import { hostname } from "node:os";
import { DEFAULT_EVERY_MS, type ExtendOptions, type FailedLock, extendLocks } from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import type { GivenOptions } from "../given-options.ts";
import { type LockProgress, lockProgress } from "../object-lock/progress.ts";
import { reportExtended } from "../object-lock/report.ts";
import { showProgress } from "../output/progress.ts";
import { type Session, withSession } from "../repository-session.ts";
import { programVersion } from "../version.ts";

const DAY_MS = 86_400_000;
/** A lock of a mistyped century is a bill for a century. */
const MAX_FOR_MS = 3650 * DAY_MS;
/** Failures that are told one by one. */
const TOLD = 20;

export const run: RunCommand = (context) =>
  withSession(context, async (session) => {
    const { capabilities } = session.repository.backend;
    const { objectLock } = capabilities;
    if (objectLock === undefined) {
      throw cliError("CLI_NO_OBJECT_LOCK", { location: session.repository.backend.location });
    }
    const settings = { ...timesOf(context.options, objectLock.days * DAY_MS), dryRun: context.options.flag("dry-run") };
    return session.locked(settings.dryRun ? "read" : "append", (signal) =>
      extend(context, session, { ...settings, signal }),
    );
  });

type Settings = Pick<ExtendOptions, "forMs" | "everyMs" | "graceMs" | "signal"> & { readonly dryRun: boolean };

function timesOf(options: GivenOptions, defaultForMs: number): Pick<Settings, "forMs" | "everyMs" | "graceMs"> {
  const within = (text: string): number | undefined => {
    const ms = parseDuration(text);
    return ms !== undefined && ms > 0 && ms <= MAX_FOR_MS ? ms : undefined;
  };
  return {
    forMs: options.parsed("for", "give a duration such as 30d, at most 3650d", within) ?? defaultForMs,
    everyMs: options.parsed("every", "give a duration such as 1d, at most 3650d", within) ?? DEFAULT_EVERY_MS,
    graceMs: options.parsed("grace", "give a duration such as 7d, or 0", parseDuration),
  };
}

async function extend(context: CommandContext, session: Session, settings: Settings): Promise<number> {
  const { output, variables } = context;
  let progress: LockProgress = { phase: "index", done: 0, total: 0 };
  const { stop } = showProgress(
    lockProgress(() => progress),
    output,
    variables,
  );
  let told = 0;
  const onFailed = ({ key, error }: FailedLock): void => {
    if (++told > TOLD) return;
    output.warn(`not locked: ${key.type} ${key.name}: ${error.message}`, { during: "object-lock", item: key.name });
  };
  try {
    const result = await extendLocks(session.repository, {
      ...settings,
      hostname: hostname(),
      programVersion: `holdfast ${programVersion()}`,
      onProgress: (next) => {
        progress = next;
      },
      onFailed,
    });
    stop();
    reportExtended(result, output);
    return result.failed > 0 ? EXIT.incomplete : EXIT.ok;
  } finally {
    stop();
  }
}
