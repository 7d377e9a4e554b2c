/** `holdfast snapshots`: lists snapshots as a table, or in groups. */
import { messageOf } from "@holdfast/base";
import {
  type Evidence,
  type SnapshotGrouping,
  type StoredSnapshot,
  compareNames,
  displayPath,
  groupKey,
} from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { evidenceIfAny } from "../evidence/known.ts";
import { standingJson, standingText } from "../evidence/show.ts";
import { EXIT } from "../exit.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatLocalTime, plural } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { chosenSnapshots, groupByOption, snapshotFilter } from "../snapshot-choice.ts";
import { shortId, snapshotJson } from "../snapshot-json.ts";

/** Without --group-by, --latest counts in these groups. */
const LATEST_GROUPING: SnapshotGrouping = ["host", "paths"];

export const run: RunCommand = (context) =>
  withSession(context, (session) =>
    session.locked("look", async (signal) => {
      const { options, output, args } = context;
      const grouping = groupByOption(options);
      const latest = options.number("latest", { min: 1, max: Number.MAX_SAFE_INTEGER });
      let damaged = 0;
      const onDamaged = (id: string, error: unknown): void => {
        damaged++;
        output.warn(`snapshot ${id} cannot be read: ${messageOf(error)}`, { during: "snapshots", item: id });
      };
      const choice = { names: args, filter: snapshotFilter(options), onDamaged };
      const found = inOrder(await chosenSnapshots(session.repository, choice, { signal }));
      const evidence = await evidenceIfAny(context, session.repository, { signal, during: "snapshots" });
      const shown = latest === undefined ? found : lastOfEach(found, grouping ?? LATEST_GROUPING, latest);
      if (output.settings.json) output.printJson(jsonOf(shown, { grouping, evidence }));
      else printGroups(context, shown, { grouping, evidence });
      return damaged > 0 ? EXIT.damage : EXIT.ok;
    }),
  );

function inOrder(snapshots: readonly StoredSnapshot[]): StoredSnapshot[] {
  return snapshots.toSorted((a, b) => Number(a.snapshot.timeNs - b.snapshot.timeNs));
}

function grouped(snapshots: readonly StoredSnapshot[], grouping: SnapshotGrouping): StoredSnapshot[][] {
  return [...Map.groupBy(snapshots, ({ snapshot }) => groupKey(snapshot, grouping)).values()];
}

function lastOfEach(snapshots: readonly StoredSnapshot[], grouping: SnapshotGrouping, count: number): StoredSnapshot[] {
  return inOrder(grouped(snapshots, grouping).flatMap((group) => group.slice(-count)));
}

interface ShownWith {
  readonly grouping: SnapshotGrouping | undefined;
  readonly evidence: Evidence;
}

function jsonOf(snapshots: readonly StoredSnapshot[], { grouping, evidence }: ShownWith): unknown {
  const json = (stored: StoredSnapshot): unknown => ({ ...snapshotJson(stored), ...standingJson(evidence.of(stored)) });
  if (grouping === undefined) return snapshots.map(json);
  return grouped(snapshots, grouping).map((group) => {
    const { hostname, paths, tags } = (group[0] as StoredSnapshot).snapshot;
    const key = {
      hostname: grouping.includes("host") ? hostname : "",
      paths: grouping.includes("paths") ? inOneOrder(paths) : null,
      tags: grouping.includes("tags") ? inOneOrder(tags) : null,
    };
    return { group_key: key, snapshots: group.map(json) };
  });
}

/** As restic has lists in the key of a group: sorted, and `null` when they are empty. */
function inOneOrder(texts: readonly string[]): string[] | null {
  return texts.length === 0 ? null : texts.toSorted(compareNames);
}

function printGroups(
  { output, options }: CommandContext,
  shown: readonly StoredSnapshot[],
  { grouping, evidence }: ShownWith,
): void {
  const isCompact = options.flag("compact");
  if (shown.length === 0) {
    output.message("there are no snapshots");
    return;
  }
  const groups = grouping === undefined || grouping.length === 0 ? [shown] : grouped(shown, grouping);
  groups.forEach((group, at) => {
    if (grouping !== undefined && grouping.length > 0)
      output.print(`${at > 0 ? "\n" : ""}${describeGroup(group, grouping)}`);
    for (const line of tableOf(group, { isCompact, evidence, width: output.width })) output.print(line);
  });
}

function describeGroup(group: readonly StoredSnapshot[], grouping: SnapshotGrouping): string {
  const { hostname, paths, tags } = (group[0] as StoredSnapshot).snapshot;
  const parts = [
    ...(grouping.includes("host") ? [`host ${displayPath(hostname)}`] : []),
    ...(grouping.includes("paths") ? [`paths ${paths.map(displayPath).join(", ")}`] : []),
    ...(grouping.includes("tags") ? [`tags ${tags.map(displayPath).join(", ")}`] : []),
  ];
  return `Snapshots of ${parts.join("; ")}:`;
}

function tableOf(
  snapshots: readonly StoredSnapshot[],
  { isCompact, evidence, width }: { isCompact: boolean; evidence: Evidence; width: number | undefined },
): string[] {
  const standings = snapshots.map((stored) => standingText(evidence.of(stored), { isCompact }));
  const hasStandings = standings.some((text) => text !== "");
  const hasTags = snapshots.some(({ snapshot }) => snapshot.tags.length > 0);
  const hasSizes = snapshots.some(({ snapshot }) => snapshot.summary !== undefined);
  const columns = [
    { heading: "ID" },
    { heading: "Time" },
    { heading: "Host" },
    ...(hasTags ? [{ heading: "Tags" }] : []),
    ...(isCompact ? [] : [{ heading: "Paths", shrinks: true } as const]),
    ...(hasStandings ? [{ heading: "Evidence" }] : []),
    ...(hasSizes ? [{ heading: "Size", align: "right" } as const] : []),
  ];
  const rows = snapshots.map(({ id, snapshot }, at) => [
    shortId(id),
    formatLocalTime(snapshot.timeNs),
    displayPath(snapshot.hostname),
    ...(hasTags ? [snapshot.tags.map(displayPath).join(isCompact ? "," : "\n")] : []),
    ...(isCompact ? [] : [snapshot.paths.map(displayPath).join("\n")]),
    ...(hasStandings ? [standings[at] ?? ""] : []),
    ...(hasSizes ? [sizeOf(snapshot.summary?.totalBytesProcessed)] : []),
  ]);
  return formatTable(columns, rows, { foot: plural(snapshots.length, "snapshot"), width });
}

function sizeOf(bytes: number | undefined): string {
  return bytes === undefined ? "" : formatBytes(bytes);
}
