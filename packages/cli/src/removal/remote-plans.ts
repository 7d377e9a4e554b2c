/** The plans of the repository that is meant, at its server; no password of the repository is needed. */
import { type PlanStatus, type RemovalPlans, composeBackend, openBackend } from "@holdfast/storage";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { repositoryLocation } from "../repository-location.ts";
import { surroundingsOf } from "../surroundings.ts";

/** Connects, and closes. @throws CLI_NO_PLANS where nothing is removed by plans, and what connecting throws */
export async function withPlans<T>(context: CommandContext, work: (plans: RemovalPlans) => Promise<T>): Promise<T> {
  const { signal } = context;
  const raw = await openBackend(await repositoryLocation(context), surroundingsOf(context));
  try {
    const backend = composeBackend(raw);
    // What the server can do is in every answer.
    await backend.stat({ type: "config", name: "" }, { signal });
    const { removalPlans } = backend;
    if (removalPlans === undefined) throw cliError("CLI_NO_PLANS", { location: backend.location });
    return await work(removalPlans);
  } finally {
    await raw.close();
  }
}

const LEAST_DIGITS = 8;

/** The plan whose hash begins so. @throws CLI_PLAN_UNKNOWN, CLI_PLAN_AMBIGUOUS, CLI_INVALID_VALUE */
export async function findPlan(
  plans: RemovalPlans,
  text: string,
  { signal }: { signal: AbortSignal },
): Promise<PlanStatus> {
  if (!/^[0-9a-f]+$/.test(text) || text.length < LEAST_DIGITS || text.length > 64) {
    throw cliError("CLI_INVALID_VALUE", {
      value: text,
      option: "the hash",
      expected: `give the hash of a plan, or at least its first ${LEAST_DIGITS} digits`,
    });
  }
  const found = (await plans.list({ signal })).filter(({ hash }) => hash.startsWith(text));
  const [plan] = found;
  if (plan === undefined) throw cliError("CLI_PLAN_UNKNOWN", { hash: text });
  if (found.length > 1) throw cliError("CLI_PLAN_AMBIGUOUS", { hash: text });
  return plan;
}
