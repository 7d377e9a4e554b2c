/** `holdfast removal show`: shows all that a plan covers. */
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { filesJson, printDescription, readPlan, snapshotsOf } from "../removal/describe-plan.ts";
import { findPlan, withPlans } from "../removal/remote-plans.ts";
import { planJson } from "../removal/show-plan.ts";
import { withSession } from "../repository-session.ts";

export const run: RunCommand = async (context) => {
  const { output, args, options, signal } = context;
  const described = await withPlans(context, async (plans) =>
    readPlan(plans, await findPlan(plans, args[0] ?? "", { signal }), { signal }),
  );
  const { plan, files } = described;
  // Looking needs no lock: a snapshot that goes meanwhile is shown as not there.
  const snapshots = options.flag("open")
    ? await withSession(context, ({ repository }) => snapshotsOf(repository, files, { signal }))
    : undefined;
  if (output.settings.json) output.printJson({ ...planJson(plan), file_list: filesJson(files, snapshots) });
  else printDescription(output, described, snapshots);
  return EXIT.ok;
};
