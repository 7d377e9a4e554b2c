/** Plans for removals, for people and for programs. */
import type { FileType, PlanStatus, PlannedFile } from "@holdfast/storage";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { formatBytes, formatCount, formatLocalTime, plural } from "../output/units.ts";

/** What each type is called. */
const CALLED: Readonly<Record<FileType, string>> = {
  config: "config",
  key: "key",
  lock: "lock",
  snapshot: "snapshot",
  index: "index file",
  pack: "pack",
  forgotten: "forgotten snapshot",
  hold: "hold",
  evidence: "record of evidence",
  retention: "record of kept-up locks",
};

/** Milliseconds since 1970 as people read them. */
export function shownTime(ms: number): string {
  return formatLocalTime(BigInt(ms) * 1_000_000n);
}

/** A plan for programs. Times are in UTC. */
export function planJson(plan: PlanStatus): Readonly<Record<string, unknown>> {
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    hash: plan.hash,
    state: plan.state,
    repository: plan.repository,
    client: plan.client,
    person: plan.person,
    command: plan.command,
    reason: plan.reason,
    proposed: iso(plan.proposedMs),
    not_before: iso(plan.notBeforeMs),
    expires: iso(plan.expiresMs),
    files: plan.files,
    bytes: plan.bytes,
    removed: plan.removed,
    approvals_needed: plan.approvals,
    approved_by: plan.approvedBy.map(({ name, atMs }) => ({ name, time: iso(atMs) })),
    cancelled_by: plan.cancelledBy,
    cancelled: plan.cancelledMs === undefined ? undefined : iso(plan.cancelledMs),
  };
}

/** What a plan waits for, or how it ended, in one line. */
export function stateLine(plan: PlanStatus, nowMs = Date.now()): string {
  switch (plan.state) {
    case "waiting":
      return `waits ${waitsFor(plan, nowMs).join(" and ")}; expires ${shownTime(plan.expiresMs)}`;
    case "ready":
      return `can be carried out by \`holdfast ${safeText(plan.command)}\`, until ${shownTime(plan.expiresMs)}`;
    case "done":
      return "was carried out";
    case "expired":
      return `has expired ${shownTime(plan.expiresMs)}, after ${formatCount(plan.removed)} of ${plural(plan.files, "file")}`;
    case "cancelled":
      return `was cancelled by ${safeText(plan.cancelledBy ?? "")} ${shownTime(plan.cancelledMs ?? 0)}`;
  }
}

function waitsFor({ approvals, approvedBy, notBeforeMs }: PlanStatus, nowMs: number): string[] {
  const missing = approvals - approvedBy.length;
  return [
    ...(missing > 0 ? [`for ${missing} more of ${plural(approvals, "approval")}`] : []),
    ...(notBeforeMs > nowMs ? [`until ${shownTime(notBeforeMs)}`] : []),
  ];
}

/** `3 snapshots, 1 index file`. */
export function countsByType(files: readonly PlannedFile[]): string {
  const counts = new Map<FileType, number>();
  for (const { type } of files) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].map(([type, count]) => plural(count, CALLED[type], pluralOf(CALLED[type]))).join(", ");
}

function pluralOf(name: string): string {
  return name === CALLED.evidence ? "records of evidence" : `${name}s`;
}

/** Says that nothing was removed yet, what waits for whom until when, and what to do. */
export function reportWaiting(output: Output, waiting: readonly PlanStatus[], { isNew }: { isNew: boolean }): void {
  for (const plan of waiting) {
    if (output.settings.json) {
      output.printJson({ message_type: "removal_plan", new: isNew, ...planJson(plan) });
      continue;
    }
    const what = `${plural(plan.files, "file")}, ${formatBytes(plan.bytes)}`;
    output.print(`${isNew ? "proposed" : "there is"} plan ${plan.hash}: ${safeText(plan.command)}, ${what}`);
    output.print(`it ${stateLine(plan)}`);
    const { approvals, approvedBy } = plan;
    const look = `\`holdfast removal show ${plan.hash.slice(0, 12)}\``;
    const approve = approvals > approvedBy.length ? `; approvers: \`holdfast removal approve ${plan.hash}\`` : "";
    output.message(`hint: ${look} shows it${approve}. Then run this command again`);
  }
}
