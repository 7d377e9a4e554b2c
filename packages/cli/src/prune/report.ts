/** What a prune would do, and what it did: for people, and for programs with restic's names where restic has them. */
import { type PrunePlan, type PruneResult, prunedPacks } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatCount, plural } from "../output/units.ts";

/** Prints a plan before it is executed. In JSON everything comes at the end. */
export function reportPlan(plan: PrunePlan, output: Output): void {
  if (output.settings.json) return;
  for (const line of planLines(plan)) output.print(line);
  if (output.settings.verbosity < 2) return;
  for (const action of ["remove", "repack"] as const) {
    for (const id of prunedPacks(plan, action)) output.print(`${action} pack ${id}`);
  }
}

/** Prints how it ended. @param result `undefined` for a dry run */
export function reportResult(plan: PrunePlan, result: PruneResult | undefined, output: Output): void {
  if (output.settings.json) output.printJson(summaryJson(plan, result));
  else if (result === undefined) output.print("dry run: nothing was changed");
  else if (plan.isNeeded) {
    output.print(
      `${result.isHidden ? "hid" : "removed"} ${plural(result.removedPacks, "pack")} (${formatBytes(result.removedBytes)})` +
        (result.newPacks === 0 ? "" : `, stored ${plural(result.newPacks, "new pack")}`) +
        (result.newIndexes === 0
          ? ""
          : `, replaced ${plural(result.removedIndexes, "index file")} by ${formatCount(result.newIndexes)}`),
    );
    for (const line of lockLines(result)) output.print(line);
  }
}

/** What locks and versions leave of a removal. */
function lockLines({ isHidden, removedBytes, lockedPacks, lockedBytes, lockedIndexes }: PruneResult): string[] {
  const later = "run prune again when their locks are over";
  return [
    ...(isHidden
      ? [
          `no space is free yet: the place keeps versions, so that ${formatBytes(removedBytes)} stay until their locks are over and a lifecycle rule of the bucket deletes them`,
        ]
      : []),
    ...(lockedIndexes > 0
      ? [
          `${plural(lockedIndexes, "old index file is", "old index files are")} locked, so no pack was removed: ${later}`,
        ]
      : []),
    ...(lockedPacks > 0
      ? [
          `${plural(lockedPacks, "pack")} (${formatBytes(lockedBytes)}) ${lockedPacks === 1 ? "is" : "are"} locked and stay: ${later}`,
        ]
      : []),
  ];
}

function planLines(plan: PrunePlan): string[] {
  const { blobs, bytes, packs, snapshots, expired, staysUnused } = plan;
  const rows: [string, number | undefined, number][] = [
    ["needed", blobs.used, bytes.used],
    ["duplicate", blobs.duplicate, bytes.duplicate],
    ["unneeded", blobs.unused, bytes.unused],
    ["packs that no index lists", undefined, bytes.unlisted],
    ["to be packed anew", blobs.repack, bytes.repack],
    ["removed by that", blobs.repackRemove, bytes.repackRemove],
    ["removed with whole packs", blobs.remove, bytes.remove + bytes.unlisted],
    ["left afterwards", blobs.remain, bytes.remain],
    ["of that unneeded", undefined, bytes.remainUnused],
  ];
  const shown = rows.filter(([, count, size]) => (count ?? 0) > 0 || size > 0);
  const cells = shown.map(([what, count, size]) => [
    what,
    count === undefined ? "" : formatCount(count),
    formatBytes(size),
  ]);
  const { live, inGrace } = snapshots;
  const kept = `keeps the data of ${plural(live, "snapshot")}`;
  const forgotten = inGrace === 0 ? "" : `, and of ${plural(inGrace, "forgotten one")} that can still be brought back`;
  return [
    `${kept}${forgotten}`,
    ...(expired.length === 0
      ? []
      : [
          `gives up ${plural(expired.length, "forgotten snapshot")}: ${expired.length === 1 ? "it" : "they"} can no longer be brought back`,
        ]),
    ...(shown.length === 0
      ? []
      : formatTable(
          [{ heading: "" }, { heading: "Blobs", align: "right" }, { heading: "Size", align: "right" }],
          cells,
        )),
    `packs: ${formatCount(packs.keep)} stay, ${formatCount(packs.repack)} are packed anew, ${formatCount(packs.removeTotal)} go`,
    ...notes(plan),
    ...staying("stay, which --max-unused allows", staysUnused.tolerated),
    ...staying("stay because of --max-repack-size", staysUnused.repackLimit),
    ...staying("stay because of --repack-cacheable-only", staysUnused.dataPacks),
    ...(plan.isNeeded ? [] : ["there is nothing to do"]),
  ];
}

