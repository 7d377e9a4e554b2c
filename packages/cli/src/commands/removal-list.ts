/** `holdfast removal list`: lists plans for removals of a repository. */
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { safeText } from "../output/safe-text.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatCount, plural } from "../output/units.ts";
import { withPlans } from "../removal/remote-plans.ts";
import { planJson, shownTime, stateLine } from "../removal/show-plan.ts";

const COLUMNS = [
  { heading: "Plan" },
  { heading: "For" },
  { heading: "By" },
  { heading: "Proposed" },
  { heading: "Files", align: "right" },
  { heading: "Size", align: "right" },
  { heading: "State", shrinks: true },
] as const;

export const run: RunCommand = (context) =>
  withPlans(context, async (plans) => {
    const { output, options, signal } = context;
    const all = await plans.list({ signal });
    const shown = options.flag("all") ? all : all.filter(({ state }) => state === "waiting" || state === "ready");
    if (output.settings.json) {
      output.printJson(shown.map(planJson));
      return EXIT.ok;
    }
    const cells = shown.map((plan) => [
      plan.hash.slice(0, 12),
      safeText(plan.command),
      safeText(plan.client),
      shownTime(plan.proposedMs),
      formatCount(plan.files),
      formatBytes(plan.bytes),
      stateLine(plan),
    ]);
    if (cells.length === 0) output.message(options.flag("all") ? "there are no plans" : "no plan waits or is approved");
    else {
      const foot = plural(cells.length, "plan");
      for (const line of formatTable(COLUMNS, cells, { foot, width: output.width })) output.print(line);
    }
    return EXIT.ok;
  });
