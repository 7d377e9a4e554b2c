/** What a repair of packs found, did, and could not bring back; for people and for programs. */
import {
  type LostBlob,
  type NeededBlob,
  type PackRepairPlan,
  type RefillPlan,
  type RefillResult,
  type SnapshotLosses,
  displayPath,
} from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { formatBytes, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";

/** Paths that are shown; JSON has all that the engine lists. */
const SHOWN_PATHS = 100;

/** What was done, as far as it was done. */
export interface PackRepairReport {
  readonly packs: PackRepairPlan;
  /** `undefined` when nothing is lost and there is no other repository. */
  readonly refill: RefillPlan | undefined;
  /** The command was given another repository. */
  readonly hasOther: boolean;
  /** `undefined` in a dry run. */
  readonly done: { readonly salvagedBlobs: number; readonly removedPacks: readonly string[] } | undefined;
  readonly refilled: RefillResult | undefined;
  readonly losses: readonly SnapshotLosses[];
}

export function printPackPlan(output: Output, { packs }: PackRepairPlan): void {
  if (output.settings.json) return;
  for (const { id, sizeBytes, unreadable, salvagedBlobs, salvagedBytes, lost } of packs) {
    const state =
      sizeBytes === undefined ? " (not in the store)" : unreadable === undefined ? "" : ` (${safeText(unreadable)})`;
    const gone = lost.filter(({ hasOtherCopy }) => !hasOtherCopy).length;
    output.print(
      `pack ${id}${state}: ${plural(salvagedBlobs, "blob")} (${formatBytes(salvagedBytes)}) can be saved, ${plural(gone, "blob")} lost`,
    );
  }
}

export function printRefillPlan(output: Output, { absent, blobs, bytes, unavailable }: RefillPlan): void {
  if (output.settings.json) return;
  if (absent === 0) return output.print("snapshots lack nothing that the other repository could give");
  const missing = unavailable.length === 0 ? "" : `; it does not have ${plural(unavailable.length, "blob")}`;
  output.print(`the other repository has ${plural(blobs, "blob")} (${formatBytes(bytes)}) of what is lost${missing}`);
}

/** Blobs that no good copy is left of, here or there; without the other repository as far as the packs tell. */
export function lostBlobs(report: PackRepairReport): (NeededBlob & { readonly reason: string })[] {
  const { packs, refill, refilled, hasOther } = report;
  if (!hasOther || refill === undefined) return lostOf(packs).map(({ type, id, reason }) => ({ type, id, reason }));
  const unavailable = refill.unavailable.map((blob) => ({ ...blob, reason: "the other repository does not have it" }));
  return [...unavailable, ...(refilled?.unreadable ?? [])];
}

function lostOf({ packs }: PackRepairPlan): LostBlob[] {
  return packs.flatMap((pack) => pack.lost).filter(({ hasOtherCopy }) => !hasOtherCopy);
}

export function printPackResult(output: Output, report: PackRepairReport): void {
  if (output.settings.json) return output.printJson(summaryJson(report));
  const { packs, done, refill, refilled, losses, hasOther } = report;
  if (packs.packs.length === 0 && refill?.absent === 0) return;
  if (done === undefined) output.print("dry run: nothing was changed");
  else {
    const taken = hasOther ? `, took ${plural(refilled?.blobs ?? 0, "blob")} from the other repository` : "";
    output.print(
      `saved ${plural(done.salvagedBlobs, "blob")}${taken}, removed ${plural(done.removedPacks.length, "pack")}`,
    );
  }
  printLosses(output, losses);
  if (losses.length === 0) return;
  if (!hasOther) {
    output.message("hint: with a second copy, `holdfast repair packs --from-repo LOCATION` brings back what it has");
  }
  output.message(
    "hint: back up again, which stores anew what the source still has; `holdfast repair snapshots --forget` then makes snapshots without what is lost",
  );
}

/** Each path once, with the snapshots that lack it. */
function printLosses(output: Output, losses: readonly SnapshotLosses[]): void {
  const snapshotsOf = new Map<string, { what: string; snapshots: string[] }>();
  for (const { id, parts } of losses) {
    for (const { kind, path, blobs } of parts) {
      const what = kind === "folder" ? "all that is in it" : `${plural(blobs.length, "part")} of its content`;
      const known = snapshotsOf.get(path) ?? { what, snapshots: [] };
      known.snapshots.push(shortId(id));
      snapshotsOf.set(path, known);
    }
  }
  if (snapshotsOf.size === 0) return;
  output.print("These files and folders cannot be restored whole:");
  for (const [path, { what, snapshots }] of [...snapshotsOf].slice(0, SHOWN_PATHS)) {
    output.print(`  ${displayPath(path)} (${snapshots.join(", ")}): ${what}`);
  }
  const more = snapshotsOf.size - SHOWN_PATHS;
  if (more > 0 || losses.some(({ isCutShort }) => isCutShort)) {
    output.print(more > 0 ? `  and ${plural(more, "more", "more")}` : "  and more");
  }
}

function summaryJson(report: PackRepairReport): unknown {
  const { done, hasOther, refill, refilled, losses } = report;
  return {
    message_type: "summary",
    dry_run: done === undefined ? true : undefined,
    salvaged_blobs: done?.salvagedBlobs ?? 0,
    removed_packs: done?.removedPacks ?? [],
    ...(hasOther ? { available_blobs: refill?.blobs ?? 0, available_bytes: refill?.bytes ?? 0 } : {}),
    ...(hasOther ? { taken_blobs: refilled?.blobs ?? 0, taken_bytes: refilled?.bytes ?? 0 } : {}),
    lost_blobs: lostBlobs(report),
    affected: losses.map(({ id, parts, isCutShort }) => ({
      snapshot_id: id,
      paths: parts.map(({ kind, path, reason }) => ({ kind, path, reason })),
      omitted: isCutShort,
    })),
  };
}
