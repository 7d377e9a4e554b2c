/** A plan of forgetting as people and programs read it. */
import { type StoredSnapshot, displayPath } from "@holdfast/engine";
import type { RetentionGroup, Verdict } from "@holdfast/protection";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { formatTable } from "../output/table.ts";
import { formatLocalTime, plural } from "../output/units.ts";
import { shortId, snapshotJson } from "../snapshot-json.ts";
import type { ForgetPlan } from "./plan.ts";

type Snapshots = ReadonlyMap<string, StoredSnapshot>;

/** Every snapshot with its verdict and the reasons, group by group, the oldest first; then what stands in the way. */
export function printPlan(
  output: Output,
  plan: ForgetPlan,
  snapshots: readonly StoredSnapshot[],
  { isCompact }: { isCompact: boolean },
): void {
  const byId = new Map<string, StoredSnapshot>(snapshots.map((stored) => [stored.id, stored]));
  for (const group of plan.groups) {
    output.print(`Snapshots of ${safeText(group.title)}:`);
    for (const line of tableOf(group, byId, { isCompact, width: output.width })) output.print(line);
    output.print("");
  }
  for (const { explanation, snapshots: ids } of plan.warnings) {
    output.warn(safeText(explanation), { during: "forget", ...(ids[0] === undefined ? {} : { item: ids[0] }) });
  }
}

function tableOf(
  { verdicts }: RetentionGroup,
  snapshots: Snapshots,
  { isCompact, width }: { isCompact: boolean; width: number | undefined },
): string[] {
  const shown = verdicts
    .toReversed()
    .map((verdict) => ({ verdict, stored: snapshots.get(verdict.id) as StoredSnapshot }));
  const hasTags = shown.some(({ stored }) => stored.snapshot.tags.length > 0);
  const columns = [
    { heading: "" },
    { heading: "ID" },
    { heading: "Time" },
    ...(hasTags ? [{ heading: "Tags" }] : []),
    { heading: "Reasons", shrinks: true } as const,
  ];
  const rows = shown.map(({ verdict, stored: { id, snapshot } }) => [
    verdict.keep ? "keep" : "forget",
    shortId(id),
    formatLocalTime(snapshot.timeNs),
    ...(hasTags ? [snapshot.tags.map(displayPath).join(isCompact ? "," : "\n")] : []),
    reasonsOf(verdict, isCompact),
  ]);
  const removed = verdicts.filter(({ keep }) => !keep).length;
  return formatTable(columns, rows, { foot: `${removed} of ${plural(verdicts.length, "snapshot")} to forget`, width });
}

function reasonsOf({ reasons }: Verdict, isCompact: boolean): string {
  const texts = reasons.map(safeText);
  if (!isCompact) return texts.join("\n");
  const [first = "", ...more] = texts;
  return more.length === 0 ? first : `${first} (and ${more.length} more)`;
}

/** restic's list of groups, with the reasons of both kinds in words. */
export function planJson(plan: ForgetPlan, snapshots: readonly StoredSnapshot[]): Record<string, unknown>[] {
  const byId = new Map<string, StoredSnapshot>(snapshots.map((stored) => [stored.id, stored]));
  return plan.groups.map(({ key, verdicts }) => {
    const json = (id: string): Record<string, unknown> => snapshotJson(byId.get(id) as StoredSnapshot);
    const { host, paths, tags } = JSON.parse(key) as { host: string; paths: string[]; tags: string[] };
    const kept = verdicts.filter(({ keep }) => keep);
    const removed = verdicts.filter(({ keep }) => !keep);
    return {
      tags: orNull(tags),
      host,
      paths: orNull(paths),
      keep: orNull(kept.map(({ id }) => json(id))),
      remove: orNull(removed.map(({ id }) => json(id))),
      reasons: orNull(kept.map(({ id, matches, reasons }) => ({ snapshot: json(id), matches, reasons }))),
      remove_reasons: removed.map(({ id, reasons }) => ({ id, reasons })),
    };
  });
}

/** The plan as one object, with all that `--execute` needs. */
export function wholePlanJson(plan: ForgetPlan, snapshots: readonly StoredSnapshot[]): Record<string, unknown> {
  const { hash, remove, stops, warnings } = plan;
  return { message_type: "forget_plan", hash, remove, groups: planJson(plan, snapshots), stops, warnings };
}

/** As Go writes lists that are empty. */
function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}
