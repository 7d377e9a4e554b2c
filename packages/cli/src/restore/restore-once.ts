/** One restore from one copy, with others that stand by. */
import {
  type OpenedCopy,
  Restore,
  type RestoreOptions,
  type RestoreResult,
  type StoredSnapshot,
  displayPath,
} from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { recordEvidence } from "../evidence/record.ts";
import { showProgress } from "../output/progress.ts";
import { formatLocalTime } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";
import type { Choice, ReadyCopy } from "./choose-copy.ts";
import { restoreFindings } from "./findings.ts";
import { restoreProgress } from "./progress.ts";
import { reportChange } from "./report.ts";
import { spareRepository } from "./spare-repository.ts";

/** All but what depends on the copies. */
export type RestoreSettings = Omit<RestoreOptions, "signal" | "standby" | "copy">;

/** @throws as `Restore.run` */
export async function restoreOnce(
  context: CommandContext,
  { repository, index, signal, pace }: OpenedCopy,
  { wanted, place }: Choice,
  settings: RestoreSettings & Pick<RestoreOptions, "standby">,
): Promise<RestoreResult> {
  const { output, variables } = context;
  output.message(`restoring ${describe(wanted.stored)} to ${displayPath(settings.target)}`);
  const root = place.kind === "tree" ? place.id : place.node;
  const restore = new Restore(repository, index, root, {
    ...settings,
    copy: { signal, pace },
    signal: context.signal,
    onChange: (change) => reportChange(change, output),
  });
  const progress = showProgress(restoreProgress(restore), output, variables);
  try {
    return await restore.run();
  } finally {
    progress.stop();
  }
}

/** The paths inside the target where copies lie. @throws CLI_TARGET_IN_REPOSITORY */
export function spareAll({ output }: CommandContext, locations: readonly string[], target: string): string[] {
  return locations.flatMap((location) => {
    const spare = spareRepository({ location, target });
    if (spare.length > 0) output.message(`the repository itself is left alone: ${displayPath(location)}`);
    return spare;
  });
}

/** Records in each copy what was found out about the snapshot that it has. */
export async function recordFindings(
  context: CommandContext,
  { wanted, whole }: Choice,
  main: ReadyCopy,
  {
    settings,
    result,
    beganAtMs,
    isFirst,
  }: { settings: RestoreSettings; result: RestoreResult; beganAtMs: number; isFirst: boolean },
): Promise<void> {
  const { signal } = context;
  const run = { run: "restore", beganAtMs } as const;
  for (const copy of whole) {
    const { session, found } = copy.open;
    if (found === undefined || copy.open.signal.aborted) continue;
    const { location } = session.repository.backend;
    const isDamaged = result.damages.some((damage) => damage.location === location);
    const problems = copy === main && result.changes === 0 ? result.problemCounts : {};
    const problemCounts = isDamaged ? { ...problems, damaged: 1 } : problems;
    const isWhole =
      copy === main &&
      isFirst &&
      result.changes + result.damages.length === 0 &&
      wanted.subfolder === "" &&
      (settings.spare ?? []).length === 0 &&
      !session.hasCache;
    const findings = restoreFindings(found.stored, { ...result, problemCounts }, { ...settings, isWhole });
    await recordEvidence(context, session, { ...run, ...findings }, { signal });
  }
}

function describe({ id, snapshot: { timeNs, hostname } }: StoredSnapshot): string {
  return `snapshot ${shortId(id)} of ${displayPath(hostname)} at ${formatLocalTime(timeNs)}`;
}