function notes({ packs, snapshots }: PrunePlan): string[] {
  return [
    ...(snapshots.isForgottenComplete
      ? []
      : [
          "forgotten snapshots can no longer be brought back whole: another program has pruned, or the index lacks something (see `holdfast unforget --list`)",
        ]),
    ...(packs.missing === 0
      ? []
      : [`${plural(packs.missing, "pack")} that the index lists in vain, and nothing needs, will be listed no more`]),
    ...(packs.unlistedLeft === 0
      ? []
      : [
          `${plural(packs.unlistedLeft, "pack that no index lists stays", "packs that no index lists stay")}: younger than an hour, or needed perhaps`,
        ]),
  ];
}

function staying(why: string, bytes: number): string[] {
  return bytes === 0 ? [] : [`${formatBytes(bytes)} that nothing needs ${why}`];
}

function summaryJson(plan: PrunePlan, result: PruneResult | undefined): unknown {
  const { blobs, bytes, packs, snapshots, staysUnused } = plan;
  return {
    message_type: "summary",
    ...(result === undefined ? { dry_run: true } : {}),
    blobs: countsJson(blobs),
    bytes: {
      ...countsJson(bytes),
      unreferenced: bytes.unlisted,
      uncompressed: bytes.uncompressed,
      remaining_unused: bytes.remainUnused,
      unused_tolerated: staysUnused.tolerated,
      unused_by_repack_limit: staysUnused.repackLimit,
      unused_in_data_packs: staysUnused.dataPacks,
    },
    packfiles: {
      used: packs.used,
      partly_used: packs.partlyUsed,
      unused: packs.unused,
      unreferenced: packs.unlisted,
      unreferenced_left: packs.unlistedLeft,
      missing: packs.missing,
      total: packs.total,
      keep: packs.keep,
      repack: packs.repack,
      remove: packs.remove,
      remove_total: packs.removeTotal,
    },
    snapshots: {
      live: snapshots.live,
      forgotten: snapshots.inGrace,
      forgotten_complete: snapshots.isForgottenComplete,
    },
    expired_snapshots: plan.expired,
    ...(result === undefined
      ? {
          packs_to_remove: [...prunedPacks(plan, "remove")],
          packs_to_repack: [...prunedPacks(plan, "repack")],
        }
      : {
          moved_blobs: result.movedBlobs,
          moved_bytes: result.movedBytes,
          new_packs: result.newPacks,
          removed_packs: result.removedPacks,
          removed_bytes: result.removedBytes,
          new_indexes: result.newIndexes,
          removed_indexes: result.removedIndexes,
          freed_bytes: result.isHidden ? 0 : result.removedBytes,
          locked_packs: result.lockedPacks,
          locked_bytes: result.lockedBytes,
          locked_indexes: result.lockedIndexes,
        }),
  };
}

function countsJson(counts: PrunePlan["blobs"]): Record<string, number> {
  return {
    used: counts.used,
    duplicate: counts.duplicate,
    unused: counts.unused,
    total: counts.total,
    repack: counts.repack,
    repack_remove: counts.repackRemove,
    remove: counts.remove,
    remove_total: counts.removeTotal,
    remaining: counts.remain,
  };
}
