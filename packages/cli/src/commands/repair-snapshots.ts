/** `holdfast repair snapshots`: makes snapshots without what is lost. */
import {
  type Id,
  type KeptSnapshot,
  type SnapshotRepairPlan,
  type SnapshotRepairResult,
  displayPath,
  executeSnapshotRepair,
  keptSnapshots,
  planSnapshotRepair,
} from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { recordEvidence } from "../evidence/record.ts";
import { EXIT } from "../exit.ts";
import { safeText } from "../output/safe-text.ts";
import { plural } from "../output/units.ts";
import { refuseUnplanned } from "../removal/refuse-unplanned.ts";
import { keptJson, reportKept } from "../repair/kept-report.ts";
import { stepProgress } from "../repair/step-progress.ts";
import { type Session, withSession } from "../repository-session.ts";
import { findWholeSnapshot, snapshotFilter } from "../snapshot-choice.ts";
import { packOptions } from "../values/pack-options.ts";
import { shortId } from "../snapshot-json.ts";

export const run: RunCommand = (context) =>
  withSession(
    context,
    (session) => {
      const dryRun = context.options.flag("dry-run");
      if (!dryRun && context.options.flag("forget")) refuseUnplanned(session.repository, "repair snapshots --forget");
      const packs = packOptions(context.options);
      return session.locked(dryRun ? "read" : "exclusive", async (signal) => {
        const plan = await makePlan(context, session, signal);
        printPlan(context, plan);
        const forget = context.options.flag("forget");
        const settings = { signal, forget, forgetUnreadable: forget, ...packs };
        const result = dryRun ? undefined : await repair(context, session, plan, settings);
        const kept = result?.kept ?? (forget ? await keptSnapshots(session.repository, plan, { signal }) : []);
        reportKept(context.output, kept);
        printResult(context, plan, { result, kept });
        return kept.length > 0 ? EXIT.incomplete : EXIT.ok;
      });
    },
    { trustCache: false },
  );

/** What is made without what is lost is incomplete, whatever a later check finds of it. */
async function repair(
  context: CommandContext,
  session: Session,
  plan: SnapshotRepairPlan,
  settings: Parameters<typeof executeSnapshotRepair>[2],
): Promise<SnapshotRepairResult> {
  const beganAtMs = Date.now();
  const result = await executeSnapshotRepair(session.repository, plan, settings);
  const trees = new Map(plan.broken.map(({ stored, newTree }) => [stored.id, newTree]));
  const incomplete = result.saved.flatMap(({ old, repaired }) => {
    const tree = trees.get(old);
    return tree === undefined ? [] : [{ snapshot: repaired, tree }];
  });
  await recordEvidence(context, session, { run: "repair", beganAtMs, incomplete }, settings);
  return result;
}

async function makePlan(
  context: CommandContext,
  { repository }: Session,
  signal: AbortSignal,
): Promise<SnapshotRepairPlan> {
  const { args, options } = context;
  const filter = snapshotFilter(options);
  const ids: Id[] = [];
  for (const name of args) ids.push((await findWholeSnapshot(repository, name, { signal, filter })).id);
  const steps = stepProgress(context, "snapshots examined");
  const onSnapshot = (done: number, total: number): void => steps.tell({ done, total });
  const choice = ids.length === 0 ? { filter } : { ids };
  return planSnapshotRepair(repository, { signal, onSnapshot, ...choice }).finally(() => steps.stop());
}

function printPlan({ output }: CommandContext, plan: SnapshotRepairPlan): void {
  if (output.settings.json) return;
  if (plan.unlistedPacks > 0) {
    output.message(
      `${plural(plan.unlistedPacks, "pack")} are in no index and may hold what seems lost: run \`holdfast repair index\` first`,
    );
  }
  for (const { id, reason } of plan.unreadable) output.print(`snapshot ${id} cannot be read: ${safeText(reason)}`);
  for (const { stored, newTree, losses } of plan.broken) {
    output.print(
      `snapshot ${shortId(stored.id)} of ${stored.snapshot.paths.map(displayPath).join(", ")}${newTree === undefined ? ": nothing in it can be read" : ":"}`,
    );
    for (const { path, reason } of losses) output.print(`  ${displayPath(path)}: ${safeText(reason)}`);
  }
  if (plan.lossesOmitted > 0) output.print(`  and ${plural(plan.lossesOmitted, "more loss", "more losses")}`);
}

function printResult(
  { output, options }: CommandContext,
  plan: SnapshotRepairPlan,
  { result, kept }: { result: SnapshotRepairResult | undefined; kept: readonly KeptSnapshot[] },
): void {
  if (output.settings.json) {
    output.printJson({
      message_type: "summary",
      dry_run: result === undefined ? true : undefined,
      examined: plan.examined,
      broken: plan.broken.map(({ stored, losses }) => ({ id: stored.id, losses })),
      unreadable: plan.unreadable.map(({ id }) => id),
      saved: (result?.saved ?? []).map(({ old, repaired }) => ({ old_snapshot_id: old, new_snapshot_id: repaired })),
      removed_snapshots: result?.removed ?? [],
      kept_snapshots: keptJson(kept),
    });
    return;
  }
  if (plan.broken.length === 0 && plan.unreadable.length === 0)
    output.print(`all ${plural(plan.examined, "snapshot")} are whole`);
  else if (result === undefined) output.print("dry run: nothing was changed");
  else {
    output.print(
      `saved ${plural(result.saved.length, "repaired snapshot")}, removed ${plural(result.removed.length, "snapshot")}`,
    );
    if (!options.flag("forget")) output.message("hint: the old snapshots are still there; --forget removes them");
  }
}
