/** `holdfast copy`: copies snapshots from another repository. */
import { messageOf } from "@holdfast/base";
import { Copy, type CopyResult, type Id, type StoredSnapshot } from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { copyProgress } from "../copy/progress.ts";
import { copyReporter, reportCopy } from "../copy/report.ts";
import { lockedBoth, type TwoSessions, withTwoSessions } from "../copy/two-repositories.ts";
import { type MadeSnapshot, carryIncomplete } from "../evidence/carry.ts";
import { EXIT } from "../exit.ts";
import { showProgress } from "../output/progress.ts";
import { noticeLostSource } from "../seen/history.ts";
import { chosenSnapshots, snapshotFilter } from "../snapshot-choice.ts";
import { packOptions } from "../values/pack-options.ts";

export const run: RunCommand = async (context) => {
  const dryRun = context.options.flag("dry-run");
  const packs = packOptions(context.options);
  const { result, unreadable } = await withTwoSessions(context, (sessions) =>
    lockedBoth(context, sessions, dryRun ? "read" : "append", (signal) =>
      copySnapshots(context, sessions, { ...packs, dryRun, signal }),
    ),
  );
  reportCopy(result, context.output, { dryRun });
  return result.incomplete.length + unreadable > 0 ? EXIT.incomplete : EXIT.ok;
};

type Settings = ReturnType<typeof packOptions> & { readonly dryRun: boolean; readonly signal: AbortSignal };

async function copySnapshots(
  context: CommandContext,
  { own, from }: TwoSessions,
  settings: Settings,
): Promise<{ result: CopyResult; unreadable: number }> {
  const { args, options, output, variables } = context;
  const beganAtMs = Date.now();
  const filter = snapshotFilter(options);
  let unreadable = 0;
  const onDamaged = (id: string, error: unknown): void => {
    unreadable++;
    output.warn(`not copied, in the other repository: ${messageOf(error)}`, { during: "copy", item: id });
  };
  const snapshots = await chosenSnapshots(from.repository, { names: args, filter, onDamaged }, settings);
  const report = copyReporter(output);
  let target: readonly StoredSnapshot[] = [];
  const copy = new Copy({
    ...settings,
    from: from.repository,
    to: own.repository,
    snapshots,
    onEvent: (event) => {
      if (event.kind === "target") target = event.snapshots;
      else report(event);
      if (event.kind === "begun" && hasOtherCuts({ own, from })) output.warn(OTHER_CUTS, { during: "copy" });
    },
  });
  const progress = showProgress(copyProgress(copy), output, variables);
  try {
    const result = await copy.run();
    // Of a choice of snapshots nobody can say what is missing.
    const isWhole = args.length === 0 && Object.values(filter).every((list) => (list ?? []).length === 0);
    if (isWhole && unreadable === 0) await noticeLostSource(context, from.repository, snapshots, target);
    if (!settings.dryRun)
      await carryIncomplete(context, { from, to: own }, copiesOf(result), { ...settings, run: "copy", beganAtMs });
    return { result, unreadable };
  } finally {
    progress.stop();
  }
}

/** Also those of earlier runs: one may have been cut off before it recorded anything. */
function copiesOf({ copied, skipped }: CopyResult): MadeSnapshot[] {
  const made = ({ snapshot }: StoredSnapshot, id: Id): StoredSnapshot => ({ id, snapshot });
  return [
    ...copied.flatMap(({ source, id }) => (id === undefined ? [] : [{ source, made: made(source, id) }])),
    ...skipped.map(({ source, target }) => ({ source, made: target })),
  ];
}

const OTHER_CUTS =
  "the two repositories cut files at different places: what is copied is not stored once with what is backed up here directly. A new repository that does is made with `holdfast init --copy-chunker-params --from-repo`";

function hasOtherCuts({ own, from }: TwoSessions): boolean {
  return own.repository.config.chunkerPolynomial !== from.repository.config.chunkerPolynomial;
}
