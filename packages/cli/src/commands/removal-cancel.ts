/** `holdfast removal cancel`: ends a plan, so that nothing is removed by it any more. */
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { safeText } from "../output/safe-text.ts";
import { findPlan, withPlans } from "../removal/remote-plans.ts";
import { planJson } from "../removal/show-plan.ts";
import { signDecision } from "../removal/sign.ts";

export const run: RunCommand = (context) =>
  withPlans(context, async (plans) => {
    const { output, args, options, signal } = context;
    const key = options.text("key");
    const { hash } = await findPlan(plans, args[0] ?? "", { signal });
    const signature = key === undefined ? undefined : await signDecision(context, "cancel", { hash, key });
    const status = await plans.cancel(hash, signature, { signal });
    if (output.settings.json) output.printJson({ message_type: "cancelled", ...planJson(status) });
    else output.print(`cancelled plan ${hash.slice(0, 12)} as ${safeText(status.cancelledBy ?? "")}`);
    return EXIT.ok;
  });
