/** Forgetting at a server that removes by plans: what is approved goes, for the rest a plan is proposed. */
import type { Id } from "@holdfast/engine";
import type { RemovalPlans } from "@holdfast/storage";
import type { CommandContext } from "../context.ts";
import { filesOf, knownPlans, namesOf } from "./known-plans.ts";
import { proposePlan, reasonOption } from "./propose.ts";
import { reportWaiting } from "./show-plan.ts";

export interface WantedForgetting {
  readonly plans: RemovalPlans;
  /** What the rules, or names, let go now. */
  readonly ids: readonly Id[];
  /** Named ones are proposed beside other plans that wait; of rules there is one plan at a time. */
  readonly areNamed: boolean;
  /** Called with those that are approved, and still wanted. */
  readonly forget: (ids: readonly Id[]) => Promise<void>;
}

export interface PlannedForgetting {
  readonly forgotten: readonly Id[];
  /** Something waits for approval, or its time. */
  readonly waits: boolean;
}

/** @throws what the server refuses, and what `forget` throws */
export async function forgetByPlans(
  context: CommandContext,
  { plans, ids, areNamed, forget }: WantedForgetting,
  { signal }: { signal: AbortSignal },
): Promise<PlannedForgetting> {
  const { output } = context;
  const { removable, waiting } = await knownPlans(plans, "forget", { signal });
  const approved = namesOf(removable, "snapshot");
  const going = ids.filter((id) => approved.has(id));
  if (going.length > 0) await forget(going);
  const left = ids.filter((id) => !approved.has(id));
  if (left.length === 0) return { forgotten: going, waits: false };
  const known = namesOf(await filesOf(plans, waiting, { signal }), "snapshot");
  const missing = left.filter((id) => !known.has(id));
  if (!output.settings.json && going.length === 0) output.print("nothing was forgotten: this server removes by plans");
  const isProposing = missing.length > 0 && (areNamed || waiting.length === 0);
  reportWaiting(output, waiting, { isNew: false });
  if (isProposing) {
    const reason = reasonOption(context, areNamed ? "they were named" : "no rule keeps them");
    const files = missing.map((name) => ({ type: "snapshot", name }) as const);
    reportWaiting(output, [await proposePlan(plans, { command: "forget", reason, files }, { signal })], {
      isNew: true,
    });
  } else if (missing.length > 0) {
    output.message(`${missing.length} more are to be forgotten: they are proposed when the plan that waits is over`);
  }
  return { forgotten: going, waits: true };
}
