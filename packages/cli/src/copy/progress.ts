/** The progress of a copy. */
import type { Copy, CopyProgress } from "@holdfast/engine";
import type { ProgressView } from "../output/progress.ts";
import { Rate } from "../output/rate.ts";
import { formatBytes, formatCount, formatDuration, plural, timeLeft } from "../output/units.ts";

const PHASES: Readonly<Record<CopyProgress["phase"], string>> = {
  index: "reading the indexes",
  trees: "looking for what the snapshots need",
  copying: "copying",
  done: "done",
};

export function copyProgress(copy: Copy): ProgressView {
  const rate = new Rate();
  let now = copy.progress();
  return {
    update: (nowMs) => {
      now = copy.progress();
      rate.add(now.bytesDone, nowMs);
    },
    block: () => [line(now, rate)],
    line: () => line(now, rate),
    json: () => ({
      message_type: "status",
      phase: now.phase,
      seconds_elapsed: Math.floor(now.elapsedMs / 1000),
      percent_done: now.bytesTotal === 0 ? 0 : now.bytesDone / now.bytesTotal,
      snapshots_done: now.snapshotsDone,
      total_snapshots: now.snapshotsTotal,
      blobs_done: now.blobsDone,
      total_blobs: now.blobsTotal,
      bytes_done: now.bytesDone,
      total_bytes: now.bytesTotal,
      packs_verified: now.packsVerified,
    }),
  };
}

function line(now: CopyProgress, rate: Rate): string {
  const head = `[${formatDuration(now.elapsedMs)}] ${PHASES[now.phase]}`;
  const snapshots = now.snapshotsTotal < 2 ? [] : [`${now.snapshotsDone} of ${now.snapshotsTotal} snapshots`];
  if (now.phase === "trees" && now.trees > 0) return `${head}: ${plural(now.trees, "folder")}`;
  if (now.phase !== "copying" || now.bytesTotal === 0) return head;
  const parts = [
    `${((now.bytesDone / now.bytesTotal) * 100).toFixed(1)}%`,
    ...snapshots,
    `${formatCount(now.blobsDone)} of ${plural(now.blobsTotal, "blob")}`,
    `${formatBytes(now.bytesDone)} of ${formatBytes(now.bytesTotal)}`,
    ...(now.packsVerified === 0 ? [] : [`${formatBytes(now.bytesVerified)} read back`]),
    `${formatBytes(rate.perSecond())}/s`,
    ...timeLeft(rate.remainingMs(now.bytesTotal - now.bytesDone)),
  ];
  return `${head}: ${parts.join(", ")}`;
}
