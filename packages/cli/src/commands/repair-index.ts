/** `holdfast repair index`: makes the index fit the packs. */
import { type IndexRepairPlan, type IndexRepairResult, executeIndexRepair, planIndexRepair } from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { safeText } from "../output/safe-text.ts";
import { plural } from "../output/units.ts";
import { refuseUnplanned } from "../removal/refuse-unplanned.ts";
import { stepProgress } from "../repair/step-progress.ts";
import { withSession } from "../repository-session.ts";

export const run: RunCommand = (context) =>
  withSession(
    context,
    (session) => {
      const dryRun = context.options.flag("dry-run");
      if (!dryRun) refuseUnplanned(session.repository, "repair index");
      return session.locked(dryRun ? "read" : "exclusive", async (signal) => {
        const steps = stepProgress(context, "files read");
        const settings = { readAllPacks: context.options.flag("read-all-packs"), signal, onProgress: steps.tell };
        const plan = await planIndexRepair(session.repository, settings).finally(() => steps.stop());
        printPlan(context, plan);
        const result = dryRun ? undefined : await executeIndexRepair(session.repository, plan, { signal });
        printResult(context, plan, result);
        return plan.unreadablePacks.length > 0 || plan.missingPacks.length > 0 ? EXIT.damage : EXIT.ok;
      });
    },
    { trustCache: false },
  );

function printPlan({ output }: CommandContext, plan: IndexRepairPlan): void {
  if (output.settings.json) return;
  for (const { id, reason } of plan.damagedIndexes) output.print(`index ${id} is damaged: ${safeText(reason)}`);
  for (const id of plan.missingPacks) output.print(`pack ${id} does not exist: it is listed no more`);
  for (const { id, reason, blobs } of plan.readPacks) {
    output.print(
      `pack ${id} ${reason === "unlisted" ? "is in no index" : "does not fit the index"}: lists ${plural(blobs, "blob")} anew`,
    );
  }
  for (const { id, reason, listedBlobs } of plan.unreadablePacks) {
    const advice =
      listedBlobs === 0
        ? ""
        : `; \`holdfast repair packs ${id.slice(0, 12)}\` may save ${plural(listedBlobs, "blob")} in it, before this`;
    output.print(`pack ${id} cannot be read: ${safeText(reason)}${advice}`);
  }
}

function printResult({ output }: CommandContext, plan: IndexRepairPlan, result: IndexRepairResult | undefined): void {
  if (output.settings.json) {
    output.printJson({
      message_type: "summary",
      dry_run: result === undefined ? true : undefined,
      needed: plan.isNeeded,
      damaged_indexes: plan.damagedIndexes.map(({ id }) => id),
      missing_packs: plan.missingPacks,
      read_packs: plan.readPacks.map(({ id }) => id),
      unreadable_packs: plan.unreadablePacks.map(({ id }) => id),
      headers_read: plan.headersRead,
      written_indexes: result?.written ?? [],
      removed_indexes: result?.removed ?? [],
    });
    return;
  }
  if (!plan.isNeeded) output.print("the index is right as it is");
  else if (result === undefined) output.print("dry run: nothing was changed");
  else
    output.print(
      `wrote ${plural(result.written.length, "index file")}, removed ${plural(result.removed.length, "index file")}`,
    );
}
