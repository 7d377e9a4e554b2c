/** A plan as text and as a hash: one text for one plan, whatever order its parts were made in. */
import { createHash } from "node:crypto";
import type { RetentionGroup, RetentionOptions, RetentionPlan } from "./policy.ts";

/** Names what is hashed and how; a change of either needs another one. */
const HASH_FORMAT = "holdfast retention plan 1";

/** The plan as JSON: the fields of every object in alphabetical order, no spaces. */
export function encodePlan(plan: RetentionPlan): string {
  return canonicalJson(plan);
}

/**
 * SHA-256, in hex, over the policy and over each snapshot with its verdict. What only stops or explains is not in it: limits,
 * the clock, reasons.
 */
export function planHash(
  groups: readonly RetentionGroup[],
  { rules, floors, grouping, zone, times = "checked" }: RetentionOptions,
): string {
  const verdicts = groups.flatMap((group) => group.verdicts.map(({ id, keep }) => ({ id, keep })));
  const policy = { rules, floors, grouping: [...grouping].sort(), zone, times };
  const snapshots = verdicts.sort((a, b) => (a.id < b.id ? -1 : 1));
  return createHash("sha256")
    .update(canonicalJson({ format: HASH_FORMAT, policy, snapshots }))
    .digest("hex");
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
