/** Decides what is kept and what is removed: restic's rules, floors that always win, and a look at what is claimed. */
import { groupKey } from "@holdfast/engine";
import { decideGroup, type DecidedGroup } from "./decide-group.ts";
import { entriesOf } from "./entry.ts";
import { requireRules } from "./parse-rules.ts";
import { planHash } from "./plan-json.ts";
import type { Candidate, RetentionOptions, RetentionPlan, RetentionWarning } from "./policy.ts";
import { clockDoubts, findStops } from "./stops.ts";
import { zoneOf } from "./zone.ts";

/**
 * What a policy keeps and removes. Nothing is read or changed; the order of the snapshots does not matter, and carrying the
 * plan out and planning again removes nothing more at the same time. `stops` say why it must not be carried out.
 * @throws PROTECTION_RETENTION_KEEPS_NOTHING, PROTECTION_RETENTION_ZONE
 */
export function planRetention(candidates: readonly Candidate[], options: RetentionOptions): RetentionPlan {
  requireRules(options.rules);
  const zone = zoneOf(options.zone, options.localZone);
  const groups: DecidedGroup[] = [];
  for (const [key, members] of Map.groupBy(candidates, (candidate) => groupKey(candidate, options.grouping))) {
    const entries = entriesOf(members, zone);
    groups.push(decideGroup({ key, title: titleOf(members, options), entries }, { ...options, zone }));
  }
  groups.sort((a, b) => compare(a.title, b.title) || compare(a.key, b.key));
  const plain = groups.map(({ key, title, verdicts }) => ({ key, title, verdicts }));
  const stops = findStops(groups, { ...options, zone });
  const doubts = stops.length > 0 ? [] : clockDoubts(groups, { ...options, zone });
  const clock = doubts.map(({ explanation }): RetentionWarning => ({ code: "clock", explanation, snapshots: [] }));
  const warnings = [...clock, ...groups.flatMap((group) => group.warnings)];
  return { groups: plain, stops, warnings, hash: planHash(plain, options) };
}

/** The fields by which a group's snapshots belong together, in words. */
function titleOf([first]: readonly Candidate[], { grouping }: RetentionOptions): string {
  const parts: string[] = [];
  if (grouping.includes("host")) parts.push(`host ${first?.hostname === "" ? "unknown" : first?.hostname}`);
  if (grouping.includes("paths")) parts.push([...(first?.paths ?? [])].sort().join(" "));
  if (grouping.includes("tags"))
    parts.push(first?.tags.length === 0 ? "no tags" : `tags ${[...(first?.tags ?? [])].sort().join(", ")}`);
  return parts.length === 0 ? "all snapshots" : parts.join(", ");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
