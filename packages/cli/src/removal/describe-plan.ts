/** All that an approver's signature covers, in words. */
import { type Repository, type StoredSnapshot, listForgotten, listSnapshots } from "@holdfast/engine";
import { type FileType, type PlanStatus, type PlannedFile, type RemovalPlans, decodePlan } from "@holdfast/storage";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { type Column, formatTable } from "../output/table.ts";
import { formatBytes, formatCount, formatLocalTime, plural } from "../output/units.ts";
import { countsByType, shownTime, stateLine } from "./show-plan.ts";

/** Each of these matters to people; of packs and index files there are many, and nobody knows them by name. */
const NAMED_TYPES: ReadonlySet<FileType> = new Set(["config", "key", "snapshot", "forgotten", "hold"]);

export interface DescribedPlan {
  readonly plan: PlanStatus;
  readonly files: readonly PlannedFile[];
}

/** Reads the document, and compares what it says with what the server says of it. @throws STORAGE_PLAN_DAMAGED */
export async function readPlan(
  plans: RemovalPlans,
  plan: PlanStatus,
  { signal }: { signal: AbortSignal },
): Promise<DescribedPlan> {
  const { header, files } = decodePlan(await plans.document(plan.hash, { signal }), plan.hash);
  // What is shown is what the hash covers; only what happened since, and stricter rules, are the server's word.
  const { approvals, notBeforeMs } = plan;
  return { plan: { ...plan, ...header, approvals, notBeforeMs }, files };
}

/** What the snapshots of a plan hold, read from the repository itself. */
export async function snapshotsOf(
  repository: Repository,
  files: readonly PlannedFile[],
  { signal }: { signal: AbortSignal },
): Promise<ReadonlyMap<string, StoredSnapshot>> {
  const wanted = new Set(
    files.filter(({ type }) => type === "snapshot" || type === "forgotten").map(({ name }) => name),
  );
  const onDamaged = (): void => {};
  const all = [
    ...(await listSnapshots(repository, { signal, onDamaged })),
    ...(await listForgotten(repository, { signal, onDamaged })),
  ];
  return new Map(all.filter(({ id }) => wanted.has(id)).map((stored) => [stored.id, stored]));
}

/** @param snapshots what is known of them; `undefined` when the repository was not opened */
export function printDescription(
  output: Output,
  { plan, files }: DescribedPlan,
  snapshots: ReadonlyMap<string, StoredSnapshot> | undefined,
): void {
  const who = plan.person === undefined ? plan.client : `${plan.client}, which ${plan.person} uses`;
  const rows: readonly (readonly [string, string])[] = [
    ["plan", plan.hash],
    ["state", stateLine(plan)],
    ["repository", plan.repository === "" ? "/" : plan.repository],
    ["proposed", `${shownTime(plan.proposedMs)} by ${who}`],
    ["for", plan.command],
    ["reason", plan.reason],
    ["removes", `${countsByType(files)}: ${formatBytes(plan.bytes)} (${formatCount(plan.bytes)} bytes)`],
    ["not before", shownTime(plan.notBeforeMs)],
    ["expires", shownTime(plan.expiresMs)],
    ["approvals", plan.approvals === 0 ? "none needed" : `${plan.approvedBy.length} of ${plan.approvals}`],
    ...plan.approvedBy.map(({ name, atMs }) => ["", `${name}, ${shownTime(atMs)}`] as const),
    ...(plan.removed > 0
      ? [["removed", `${formatCount(plan.removed)} of ${plural(plan.files, "file")}`] as const]
      : []),
  ];
  for (const [name, text] of rows) output.print(`${name.padEnd(12)}${safeText(text)}`);
  printFiles(output, files, snapshots);
}

function printFiles(
  output: Output,
  files: readonly PlannedFile[],
  snapshots: ReadonlyMap<string, StoredSnapshot> | undefined,
): void {
  const shown = output.settings.verbosity >= 2 ? files : files.filter(({ type }) => NAMED_TYPES.has(type));
  if (shown.length === 0) return;
  const facts: readonly Column[] = [{ heading: "Time" }, { heading: "Host" }, { heading: "Paths", shrinks: true }];
  const columns: readonly Column[] = [
    { heading: "Type" },
    { heading: "Name" },
    { heading: "Size", align: "right" },
    ...(snapshots === undefined ? [] : facts),
  ];
  const cells = shown.map(({ type, name, sizeBytes }) => [
    type,
    name === "" ? "-" : name.slice(0, 16),
    formatBytes(sizeBytes),
    ...(snapshots === undefined ? [] : factsOf(snapshots.get(name))),
  ]);
  for (const line of formatTable(columns, cells, { width: output.width })) output.print(line);
  const rest = files.length - shown.length;
  if (rest > 0) output.message(`${plural(rest, "more file")} of the repository's own: -vv lists them`);
  if (snapshots === undefined && shown.some(({ type }) => type === "snapshot" || type === "forgotten")) {
    output.message("hint: `holdfast removal show --open HASH` reads from the repository what these snapshots hold");
  }
}

function factsOf(stored: StoredSnapshot | undefined): string[] {
  if (stored === undefined) return ["not there, or not readable", "", ""];
  const { timeNs, hostname, paths } = stored.snapshot;
  return [formatLocalTime(timeNs), safeText(hostname), paths.map(safeText).join("\n")];
}

/** Files, for programs. */
export function filesJson(
  files: readonly PlannedFile[],
  snapshots: ReadonlyMap<string, StoredSnapshot> | undefined,
): readonly Readonly<Record<string, unknown>>[] {
  return files.map(({ type, name, sizeBytes }) => {
    const stored = snapshots?.get(name);
    const facts =
      stored === undefined
        ? {}
        : {
            time: new Date(Number(stored.snapshot.timeNs / 1_000_000n)).toISOString(),
            hostname: stored.snapshot.hostname,
            paths: stored.snapshot.paths,
          };
    return { type, name, size: sizeBytes, ...facts };
  });
}
