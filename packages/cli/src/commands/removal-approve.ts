/** `holdfast removal approve`: signs a plan, and sends the signature to its server. */
import type { RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { printDescription, readPlan } from "../removal/describe-plan.ts";
import { findPlan, withPlans } from "../removal/remote-plans.ts";
import { planJson, stateLine } from "../removal/show-plan.ts";
import { signDecision } from "../removal/sign.ts";

export const run: RunCommand = (context) => {
  const { output, args, options, signal } = context;
  const key = options.text("key");
  if (key === undefined) {
    const problem = "say with which SSH key to sign: give --key FILE or set HOLDFAST_APPROVAL_KEY";
    throw cliError("CLI_USAGE", { problem, help: "holdfast help removal approve" });
  }
  return withPlans(context, async (plans) => {
    const described = await readPlan(plans, await findPlan(plans, args[0] ?? "", { signal }), { signal });
    const { hash, state } = described.plan;
    // Nobody shall sign what is over, or touch a key for it.
    if (state !== "waiting" && state !== "ready") throw cliError("CLI_PLAN_OVER", { hash, state });
    if (!output.settings.json) printDescription(output, described, undefined);
    const signature = await signDecision(context, "approve", { hash, key });
    const status = await plans.approve(hash, signature, { signal });
    if (output.settings.json) output.printJson({ message_type: "approved", ...planJson(status) });
    else output.print(`approved; the plan ${stateLine(status)}`);
    return EXIT.ok;
  });
};
