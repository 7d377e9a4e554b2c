/** What `forget` is going to do: by rules, or to snapshots that were named. */
import { createHash } from "node:crypto";
import type { Id } from "@holdfast/engine";
import {
  NO_LIMITS,
  type RetentionGroup,
  type RetentionRules,
  type RetentionStop,
  type RetentionWarning,
  type SafetyFloors,
  applyStops,
  planRetention,
} from "@holdfast/protection";
import { cliError } from "../errors.ts";
import type { ForgetSettings } from "./policy-options.ts";
import type { Situation } from "./situation.ts";

export interface ForgetPlan {
  readonly groups: readonly RetentionGroup[];
  /** What is forgotten when the plan is carried out. */
  readonly remove: readonly Id[];
  /** Why some or all of what the rules let go stays all the same. */
  readonly stops: readonly RetentionStop[];
  readonly warnings: readonly RetentionWarning[];
  readonly hash: string;
}

/**
 * The rules' verdicts on all snapshots of the situation.
 * @throws CLI_FORGET_UNREADABLE: one that cannot be read may be the newest good one; PROTECTION_RETENTION_ZONE
 */
export function planByRules(
  { candidates, unreadable, unreadableEvidence }: Situation,
  rules: RetentionRules,
  { floors: wanted, limits, grouping, zone, allowed }: ForgetSettings,
  nowMs: number,
): ForgetPlan {
  const floors = raised(wanted, unreadableEvidence);
  if (unreadable.length > 0) throw cliError("CLI_FORGET_UNREADABLE", { ids: unreadable });
  const plan = planRetention(candidates, { rules, floors, limits, grouping, zone, nowMs });
  const { remove, stops } = applyStops(plan, allowed);
  return { groups: plan.groups, remove: remove as Id[], stops, warnings: plan.warnings, hash: plan.hash };
}

/** No snapshot has this tag, so that nothing but floors and holds keeps any. */
const NO_RULE: RetentionRules = { tags: [["\u0000"]] };

/**
 * Lets go what was named, unless floors or holds keep it. That a snapshot claims an impossible time keeps it from rules, but not
 * from people.
 * @param situation all snapshots: what a floor keeps depends on the others
 * @throws CLI_FORGET_KEPT naming each that must stay, and why
 */
export function planByName(
  { candidates, unreadableEvidence }: Situation,
  named: ReadonlySet<Id>,
  { floors, grouping, zone }: ForgetSettings,
  nowMs: number,
): ForgetPlan {
  // Spares are against snapshots that take the place of others; here a person says which one goes. Whoever wants to keep none at
  // least means the newest that is proven as well: else that one could never go.
  const newestVerified = floors.newestVerified && floors.atLeast > 0;
  const namedFloors = { ...raised(floors, unreadableEvidence), newestVerified, spares: 0 };
  const plan = planRetention(candidates, {
    rules: NO_RULE,
    floors: namedFloors,
    limits: NO_LIMITS,
    grouping,
    zone,
    nowMs,
  });
  const isNamed = (id: string): boolean => named.has(id as Id);
  const groups = plan.groups
    .map(({ verdicts, ...group }) => ({ ...group, verdicts: verdicts.filter(({ id }) => isNamed(id)) }))
    .filter(({ verdicts }) => verdicts.length > 0);
  const kept = groups.flatMap(({ verdicts }) =>
    verdicts
      .map(({ id, keep, suspicious, reasons }) => ({ id, reasons: keep ? reasons.slice(suspicious ? 1 : 0) : [] }))
      .filter(({ reasons }) => reasons.length > 0),
  );
  if (kept.length > 0) {
    const reasons = kept.map(({ id, reasons: why }) => `${id.slice(0, 8)} (${why.join("; ")})`).join(", ");
    throw cliError("CLI_FORGET_KEPT", { reasons });
  }
  const verdicts = (group: RetentionGroup): RetentionGroup => ({
    ...group,
    verdicts: group.verdicts.map((verdict) => ({ ...verdict, keep: false, reasons: ["it was named"] })),
  });
  const remove = [...named].sort();
  const hash = createHash("sha256").update(`named ${plan.hash} ${remove.join()}`).digest("hex");
  return { groups: groups.map(verdicts), remove, stops: [], warnings: [], hash };
}

/** So many complete ones are kept even if each record that cannot be read says that one of them is not. */
function raised(floors: SafetyFloors, unreadableEvidence: number): SafetyFloors {
  return { ...floors, atLeast: floors.atLeast === 0 ? 0 : floors.atLeast + unreadableEvidence };
}
